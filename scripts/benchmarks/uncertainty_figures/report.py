"""The report of `bench uncertainty`: uncertainty as a predictor of failure, compared with simpler scores.

Owns the figures' names, the baselines and the gates. Only propagated frames count.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.features import FEATURES, predicted_iou
from backend.domain.uncertainty.scoring import FAILED_BELOW, frame_uncertainty, presence_probability
from backend.evaluation.calibration_metrics import (
    Flags,
    Values,
    area_under_precision,
    area_under_risk,
    area_under_roc,
    brier,
    calibration_error,
    clip_interval,
    spearman_within,
)
from backend.evaluation.metrics import spearman
from backend.training.calibration.feature_rows import FeatureRows

Report = dict[str, object]

LEAST_AUROC = 0.85
LEAST_MARGIN = 0.05
MOST_ECE = 0.05
MOST_COST = 0.03
_DISTANCES = ((1, 4), (5, 9), (10, 10**9))


def scores_of(table: FeatureRows, calibrator: Calibrator | None) -> Values:
    """The uncertainty of every row: calibrated, or the uncalibrated rank."""
    if calibrator is not None:
        return calibrator.uncertainties(table.rows)
    return np.array([frame_uncertainty(item.observed.evidence, item.observed.origin) for item in table.errors])


def baselines(table: FeatureRows) -> dict[str, Values]:
    """Simpler scores; high means a likely failure.

    predicted_iou: 1 - the model's own estimate. presence: the probability that the presence logit contradicts the
    emitted mask. jump: the centre's movement since the previous frame in object sizes; 1 on (dis)appearance.
    """
    evidence = [item.observed.evidence for item in table.errors]
    present = np.array([presence_probability(one.presence_logit) for one in evidence])
    emitted = table.rows[:, FEATURES.index("emitted")] > 0.5
    came_or_went = table.rows[:, FEATURES.index("box_overlap")] >= 1.0
    jump = np.where(came_or_went, 1.0, table.rows[:, FEATURES.index("motion_shock")])
    return {
        "constant": np.full(len(table.iou), 0.5),
        "distance": table.distance.astype(np.float64),
        "predicted_iou": np.array([1.0 - predicted_iou(one) for one in evidence]),
        "presence": np.where(emitted, 1.0 - present, present),
        "jump": jump,
    }


def uncertainty_report(table: FeatureRows, calibrator: Calibrator | None, *, draws: int = 300) -> Report:
    """All figures. table: the test rows without human frames; prompted frames are removed here."""
    table = table.of(table.is_propagated)
    scores, failed = scores_of(table, calibrator), table.iou < FAILED_BELOW
    simple = baselines(table)
    by_baseline = {name: _baseline_figures(values, failed) for name, values in simple.items()}
    best = max(by_baseline, key=lambda name: by_baseline[name]["auroc"])
    rank = scores_of(table, None)
    report: Report = {
        "is_calibrated": calibrator is not None,
        "frames": len(failed),
        "clips": len(np.unique(table.clip)),
        "failure_rate": float(failed.mean()),
        **_figures(scores, failed, table),
        **_intervals(scores, simple[best], failed, table.clip, draws),
        "best_baseline": best,
        "best_baseline_auroc": by_baseline[best]["auroc"],
        "baselines": by_baseline,
        "uncalibrated_rank": _baseline_figures(rank, failed),
        "split": _splits(scores, failed, table),
    }
    report["gates"] = gates(report)
    return report


def gates(report: Mapping[str, object]) -> dict[str, bool]:
    """For each goal, whether it is met."""
    auroc, best, ece = (float(str(report[key])) for key in ("auroc", "best_baseline_auroc", "ece"))
    reached = {
        "auroc": auroc >= LEAST_AUROC,
        "margin": auroc - best >= LEAST_MARGIN,
        "ece": bool(report["is_calibrated"]) and ece <= MOST_ECE,
    }
    if "cost_share" in report:
        reached["cost"] = float(str(report["cost_share"])) <= MOST_COST
    return reached


def _figures(scores: Values, failed: Flags, table: FeatureRows) -> dict[str, float]:
    losses = 1.0 - table.iou
    return {
        "auroc": area_under_roc(scores, failed),
        "auprc": area_under_precision(scores, failed),
        "spearman": spearman(scores.tolist(), losses.tolist()),
        "spearman_within": spearman_within(scores, losses, table.clip),
        "aurc": area_under_risk(scores, failed),
        "aurc_oracle": area_under_risk(losses, failed),
        "ece": calibration_error(scores, failed),
        "brier": brier(scores, failed),
    }


def _baseline_figures(scores: Values, failed: Flags) -> dict[str, float]:
    return {
        "auroc": area_under_roc(scores, failed),
        "auprc": area_under_precision(scores, failed),
        "aurc": area_under_risk(scores, failed),
    }


def _intervals(
    scores: Values, best: Values, failed: Flags, clip: NDArray[np.int64], draws: int
) -> dict[str, tuple[float, float]]:
    """95 % intervals; whole clips are drawn."""

    def margin(at: NDArray[np.int64]) -> float:
        return area_under_roc(scores[at], failed[at]) - area_under_roc(best[at], failed[at])

    return {
        "auroc_ci": clip_interval(lambda at: area_under_roc(scores[at], failed[at]), clip, draws=draws),
        "margin_ci": clip_interval(margin, clip, draws=draws),
        "ece_ci": clip_interval(lambda at: calibration_error(scores[at], failed[at]), clip, draws=draws),
    }


def _splits(scores: Values, failed: Flags, table: FeatureRows) -> dict[str, dict[str, float]]:
    emitted = table.rows[:, FEATURES.index("emitted")] > 0.5
    parts = {
        "present": table.is_present,
        "absent": ~table.is_present,
        "mask_emitted": emitted,
        "no_mask": ~emitted,
        **{
            f"distance_{low}{f'_{high}' if high < 10**9 else '_on'}": (table.distance >= low) & (table.distance <= high)
            for low, high in _DISTANCES
        },
        **{f"generator_{name}": table.generator == name for name in np.unique(table.generator).tolist()},
    }
    return {
        name: {
            "frames": int(part.sum()),
            "failure_rate": float(failed[part].mean()) if part.any() else float("nan"),
            "auroc": area_under_roc(scores[part], failed[part]),
            "ece": calibration_error(scores[part], failed[part]),
        }
        for name, part in parts.items()
    }
