"""Percentiles, the goals, and the printed table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from scripts.benchmarks.player_page.tab import Json


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal in words; the figures that it compares; whether they meet it."""

    text: str
    needs: tuple[str, ...]
    is_met: Callable[..., bool]

    def told(self, figures: Mapping[str, object]) -> str:
        """The goal and whether it is met; empty without the figures for it."""
        values = [figures.get(name) for name in self.needs]
        if None in values:
            return ""
        return f"  goal {self.text}: {'met' if self.is_met(*values) else 'not met'}"


def _at_most(name: str, limit: float) -> Goal:
    return Goal(f"≤ {limit:g}", (name,), lambda value: value <= limit)


GOALS = {
    "click_to_mask_p50_ms": _at_most("click_to_mask_p50_ms", 120),
    "click_to_mask_p95_ms": _at_most("click_to_mask_p95_ms", 250),
    "hover_p95_ms": _at_most("hover_p95_ms", 80),
    "seek_p95_ms": _at_most("seek_p95_ms", 120),
    "play_fps": Goal("≥ 0.95 of the rate", ("play_fps", "play_rate_fps"), lambda fps, rate: fps >= 0.95 * rate),
    "open_ms_20000": Goal(
        "≤ 1.5 × 100 frames", ("open_ms_20000", "open_ms_100"), lambda long, short: long <= 1.5 * short
    ),
    "heap_mib_20000": _at_most("heap_mib_20000", 400),
}
RATIOS = {
    "play_over_rate": ("play_fps", "play_rate_fps"),
    "open_20000_over_100": ("open_ms_20000", "open_ms_100"),
    "pages_over_player_clicks": ("pages_clicks", "player_clicks"),
    "pages_over_player_seconds": ("pages_seconds", "player_seconds"),
}


def with_ratios(figures: Json) -> Json:
    """The figures, and the ratios of those that are there."""
    ratios = {
        name: round(figures[top] / figures[bottom], 2)
        for name, (top, bottom) in RATIOS.items()
        if figures.get(bottom) and top in figures
    }
    return {**figures, **ratios}


def table(figures: Mapping[str, object]) -> str:
    """One line per figure, with its goal and whether it is met."""
    lines = []
    for name, value in figures.items():
        goal = GOALS.get(name)
        lines.append(f"{name:28}{value!s:>10}{goal.told(figures) if goal else ''}")
    return "\n".join(lines)
