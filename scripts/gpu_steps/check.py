"""Checks Masklet on a machine with a GPU and measures its figures there, in order of worth and in bounded time.

    ./scripts/gpu_check [--minutes 8] [--json FILE] [--device cuda|cpu] [--only STEP,...] [--commit HASH]

Each step is a process of its own with a bound: a crash, a hang or too little memory costs this step's figures only. The
JSON is written whenever a figure has come. A second run with the same file goes on with the steps that are not in it,
or with those of --only. With --device cpu every step runs at a small size, as a check of the code.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from scripts.commit import commit
from scripts.gpu_steps.children import Outcome, run_step
from scripts.gpu_steps.plan import Step, chosen, is_tiny, planned
from scripts.gpu_steps.report import Report, continued, markdown, unmet

ROOT = Path(__file__).parents[2]
DEFAULT_JSON = ROOT / "build" / "gpu_check" / "figures.json"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the steps. Returns 1 if a step failed or was cut, or if masks are not upstream's."""
    given = _parser().parse_args(arguments)
    if given.prepare:
        from scripts.gpu_steps.wheels import prepare

        return prepare()
    steps = chosen(planned(given.device), given.only)
    given.json.parent.mkdir(parents=True, exist_ok=True)
    about = {"commit": given.commit or commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "device": given.device}
    report = continued(about, given.json)
    if not given.only:
        steps = [step for step in steps if step.name not in report.outcomes]
    if is_tiny(given.device):
        print("on a CPU: every step at a small size, nothing compiled; the speeds mean nothing")
        os.environ["TORCHDYNAMO_DISABLE"] = "1"  # compiling takes minutes there
    run_all(steps, report, given.json, deadline_s=time.monotonic() + 60 * given.minutes)
    print("", *markdown(report), sep="\n")
    print(f"\nwritten to {given.json}; the steps' output is beside it")
    wrong = unmet(report.figures)
    if wrong:
        print(f"not within parity: {', '.join(wrong)}")
    return int(bool(wrong) or any(item.state in ("failed", "cut") for item in report.outcomes.values()))


def run_all(steps: Sequence[Step], report: Report, path: Path, *, deadline_s: float) -> None:
    """Runs steps until the deadline (time.monotonic); writes the report whenever a figure has come."""

    def keep(outcome: Outcome) -> None:
        report.add(outcome)
        report.write(path)

    for step in steps:
        left_s = deadline_s - time.monotonic()
        if left_s < min(step.least_s, step.bound_s):
            keep(Outcome(step.name, "left out", "no time was left"))
            print(f"{step.name}: left out, no time was left", flush=True)
            continue
        print(f"{step.name} …", flush=True)
        outcome = run_step(step, path.parent, min(step.bound_s, left_s), on_figures=keep)
        keep(outcome)
        for key, value in outcome.figures.items():
            print(f"  {key:44} {value if isinstance(value, str) else format(value, '.6g')}")
        print(f"  {outcome.state} after {outcome.seconds:.0f} s {outcome.reason}".rstrip(), flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="gpu_check", description="Masklet's checks and figures on a GPU.")
    parser.add_argument("--prepare", action="store_true", help="with network: fetch the wheels into build/gpu_wheels")
    parser.add_argument("--minutes", type=float, default=8.0, help="for all steps together; default: 8")
    parser.add_argument("--json", type=Path, default=DEFAULT_JSON, help="the report; default: build/gpu_check")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"), help="default: cuda; cpu: small sizes")
    parser.add_argument("--only", default="", help="steps, comma-separated, run again if the report has them")
    parser.add_argument("--commit", default="", help="the commit that the report names; default: git's")
    return parser


if __name__ == "__main__":
    sys.exit(main())
