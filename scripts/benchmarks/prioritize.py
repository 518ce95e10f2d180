"""Does the choice of the next frame save work? A simulated annotator, eight rounds, one policy beside another.

    ./scripts/bench prioritize [--json FILE] [--quick] [--clicks] [--davis DIR] [--model NAME] [--clips N]

The truth on the first frame; then a frame a round, chosen by the policy, becomes the truth (with --clicks: gets three
clicks) and the clip is propagated again. auc: the mean J&F over the rounds, 0 to 8, all frames but the first; drawn
frames count as drawn, `auc_undrawn` leaves them out. auc_seconds: the same over a person's seconds (a mask 80, a click
1.5, an absent object 3) up to eight masks. `oracle` is the better of two that know the truth: the worst frame, and ours
with the true loss for uncertainty. Intervals: 95 %, clips drawn, policies paired within a clip.
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
from backend.adapters.sam2.weights.checkpoints import find
from backend.domain.calibration import Calibrator
from backend.domain.prioritization import Policy
from scripts.benchmarks.clip_folders import clip_names, read_clip
from scripts.benchmarks.interaction import CLICK_S, CLICKS, MASK_S, ROUNDS, Played, annotator_of, play, policies
from scripts.benchmarks.trial_pool import Crew
from scripts.benchmarks.uncertainty import rounded, show, unspoiled
from scripts.calibration.calibration_metrics import mean_interval, ratio_interval
from scripts.calibration.clip_looks import Split
from scripts.calibration.clips import trial_clip
from scripts.calibration.tracking_runs import TruthClip

CLIPS, QUICK_CLIPS = 200, 4
FRAMES = 24
RANDOMS = 5

Results = dict[str, list[Played]]
Values = NDArray[np.float64]


def main(arguments: Sequence[str] | None = None) -> None:
    """Play every policy on every clip and compare."""
    given = _parser().parse_args(arguments)
    started_s = time.perf_counter()
    checkpoint = find(given.model, given.model_dir)
    calibrator = unspoiled(find_calibrator(checkpoint))
    crew = Crew(checkpoint.name, given.device, given.workers, given.model_dir)
    count = QUICK_CLIPS if given.quick else given.clips
    items: Sequence[str | int] = clip_names(given.davis)[:count] if given.davis else range(count)
    work = partial(_play_all, given.davis, Split(given.split), calibrator, given.clicks)
    played = [one for one in crew.map(work, items, label="clips") if one]
    report = compared({name: [one[name] for one in played] for name in played[0]}, clicks=given.clicks)
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
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_CLIPS} clips: a look, not a measurement")
    parser.add_argument("--clicks", action="store_true", help=f"correct with {CLICKS} clicks instead of the mask")
    parser.add_argument("--davis", type=Path, help="a folder in DAVIS or SA-V layout instead of the generated clips")
    parser.add_argument(
        "--split", default="test", choices=[split.value for split in Split], help="for settling policies"
    )
    parser.add_argument("--model", default="demo")
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--device", default="cpu")
    return parser


def _play_all(
    folder: Path | None, split: Split, calibrator: Calibrator | None, clicks: bool, engine: Sam2Engine, item: str | int
) -> dict[str, Played]:
    """Every policy on one clip; nothing if no object shows at its start."""
    clip: TruthClip = read_clip(folder, str(item)) if folder else trial_clip(split, int(item), frames=FRAMES)
    annotator = annotator_of(engine, clip, calibrator, clicks=clicks)
    if annotator is None:
        return {}
    return {name: play(annotator, choose) for name, choose in policies(Policy(), RANDOMS).items()}


def compared(results: Results, *, clicks: bool) -> dict[str, object]:
    """All figures of all policies; random is the mean of its streams, clip by clip."""
    budget_s = ROUNDS * (CLICKS * CLICK_S if clicks else MASK_S)
    area = _pooled({name: np.array([_mean(one.quality) for one in played]) for name, played in results.items()})
    undrawn = _pooled({name: np.array([_mean(one.undrawn) for one in played]) for name, played in results.items()})
    timed = _pooled({name: np.array([over_time(one, budget_s) for one in played]) for name, played in results.items()})
    auc = {name: float(values.mean()) for name, values in area.items()}
    gap = auc["oracle"] - auc["random"]
    report: dict[str, object] = {
        "clips": len(area["ours"]),
        "auc": auc,
        "auc_undrawn": {name: float(values.mean()) for name, values in undrawn.items()},
        "auc_seconds": {name: float(values.mean()) for name, values in timed.items()},
        "ci": {f"ours_minus_{name}": mean_interval(area["ours"] - area[name]) for name in area if name != "ours"},
        "rounds": {
            name: [_mean([one.quality[r] for one in played]) for r in range(ROUNDS + 1)]
            for name, played in results.items()
        },
        "failing_after": {name: _mean([one.failing[-1] for one in played]) for name, played in results.items()},
        "rounds_to_90": {name: rounds_to_90(played) for name, played in results.items()},
        "gap_closed": (auc["ours"] - auc["random"]) / gap if gap > 0 else float("nan"),
        "gap_closed_ci": ratio_interval(area["ours"] - area["random"], area["oracle"] - area["random"]),
    }
    report["gates"] = {
        "beats_uniform": mean_interval(area["ours"] - area["uniform"])[0] > 0,
        "beats_random": mean_interval(area["ours"] - area["random"])[0] > 0,
        "closes_half": gap > 0 and (auc["ours"] - auc["random"]) / gap >= 0.5,
    }
    return report


def over_time(played: Played, budget_s: float) -> float:
    """The mean J&F over a person's seconds up to a budget; what is reached stays."""
    at = [*(min(second, budget_s) for second in played.seconds), budget_s]
    return (
        sum(quality * (until - since) for quality, since, until in zip(played.quality, at, at[1:], strict=False))
        / budget_s
    )


def rounds_to_90(played: Sequence[Played]) -> float:
    """The first round at which the mean curve has nine tenths of its whole gain."""
    curve = np.array([one.quality for one in played]).mean(axis=0)
    wanted = curve[0] + 0.9 * (curve[-1] - curve[0])
    return float(np.argmax(curve >= wanted))


def _pooled(by_policy: dict[str, Values]) -> dict[str, Values]:
    """Random streams as their mean, the oracles also as the better one on average."""
    streams = [name for name in by_policy if name.startswith("random_")]
    oracles = max(("oracle_worst", "oracle_gain"), key=lambda name: float(by_policy[name].mean()))
    kept = {name: values for name, values in by_policy.items() if name not in streams}
    return {**kept, "random": np.mean([by_policy[name] for name in streams], axis=0), "oracle": by_policy[oracles]}


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
