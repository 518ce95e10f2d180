"""Runs attacks, each in a process of its own and within a time limit, and prints their figures beside the goals."""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

FAILED = 1
"""Exit status if a goal is missed or an attack did not end."""

QUICK_SHARE = 0.25
"""The share of the time limit that --quick has."""


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack. goals: the largest allowed value of each figure. limit_s: the time limit in seconds."""

    name: str
    description: str
    goals: dict[str, float]
    limit_s: float = 1200.0


ATTACKS = (
    Attack("kills", "kill -9 of web, workers, queue and supervisor", {"lost": 0, "doubled": 0}, limit_s=3600.0),
    Attack(
        "crowd",
        "20 people carry, box and click at once on one task; 3,000 tasks at once",
        {"empty": 0, "refused": 0, "computed_without_waiter": 0, "reconciler_share": 0.02},
    ),
)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/attacks", description=__doc__)
    known = {attack.name: attack for attack in ATTACKS}
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; default: all")
    parser.add_argument("--quick", action="store_true", help="fewer repeats")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := [name for name in given.names if name not in known]:
        parser.error(f"there is no attack {unknown[0]!r}; there are {', '.join(known)}")
    if given.in_process:
        print(json.dumps(importlib.import_module(f"scripts.attack_runs.{given.names[0]}").run(given.quick)))
        return 0
    chosen = [known[name] for name in given.names] or list(ATTACKS)
    figures = {attack.name: run(attack, quick=given.quick) for attack in chosen}
    if given.json is not None:
        given.json.write_text(json.dumps(figures, indent=2) + "\n")
    missed = [attack.name for attack in chosen if not show(attack, figures[attack.name])]
    return FAILED if missed else 0


def run(attack: Attack, *, quick: bool) -> dict[str, object]:
    """The figures of one attack; `error` if it did not end within its limit or ended with an error."""
    command = [sys.executable, "-P", "-m", "scripts.attack_runs", attack.name, "--in-process"]
    limit_s = attack.limit_s * (QUICK_SHARE if quick else 1.0)
    try:
        done = subprocess.run(
            [*command, "--quick"] if quick else command, stdout=subprocess.PIPE, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return {"error": f"did not end within {limit_s:.0f} s"}
    if done.returncode:
        return {"error": f"ended with status {done.returncode}"}
    figures: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return figures


def show(attack: Attack, figures: dict[str, object]) -> bool:
    """Prints the figures; returns whether every goal is met."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{attack.name}: {attack.description}")
    met = "error" not in figures
    for key, value in figures.items():
        goal = attack.goals.get(key)
        holds = goal is None or (isinstance(value, int | float) and value <= goal)
        met = met and holds
        console.print(
            f"  {key}: {value}" + ("" if goal is None else f" (goal: at most {goal:g}; {'met' if holds else 'MISSED'})")
        )
    absent = sorted(set(attack.goals) - set(figures))
    if absent and "error" not in figures:
        console.print(f"  figures without a value: {', '.join(absent)}")
    return met and not absent


if __name__ == "__main__":
    sys.exit(main())
