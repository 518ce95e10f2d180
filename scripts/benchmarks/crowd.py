"""Judges the crowd's quality figures with simulated people of stated skills on generated clips with truth.

    ./scripts/bench crowd [--json FILE] [--quick] [--seeds 1,2,3] [--tasks N]

20 people (9 careful, 7 hasty, one who accepts every pre-label, one who clicks anywhere, one who swaps two objects, one
who tires), overlap 3, a tenth of the tasks gold. Every figure is made by the code that is shipped: agreement, trust,
consensus, gold, adjudication; only people and clips are simulated. Intervals: 95 %, tasks drawn with replacement. The
consensus is judged as submitted, and after the work of people who are to be sent back was done again by others.
Constants were tuned on seeds from 101 on; those of the default are reported. Routing is judged by
`./scripts/attacks routing`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from scripts.benchmarks.crowd_simulation.figures import Judged, figures_of, judged
from scripts.benchmarks.crowd_simulation.gold import gold_figures
from scripts.benchmarks.crowd_simulation.people import crowd
from scripts.benchmarks.crowd_simulation.work import simulated_work

TASKS, QUICK_TASKS = 120, 12
SEEDS = "1,2,3"
SEQUENCES, QUICK_SEQUENCES = 12, 1
CLIPS_A_SEED = 1000
Report = dict[str, object]


def _excludes_zero(value: object) -> bool:
    assert isinstance(value, Mapping)
    return all(float(value[name][0]) > 0 for name in ("minus_best_person", "minus_majority"))


def _number(value: object) -> float:
    return float(value["value"] if isinstance(value, Mapping) else str(value))


GOALS: Mapping[str, tuple[str, Callable[[object], bool]]] = {
    "consensus_j": ("above the best person and the majority, intervals without 0", _excludes_zero),
    "trust_spearman": (">= 0.9", lambda value: _number(value) >= 0.9),
    "bad_found_after_gold": ("<= 15 frames, median", lambda value: _number(value) <= 15),
    "good_flagged": ("<= 0.02", lambda value: _number(value) <= 0.02),
    "effort_saved": ("> 0 at equal final error", lambda value: isinstance(value, Mapping) and value["interval"][0] > 0),
    "adjudication_auc": (">= 0.8", lambda value: _number(value) >= 0.8),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulates the work of each seed and prints each figure beside its goal."""
    given = _parser().parse_args(arguments)
    seeds = [int(seed) for seed in given.seeds.split(",")]
    started_s = time.perf_counter()
    report = crowd_report(
        seeds,
        tasks=QUICK_TASKS if given.quick else given.tasks,
        sequences=QUICK_SEQUENCES if given.quick else SEQUENCES,
    )
    report |= {
        "seeds": seeds,
        "seconds": round(time.perf_counter() - started_s, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "date": datetime.now(UTC).date().isoformat(),
    }
    _show(report)
    if given.json:
        given.json.write_text(json.dumps(_rounded(report), indent=2) + "\n", encoding="utf-8")


def crowd_report(seeds: Sequence[int], *, tasks: int, sequences: int) -> Report:
    """All figures over all seeds, and whether each goal is met."""
    work: list[Judged] = []
    for seed in seeds:
        people = crowd(seed)
        made = simulated_work(people, seed, tasks, first_clip=CLIPS_A_SEED * seed)
        work.append(judged(people, made, seed))
        print(f"seed {seed}: {len(made)} tasks of {len(people)} people are judged", flush=True)
    found: Report = {
        "tasks": tasks,
        **figures_of(work),
        **gold_figures(seeds, sequences=sequences, first_clip=500 * CLIPS_A_SEED),
    }
    found["gates"] = {name: holds(found[name]) for name, (_, holds) in GOALS.items()}
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench crowd", description="Do trust, consensus and gold do their work?")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="a check of the code, not a measurement")
    parser.add_argument("--seeds", default=SEEDS, help="simulated crowds; constants are tuned on seeds from 101 on")
    parser.add_argument("--tasks", type=int, default=TASKS, help="tasks of each seed")
    return parser


def _show(report: Report) -> None:
    gates = report["gates"]
    assert isinstance(gates, dict)
    for name, (goal, _) in GOALS.items():
        print(f"{name}: {json.dumps(_rounded(report[name]))}\n    goal: {goal}; {'met' if gates[name] else 'NOT MET'}")
    print(f"people: {json.dumps(_rounded(report['people']))}")
    print("routing (lost, doubled): ./scripts/attacks routing")


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return round(value, 4) if np.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _rounded(each) for name, each in value.items()}
    return [_rounded(each) for each in value] if isinstance(value, list | tuple) else value


if __name__ == "__main__":
    main()
