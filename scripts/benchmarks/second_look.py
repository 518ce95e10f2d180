"""What a second look is worth: its signals alone, uncertainty with and without them, and what they cost.

Part of `./scripts/bench uncertainty --second-look`. Clips have two human frames of each object, the first and the last
that shows it well; candidates are the frames that `masklet next --second-look` would look at again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.store.coco import CocoCodec
from backend.adapters.synthetic.trial_looks import Split
from backend.adapters.synthetic.trials import trial_clip
from backend.application.reliability import (
    Flags,
    Values,
    area_under_precision,
    area_under_roc,
    brier,
    calibration_error,
    clip_interval,
)
from backend.application.second_trials import SecondRow, SecondTrial, run_second_trial
from backend.application.trials import TruthClip
from backend.bootstrap.parts import SystemClock
from backend.domain.calibration import Calibrator
from backend.domain.scoring import FAILED_BELOW
from backend.domain.second_look import Findings
from scripts.benchmarks.clip_folders import read_clip
from scripts.benchmarks.trial_pool import Crew

SIGNALS = ("forward_backward", "cycle")
Report = dict[str, object]


def second_look(
    crew: Crew, calibrator: Calibrator | None, folder: Path | None, items: Sequence[str | int], draws: int
) -> Report:
    """All figures, of test clips or of a folder's."""
    work = partial(_trial, folder, calibrator)
    trials = [trial for trial in crew.map(work, items, label="second looks") if trial is not None]
    first_s = sum(trial.first_s for trial in trials)
    rows = [row for trial in trials for row in trial.candidates]
    report: Report = {
        "clips": len(trials),
        "is_fitted": calibrator is not None and calibrator.second is not None,
        "cost_share_forward_backward": sum(trial.forward_backward_s for trial in trials) / first_s,
        "cost_share_cycle": sum(trial.cycle_s for trial in trials) / first_s,
    }
    for names in (*((name,) for name in SIGNALS), SIGNALS):
        there = [row for row in rows if all(name in dict(row.findings.values()) for name in names)]
        report["_and_".join(names)] = _figures(there, calibrator, names, draws)
    report["all_candidates"] = _figures(rows, calibrator, SIGNALS, draws)
    everything = [*rows, *(row for trial in trials for row in trial.others)]
    report["all_frames"] = _figures(everything, calibrator, SIGNALS, draws)
    return report


def _trial(
    folder: Path | None, calibrator: Calibrator | None, engine: Sam2Engine, item: str | int
) -> SecondTrial | None:
    clip: TruthClip = read_clip(folder, str(item)) if folder else trial_clip(Split.TEST, int(item))
    return run_second_trial(engine, clip, codec=CocoCodec(), calibrator=calibrator, clock=SystemClock())


def _figures(rows: Sequence[SecondRow], calibrator: Calibrator | None, names: Sequence[str], draws: int) -> Report:
    """Of these frames, given these findings and no others."""
    failed = np.array([row.iou < FAILED_BELOW for row in rows], np.bool_)
    if not failed.any() or failed.all():
        return {"frames": len(rows)}
    found = [Findings(**{name: value for name, value in row.findings.values() if name in names}) for row in rows]
    first = np.array([row.uncertainty for row in rows])
    report: Report = {"frames": len(rows), "failure_rate": float(failed.mean()), "uncertainty": _quality(first, failed)}
    if len(names) == 1:
        alone = np.array([dict(one.values())[names[0]] for one in found])
        report["alone"] = {"auroc": area_under_roc(alone, failed), "auprc": area_under_precision(alone, failed)}
    opinion = calibrator.second if calibrator else None
    if opinion is not None and opinion.names & set(names):
        second = np.array([opinion.uncertainty(row.uncertainty, one) for row, one in zip(rows, found, strict=True)])
        clips = {name: number for number, name in enumerate(dict.fromkeys(row.clip for row in rows))}
        clip = np.array([clips[row.clip] for row in rows])
        report["with_it"] = _quality(second, failed)
        report["auroc_gain_ci"] = clip_interval(_gain(first, second, failed), clip, draws=draws)
    return report


def _quality(scores: Values, failed: Flags) -> dict[str, float]:
    return {
        "auroc": area_under_roc(scores, failed),
        "auprc": area_under_precision(scores, failed),
        "ece": calibration_error(scores, failed),
        "brier": brier(scores, failed),
    }


def _gain(first: Values, second: Values, failed: Flags) -> Callable[[np.typing.NDArray[np.int64]], float]:
    return lambda at: area_under_roc(second[at], failed[at]) - area_under_roc(first[at], failed[at])
