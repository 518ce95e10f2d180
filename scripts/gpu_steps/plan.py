"""The steps in order of worth, each with its bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MODELS = ("tiny", "large")
WAYS = ("ours", "eager", "ours_graphs", "ours_default", "vos_optimized", "ours_max")
"""Our engine as written and in each way of MASKLET_COMPILE; upstream's predictor as written and compiled."""
COMPILED = frozenset({"ours_default", "ours_max", "vos_optimized"})
"""Ways that compile for minutes."""

CPU_PATIENCE = 5
"""Bounds are for a GPU; without one, or beside other work, the small sizes take longer."""


@dataclass(frozen=True, slots=True)
class Step:
    """One child process. command: its argv after the interpreter. bound_s: it is cut after these seconds.

    least_s: it is not started with fewer seconds left.
    """

    name: str
    command: tuple[str, ...]
    bound_s: float
    least_s: float = 20.0


def planned(device: str) -> list[Step]:
    """All steps. On a CPU they have small sizes, for a check of the code, and compile nothing."""
    tiny = is_tiny(device)
    models = MODELS[:1] if tiny else MODELS
    quick = [way for way in WAYS if way not in COMPILED]
    return [
        _step("machine", device, 60),
        *(_step(f"parity.{model}", device, 90) for model in ("demo", *models)),
        _step("tests", device, 120),
        _step("attention", device, 40),
        *(_step(f"speed.{model}.{way}", device, 90) for model in models for way in quick),
        _step("first_mask", device, 60),
        _step("memory", device, 120),
        _step("under_load", device, 150),
        *(
            _step(f"speed.{model}.{way}", device, 240, least_s=60)
            for way in WAYS
            if way in COMPILED
            for model in models
        ),
        _step("tests.compiled", device, 240, least_s=60),
        _step("values", device, 60),
    ]


def is_tiny(device: str) -> bool:
    return device == "cpu"


def chosen(steps: Sequence[Step], wanted: str) -> list[Step]:
    """The steps whose names begin with one of a comma-separated list; all for an empty one. Raises SystemExit."""
    starts = [name.strip() for name in wanted.split(",") if name.strip()]
    for start in starts:
        if not any(_belongs(step, start) for step in steps):
            raise SystemExit(f"there is no step {start!r}; choose from {', '.join(step.name for step in steps)}")
    return [step for step in steps if not starts or any(_belongs(step, start) for start in starts)]


def _belongs(step: Step, start: str) -> bool:
    return step.name == start or step.name.startswith(f"{start}.")


def _step(name: str, device: str, bound_s: float, *, least_s: float = 20.0) -> Step:
    command = ("-P", "-m", "scripts.gpu_steps.work", name, "--device", device)
    return Step(name, command, bound_s * (CPU_PATIENCE if is_tiny(device) else 1), least_s)
