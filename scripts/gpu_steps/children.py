"""Runs a step as a child process: its figures are read while it runs, and its end is never this process's."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from backend.adapters.queue.child_process import tied_to_parent
from scripts.gpu_steps.plan import Step

FIGURES_FILE = "MASKLET_GPU_FIGURES"
"""The environment variable with the path of the file to which a step appends its figures, one JSON list a line."""
POLL_S = 0.2
_LONGEST_REASON = 300

Figure = float | str
Figures = dict[str, Figure]


@dataclass(slots=True)
class Outcome:
    """How a step ended. state: ok, failed, cut (by its bound) or left out. reason: why, for all but ok."""

    name: str
    state: str
    reason: str = ""
    seconds: float = 0.0
    figures: Figures = field(default_factory=dict)


def run_step(
    step: Step, folder: Path, bound_s: float, *, on_figures: Callable[[Outcome], None] = lambda _: None
) -> Outcome:
    """Runs a step for at most `bound_s` seconds. Its output is in `folder`, NAME.log.

    on_figures: called with the running step's outcome when figures have come.
    """
    figures_file, log_file = folder / f"{step.name}.figures", folder / f"{step.name}.log"
    figures_file.unlink(missing_ok=True)
    outcome = Outcome(step.name, "failed", "it was interrupted")
    started = time.monotonic()
    environment = {**os.environ, FIGURES_FILE: str(figures_file), "PYTHONUNBUFFERED": "1"}
    with log_file.open("wb") as log:
        # A process group of its own: what the step started ends with it.
        process = subprocess.Popen(
            tied_to_parent([sys.executable, *step.command]),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while process.poll() is None and time.monotonic() - started < bound_s:
            time.sleep(POLL_S)
            if _read_figures(figures_file, outcome):
                on_figures(outcome)
        was_cut = process.poll() is None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    _read_figures(figures_file, outcome)
    outcome.seconds = round(time.monotonic() - started, 1)
    if was_cut:
        outcome.state, outcome.reason = "cut", f"it did not end within {bound_s:.0f} s"
    elif process.returncode == 0:
        outcome.state, outcome.reason = "ok", ""
    else:
        outcome.reason = _reason(process.returncode, log_file)
    return outcome


def write_figure(key: str, value: Figure, environment: Mapping[str, str] = os.environ) -> None:
    """Appends a figure of the running step; prints it alone where no file is named."""
    print(f"  {key:44} {value if isinstance(value, str) else format(value, '.6g')}", flush=True)
    path = environment.get(FIGURES_FILE)
    if path:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(json.dumps([key, value]) + "\n")


def _read_figures(path: Path, outcome: Outcome) -> bool:
    """Whether figures have come since. A line without its end is not read yet."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole, _, _ = text.rpartition("\n")
    figures = dict(json.loads(line) for line in whole.splitlines())
    if figures == outcome.figures:
        return False
    outcome.figures = figures
    return True


def _reason(returncode: int, log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    last = lines[-1][:_LONGEST_REASON] if lines else "no output"
    if returncode < 0:
        return f"killed by {signal.Signals(-returncode).name}: {last}"
    return last
