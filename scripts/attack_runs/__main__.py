"""Runs attacks, each in a process of its own and within a time limit, and prints their figures beside the goals."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import math
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

FAILED = 1
"""Exit status if a goal is missed or an attack did not end."""

QUICK_SHARE = 0.25
"""The share of the time limit that --quick has."""


@dataclass(frozen=True, slots=True)
class Attack:
    """An attack. most, least: the largest and smallest allowed value of figures. limit_s: the time limit in seconds."""

    name: str
    description: str
    most: dict[str, float]
    least: dict[str, float] = field(default_factory=dict)
    limit_s: float = 1200.0


ATTACKS = (
    Attack(
        "kills",
        "kill -9 of web, workers, queue, supervisor and PostgreSQL while people click",
        {"lost": 0, "doubled": 0},
        {"accepted": 1},
        limit_s=3600.0,
    ),
    Attack(
        "routing",
        "kill -9 of the web process that routes, while people select, track and verify in a real Label Studio",
        {"lost": 0, "doubled": 0},
        {"submitted": 1, "ended": 1},
        limit_s=7200.0,
    ),
    Attack(
        "outage",
        "Label Studio answers errors, hangs or breaks connections, for seconds to half an hour of a shifted clock",
        {
            "never_pushed": 0,
            "never_adopted": 0,
            "doubled": 0,
            "failed_jobs": 0,
            "skipped": 0,
            "seconds_back_after_recovery": 120,
        },
        limit_s=7200.0,
    ),
    Attack(
        "hung",
        "SIGSTOP of web, workers and queue at random stages",
        {"not_replaced": 0, "lost": 0, "doubled": 0, "replaced_max_s": 50},
    ),
    Attack(
        "slow",
        "media that come slowly or never, beside other people's clicks",
        {"other_clicks_failed": 0, "health_p99_s": 1, "other_clicks_p95_s": 2},
    ),
    Attack(
        "poison",
        "a file that kills its decoder, and mutated files",
        {"tries": 3, "unexpected": 0},
        {"refused": 1, "others_open": 1, "mutated": 1},
    ),
    Attack("disk", "a full disk at every write", {"other_than_507": 0}, {"resumed": 1}),
    Attack(
        "clock",
        "the machine's clock set back and forward by an hour",
        {"false_abandonments": 0, "pushes_missed": 0, "dead_worker_checks_missed": 0, "waiters_ended_early": 0},
    ),
    Attack(
        "crowd",
        "20 people on one task at once; clicks of a slow worker; 3,000 queued tasks",
        {"empty": 0, "refused": 0, "computed_without_waiter": 0, "reconciler_share": 0.1},
        {"answered": 1},
    ),
    Attack(
        "bad_inputs",
        "bodies, calls, addresses and media that are wrong",
        {"server_errors": 0, "unexpected": 0, "rss_growth_mib": 200},
        {"inputs": 120, "good_click_afterwards": 200},
    ),
    Attack(
        "strangers",
        "web pages of other origins, unfinished requests, deep and large bodies, files of other projects",
        {"not_refused": 0, "fetched_for_others": 0, "health_p99_s": 1},
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
        logging.disable(logging.ERROR)
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
    """Prints the figures; returns whether every goal is met. An attack that this machine does not allow is shown."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    console.print(f"{attack.name}: {attack.description}")
    goals = {
        **{key: f"at most {bound:g}" for key, bound in attack.most.items()},
        **{key: f"at least {bound:g}" for key, bound in attack.least.items()},
    }
    missed = [key for key in goals if not is_met(attack, key, figures.get(key))]
    for key, value in figures.items():
        goal = f" (goal: {goals[key]}; {'MISSED' if key in missed else 'met'})" if key in goals else ""
        if isinstance(value, list) and value and isinstance(value[0], dict):
            console.print(f"  {key}: {len(value)}{goal}")
            for row in value:
                console.print("    " + "; ".join(str(cell) for cell in row.values()))
        else:
            console.print(f"  {key}: {value}{goal}")
    if isinstance(figures.get("skipped"), str):
        return True
    for key in missed:
        if key not in figures:
            console.print(f"  {key}: no value (goal: {goals[key]}; MISSED)")
    return not missed and "error" not in figures


def is_met(attack: Attack, key: str, value: object) -> bool:
    """Whether a figure meets its goal. A list counts by its length."""
    number = len(value) if isinstance(value, list) else value
    if not isinstance(number, int | float):
        return False
    return number <= attack.most.get(key, math.inf) and number >= attack.least.get(key, -math.inf)


if __name__ == "__main__":
    sys.exit(main())
