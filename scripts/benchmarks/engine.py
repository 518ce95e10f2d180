"""Compares our engine with SAM 2's own video predictor in one run: same weights, same frames, same prompts.

    ./scripts/bench engine [--json FILE] [--quick] [--only FIGURE,...] [--device cpu|cuda] [--threads N]
                           [--models MODEL,...] [--ways WAY,...]

Each figure is a module in engine_figures and can run alone. A speed is the ratio of the best times of alternating
repeats; above 1, ours is faster. Prints the rows of docs/benchmarks.md at the end.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import platform
import time
import warnings
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import torch

from backend.adapters.sam2.runtime.compiled_steps import MODES
from backend.adapters.sam2.runtime.device import choose_device
from scripts.benchmarks.engine_figures import (
    busy_cores,
    cuda,
    first_mask,
    image_sizes,
    memory,
    parity,
    precision,
    refine,
    resume,
    shares,
    speed,
    under_load,
    values,
)
from scripts.benchmarks.engine_figures.goals import GOALS, markdown
from scripts.benchmarks.engine_figures.setup import Measure, Setup

FIGURES: Mapping[str, Measure] = {
    "parity": parity.measure,
    "speed": speed.measure,
    "refine": refine.measure,
    "image_sizes": image_sizes.measure,
    "precision": precision.measure,
    "trackers": image_sizes.measure_trackers,
    "first_mask": first_mask.measure,
    "shares": shares.measure,
    "resume": resume.measure,
    "interactive": under_load.measure,
    "busy_cores": busy_cores.measure,
    "memory": memory.measure,
    "values": values.measure,
    "cuda": cuda.measure,
}


def main(arguments: Sequence[str] | None = None) -> None:
    given = _parser().parse_args(arguments)
    device = choose_device(given.device, threads=given.threads)
    setup = Setup(
        device,
        given.threads,
        given.quick,
        models=named(given.models, "model", cuda.MODELS),
        ways=named(given.ways, "way of compiling", MODES),
    )
    if device.type == "cuda":
        # The warm-up logs its choices and compilations, which belong to the figures.
        logging.basicConfig(level=logging.INFO, format="  %(message)s")
    report: dict[str, object] = about(setup)
    for name in chosen(given.only, device):
        print(f"{name} …", flush=True)
        started = time.perf_counter()
        for key, value in FIGURES[name](setup):
            report[key] = value
            print(f"  {key:44} {value:.6g}", flush=True)
        print(f"  ({time.perf_counter() - started:.0f} s)", flush=True)
    print("", *markdown(report), sep="\n")
    if given.json:
        given.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        print(f"\nwritten to {given.json}")


def about(setup: Setup) -> dict[str, object]:
    """The conditions of the figures: device, threads, load and versions."""
    cuda_name = torch.cuda.get_device_name(setup.device) if setup.device.type == "cuda" else ""
    return {
        "device": cuda_name or str(setup.device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 2),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "quick": setup.quick,
    }


def chosen(wanted: str, device: torch.device) -> list[str]:
    """The named figures, or all figures of the device if none is named. Raises SystemExit for an unknown name."""
    names = named(wanted, "figure", FIGURES)
    return list(names or [name for name in FIGURES if name != "cuda" or device.type == "cuda"])


def named(wanted: str, kind: str, known: Collection[str]) -> tuple[str, ...] | None:
    """The names of a comma-separated list; None for an empty list. Raises SystemExit for an unknown name."""
    names = tuple(name.strip() for name in wanted.split(",") if name.strip())
    unknown = [name for name in names if name not in known]
    if unknown:
        raise SystemExit(f"there is no {kind} {unknown[0]!r}; choose from {', '.join(known)}")
    return names or None


def _parser() -> argparse.ArgumentParser:
    goals = ", ".join(goal.key for goal in GOALS)
    parser = argparse.ArgumentParser(
        prog="bench engine", description="Our engine against SAM 2's own predictor.", epilog=f"Goals: {goals}."
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="few frames each: a check of the code, not a measurement")
    parser.add_argument("--only", default="", help=f"figures, comma-separated: {', '.join(FIGURES)}")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:N")
    parser.add_argument("--models", default="", help=f"of the cuda figure, comma-separated: {', '.join(cuda.MODELS)}")
    parser.add_argument("--ways", default="", help=f"of compiling, likewise: {', '.join(MODES)}")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads per side; 0: all cores; default: 1")
    return parser


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
