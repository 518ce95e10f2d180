"""The goals of the figures, and their rows in docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on one figure: a minimum if at_least, otherwise a maximum."""

    key: str
    description: str
    bound: float
    at_least: bool
    number_format: str = "{:.2f}"

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    @property
    def bound_text(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


GOALS: Sequence[Goal] = (
    Goal("parity.iou_min", "smallest IoU with upstream's mask", 0.999, at_least=True, number_format="{:.6f}"),
    Goal("parity.logit_max", "largest difference of a logit", 1e-3, at_least=False, number_format="{:.2g}"),
    Goal(
        "memory.host_mib_per_frame", "host memory per further frame, MiB", 0.02, at_least=False, number_format="{:.4f}"
    ),
    Goal(
        "memory.device_mib_per_frame",
        "device memory per further frame, MiB",
        0.0,
        at_least=False,
        number_format="{:.4f}",
    ),
    Goal("speed.one_object", "one object, upstream's time ÷ ours", 1.1, at_least=True),
    Goal("speed.five_objects", "five objects, upstream's time ÷ ours", 1.5, at_least=True),
    Goal(
        "precision.frame_1_over_upstream_float32",
        "tiny's shape at 512 px, a frame of one object: upstream's time in float32 ÷ ours in bfloat16",
        1.3,
        at_least=True,
    ),
    Goal("speed.refine", "tiny's shape at 512 px: first pass ÷ the pass after a correction", 1.8, at_least=True),
    Goal("speed.first_mask_long_over_short", "first mask of 20,000 frames ÷ of 100", 1.2, at_least=False),
    Goal("resume.kills", "SIGKILLs at random moments", 20, at_least=True, number_format="{:.0f}"),
    Goal(
        "resume.identical",
        "masks and evidence the same, bit for bit (1: yes)",
        1,
        at_least=True,
        number_format="{:.0f}",
    ),
    Goal("interactive.p95_over_frame", "p95 of a click under load ÷ (a frame + the click's own)", 1.5, at_least=False),
)


def markdown(figures: Mapping[str, object]) -> list[str]:
    """Table rows of the measured goals, then a table of the shares of time by part."""
    rows = ["| figure | key | goal | measured | met |", "|---|---|---|---|---|"]
    for goal in GOALS:
        value = figures.get(goal.key)
        if isinstance(value, float):
            met = "yes" if goal.is_met(value) else "no"
            measured = goal.number_format.format(value)
            rows.append(f"| {goal.description} | `{goal.key}` | {goal.bound_text} | {measured} | {met} |")
    return rows + _share_rows(figures)


def _share_rows(figures: Mapping[str, object]) -> list[str]:
    prefix = "share.one_object."
    parts = [key.removeprefix(prefix) for key in figures if key.startswith(prefix)]
    if not parts:
        return []
    rows = ["", "| part | one object | five objects |", "|---|---|---|"]
    for part in parts:
        one, five = (figures.get(f"share.{label}.{part}") for label in ("one_object", "five_objects"))
        rows.append(f"| {part.replace('_', ' ')} | {_percent(one)} | {_percent(five)} |")
    return rows


def _percent(value: object) -> str:
    return f"{value:.0%}" if isinstance(value, float) else "–"
