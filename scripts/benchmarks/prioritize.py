"""Compares policies for the choice of the next frame, with a simulated annotator over eight rounds.

    ./scripts/bench prioritize [--json FILE] [--quick] [--clicks] [--davis DIR] [--model NAME] [--clips N]

The first frame is given as truth. In each round the policy chooses a frame, the annotator replaces it by the truth
(with --clicks: corrects it with three clicks), and the clip is propagated again. auc: the mean J&F over rounds 0 to 8
and all frames but the first; human frames count as drawn, and `auc_undrawn` excludes them. auc_seconds: the mean over a
person's seconds (80 per mask, 1.5 per click, 3 per absent object) up to eight masks. `oracle` is the better of two
policies that know the truth: the worst frame, and ours with the true loss as uncertainty. Intervals: 95 %, clips drawn,
policies paired within a clip.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.weights.calibrators import find_calibrator
from backend.adapters.sam2.weights.checkpoints import AUTO, find
from backend.adapters.sam2.weights.image_size import at_image_size
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.prioritization import Policy
from backend.evaluation.calibration_metrics import mean_interval, ratio_interval
from backend.training.calibration.tracking_runs import LabelledClip
from scripts.benchmarks.clip_folders import clip_names, read_clip
from scripts.benchmarks.engine_pool import EnginePool
from scripts.benchmarks.interaction import (
    CLICK_S,
    CLICKS,
    MASK_S,
    ROUNDS,
    PolicyResult,
    annotator_of,
    policies,
    run_policy,
)
from scripts.benchmarks.uncertainty import require_held_out, rounded, show
from scripts.calibration.clip_appearance import Split
from scripts.calibration.clips import split_clip

CLIPS, QUICK_CLIPS = 200, 4
FRAMES = 24
RANDOMS = 5

Results = dict[str, list[PolicyResult]]
Values = NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs every policy on every clip and compares the results."""
    given = _parser().parse_args(arguments)
    started_s = time.perf_counter()
    checkpoint = at_image_size(find(given.model, given.model_dir), AUTO, on_gpu=given.device != "cpu")
    calibrator = require_held_out(find_calibrator(checkpoint))
    pool = EnginePool(checkpoint.name, given.device, given.workers, given.model_dir)
    count = QUICK_CLIPS if given.quick else given.clips
    items: Sequence[str | int] = clip_names(given.davis)[:count] if given.davis else range(count)
    work = partial(_run_all_policies, given.davis, Split(given.split), calibrator, given.clicks)
    results = [one for one in pool.map(work, items, label="clips") if one]
    report = compared({name: [one[name] for one in results] for name in results[0]}, clicks=given.clicks)
    report |= {
        "model": checkpoint.version,
        "calibrator": calibrator.digest if calibrator else None,
        "set": given.davis.name if given.davis else f"trial clips, {given.split} split, {FRAMES} frames",
        "correction": f"{CLICKS} clicks" if given.clicks else "mask",
        "seconds": time.perf_counter() - started_s,
    }
    show(report)
    if given.json:
        given.json.write_text(json.dumps(rounded(report), indent=2) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench prioritize", description="Does the choice of the next frame save work?"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_CLIPS} clips: a check of the code, not a measurement"
    )
    parser.add_argument("--clicks", action="store_true", help=f"correct with {CLICKS} clicks instead of the mask")
    parser.add_argument("--davis", type=Path, help="a folder in DAVIS or SA-V layout instead of the generated clips")
    parser.add_argument(
        "--split",
        default="test",
        choices=[split.value for split in Split],
        help="split of the clips; policies are tuned on calibration",
    )
    parser.add_argument("--model", default="demo")
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one per core")
    parser.add_argument("--device", default="cpu")
    return parser


def _run_all_policies(
    folder: Path | None, split: Split, calibrator: Calibrator | None, clicks: bool, engine: Sam2Engine, item: str | int
) -> dict[str, PolicyResult]:
    """The result of every policy on one clip; empty if no object is visible on the first frame."""
    clip: LabelledClip = read_clip(folder, str(item)) if folder else split_clip(split, int(item), frames=FRAMES)
    annotator = annotator_of(engine, clip, calibrator, clicks=clicks)
    if annotator is None:
        return {}
    return {name: run_policy(annotator, choose) for name, choose in policies(Policy(), RANDOMS).items()}


def compared(results: Results, *, clicks: bool) -> dict[str, object]:
    """All figures of all policies. `random` is the mean of its streams per clip."""
    budget_s = ROUNDS * (CLICKS * CLICK_S if clicks else MASK_S)
    area = _pooled({name: np.array([_mean(one.quality) for one in runs]) for name, runs in results.items()})
    undrawn = _pooled({name: np.array([_mean(one.undrawn) for one in runs]) for name, runs in results.items()})
    timed = _pooled(
        {name: np.array([mean_over_seconds(one, budget_s) for one in runs]) for name, runs in results.items()}
    )
    auc = {name: float(values.mean()) for name, values in area.items()}
    gap = auc["oracle"] - auc["random"]
    report: dict[str, object] = {
        "clips": len(area["ours"]),
        "auc": auc,
        "auc_undrawn": {name: float(values.mean()) for name, values in undrawn.items()},
        "auc_seconds": {name: float(values.mean()) for name, values in timed.items()},
        "ci": {f"ours_minus_{name}": mean_interval(area["ours"] - area[name]) for name in area if name != "ours"},
        "rounds": {
            name: [_mean([one.quality[r] for one in runs]) for r in range(ROUNDS + 1)] for name, runs in results.items()
        },
        "failing_after": {name: _mean([one.failing[-1] for one in runs]) for name, runs in results.items()},
        "rounds_to_90": {name: rounds_to_90(runs) for name, runs in results.items()},
        "gap_closed": (auc["ours"] - auc["random"]) / gap if gap > 0 else float("nan"),
        "gap_closed_ci": ratio_interval(area["ours"] - area["random"], area["oracle"] - area["random"]),
    }
    report["gates"] = {
        "beats_uniform": mean_interval(area["ours"] - area["uniform"])[0] > 0,
        "beats_random": mean_interval(area["ours"] - area["random"])[0] > 0,
        "closes_half": gap > 0 and (auc["ours"] - auc["random"]) / gap >= 0.5,
    }
    return report


def mean_over_seconds(result: PolicyResult, budget_s: float) -> float:
    """The mean J&F over a person's seconds up to a budget; each level holds until the next correction."""
    at = [*(min(second, budget_s) for second in result.seconds), budget_s]
    return (
        sum(quality * (until - since) for quality, since, until in zip(result.quality, at, at[1:], strict=False))
        / budget_s
    )


def rounds_to_90(runs: Sequence[PolicyResult]) -> float:
    """The first round at which the mean curve has 90 % of its total gain."""
    curve = np.array([one.quality for one in runs]).mean(axis=0)
    wanted = curve[0] + 0.9 * (curve[-1] - curve[0])
    return float(np.argmax(curve >= wanted))


def _pooled(by_policy: dict[str, Values]) -> dict[str, Values]:
    """Adds `random`, the mean of the random streams, and `oracle`, the oracle with the higher mean."""
    streams = [name for name in by_policy if name.startswith("random_")]
    oracles = max(("oracle_worst", "oracle_gain"), key=lambda name: float(by_policy[name].mean()))
    kept = {name: values for name, values in by_policy.items() if name not in streams}
    return {**kept, "random": np.mean([by_policy[name] for name in streams], axis=0), "oracle": by_policy[oracles]}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
