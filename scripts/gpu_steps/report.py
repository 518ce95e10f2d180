"""The report: JSON after every step, and the tables of docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from backend.codecs.atomic_file import write_atomically
from scripts.gpu_steps.children import Figure, Outcome
from scripts.gpu_steps.plan import WAYS

TARGETS: Mapping[str, float] = {"tiny.1": 250, "tiny.10": 60, "large.1": 120, "large.10": 50}
"""Frames a second at 1024 px on an H200, frames from memory."""
_WAY_NAMES = {
    "ours": "ours",
    "eager": "upstream",
    "ours_graphs": "graphs",
    "ours_default": "default",
    "vos_optimized": "vos_optimized",
    "ours_max": "max",
}
_OURS = tuple(way for way in WAYS if way.startswith("ours"))
_THEIRS = tuple(way for way in WAYS if way not in _OURS)


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound on one figure: a minimum if at_least, otherwise a maximum. end: of the figure's key."""

    end: str
    bound: float
    at_least: bool = False

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound


GOALS = (
    Goal("bf16_over_upstream", 1.1),
    Goal("fp32_over_upstream_bf16", 1.0),
    Goal("demo.exact_iou_min", 0.99, at_least=True),
    Goal("exact_iou_min", 0.999, at_least=True),
    Goal("on_the_host_iou_min", 0.99, at_least=True),
    Goal("device_mib_per_frame", 0.001),
    Goal("host_mib_per_frame", 0.02),
    Goal("p95_over_frame", 1.5),
    Goal("long_over_short", 1.2),
)


@dataclass(slots=True)
class Report:
    """The outcomes of the steps by name. about: commit, date and device."""

    about: dict[str, str]
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def figures(self) -> dict[str, Figure]:
        return {key: value for outcome in self.outcomes.values() for key, value in outcome.figures.items()}

    def add(self, outcome: Outcome) -> None:
        self.outcomes[outcome.name] = outcome

    def write(self, path: Path) -> None:
        content = {"about": self.about, "steps": [asdict(outcome) for outcome in self.outcomes.values()]}
        write_atomically(path, (json.dumps(content, indent=2) + "\n").encode())


def continued(about: Mapping[str, str], path: Path) -> Report:
    """A report with the outcomes of an earlier run of the same commit on the same device, if the file has one."""
    report = Report(dict(about))
    if not path.exists():
        return report
    content = json.loads(path.read_text(encoding="utf-8"))
    if all(content["about"].get(key) == about[key] for key in ("commit", "device")):
        for step in content["steps"]:
            if step["state"] != "left out":
                report.add(Outcome(**step))
    return report


def markdown(report: Report) -> list[str]:
    """The conditions, the table of frames a second, the other figures, and what did not come."""
    figures = report.figures
    about = {**report.about, **{key: str(figures[key]) for key in figures if key.startswith("machine.")}}
    lines = ["; ".join(f"{key.removeprefix('machine.')} {value}" for key, value in about.items() if value) + "."]
    lines += _speed_table(figures)
    lines += _other_table(figures)
    lost = [item for item in report.outcomes.values() if item.state != "ok"]
    if lost:
        lines += ["", "| step | state | reason |", "|---|---|---|"]
        lines += [f"| `{item.name}` | {item.state} | {_cell(item.reason)} |" for item in lost]
    return lines


def _speed_table(figures: Mapping[str, Figure]) -> list[str]:
    rows = sorted({key.rpartition(".")[0] for key in figures if key.startswith("speed.")}, key=_row_order)
    if not rows:
        return []
    lines = [
        "",
        "Frames a second:",
        "",
        "| model | objects | scope | "
        + " | ".join(_WAY_NAMES.values())
        + " | best of ours ÷ best of upstream | target |",
        "|---|---|---|" + "---|" * (len(_WAY_NAMES) + 2),
    ]
    for row in rows:
        _, model, objects, scope = row.split(".")
        values = {way: figures.get(f"{row}.{way}") for way in WAYS}
        ours, theirs = (_best([values[way] for way in ways]) for ways in (_OURS, _THEIRS))
        ratio = f"{ours / theirs:.2f}" if ours and theirs else "–"
        target = TARGETS.get(f"{model}.{objects}") if scope == "gpu" else None
        cells = " | ".join(_number(values[way]) for way in WAYS)
        shown_target = "–" if target is None else f"≥ {target:g}"
        lines.append(f"| {model} | {objects} | {scope} | {cells} | {ratio} | {shown_target} |")
    return lines


def _row_order(row: str) -> tuple[bool, int, str]:
    _, model, objects, scope = row.split(".")
    return model != "tiny", int(objects), scope


def _other_table(figures: Mapping[str, Figure]) -> list[str]:
    others = {key: value for key, value in figures.items() if not key.startswith(("speed.", "machine."))}
    if not others:
        return []
    lines = ["", "| key | measured | goal | met |", "|---|---|---|---|"]
    for key, value in others.items():
        goal = next((goal for goal in GOALS if key.endswith(goal.end)), None)
        if goal is None or isinstance(value, str):
            lines.append(f"| `{key}` | {_number(value)} | | |")
            continue
        met = "yes" if goal.is_met(value) else "no"
        lines.append(f"| `{key}` | {_number(value)} | {'≥' if goal.at_least else '≤'} {goal.bound:g} | {met} |")
    return lines


def unmet(figures: Mapping[str, Figure]) -> list[str]:
    """The keys of the parity figures that miss their goal: a wrong mask, not a slow one."""
    return [
        key
        for key, value in figures.items()
        for goal in GOALS
        if key.startswith("parity.") and key.endswith(goal.end) and isinstance(value, float) and not goal.is_met(value)
    ]


def _best(values: Sequence[Figure | None]) -> float:
    return max((value for value in values if isinstance(value, float)), default=0.0)


def _number(value: Figure | None) -> str:
    if value is None:
        return "–"
    return _cell(value) if isinstance(value, str) else f"{value:.4g}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
