"""Fits a calibrator's networks and its curve to tracking runs with known errors.

Fitting needs torch. The fitted calibrator does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from backend.domain.uncertainty.calibration import Calibrator, Layer, Network, Vector
from backend.domain.uncertainty.features import FEATURES
from backend.training.calibration.feature_rows import FeatureRows

STEPS = 300
FOLDS = 5
KNOTS = 15


FeatureSigns = Mapping[str, int]
"""A network's features and the sign of their effect on the probability: 1 raises it, -1 lowers it, 0 is free."""

PRESENCE_SIGNS: FeatureSigns = {
    "presence": 1,
    "predicted_doubt": 0,
    "soft_doubt": -1,
    "stability_doubt": -1,
    "emitted": 0,
    "border": 0,
    "area_change": 0,
    "motion_shock": 0,
    "rival_overlap": 0,
    "area_shift": 0,
    "away": 0,
    "was_away": 0,
    "look_change": -1,
    "recent_presence": 0,
}
FAILURE_SIGNS: FeatureSigns = {
    "presence": -1,
    "presence_doubt": 1,
    "predicted_doubt": 1,
    "candidate_gap": 0,
    "soft_doubt": 1,
    "stability_doubt": 1,
    "boundary_entropy": 1,
    "candidate_disagreement": 1,
    "area": 0,
    "parts": 1,
    "border": 0,
    "area_jump": 1,
    "area_shift": 1,
    "area_change": 0,
    "motion_shock": 1,
    "box_overlap": 1,
    "fill_change": 1,
    "age": 1,
    "distance": 1,
    "worst_so_far": 1,
    "drift": 1,
    "was_away": 1,
    "look_change": 1,
    "look_jump": 1,
    "rival_overlap": 1,
    "rival_likeness": 1,
    "recent_doubt": 1,
    "recent_presence": -1,
}


@dataclass(frozen=True, slots=True)
class FitSettings:
    """hidden: hidden units, 0 for logistic regression. members: averaged networks. decay: the L2 penalty's factor."""

    hidden: int = 12
    members: int = 3
    decay: float = 0.001


def fit_calibrator(table: FeatureRows, *, sha256: str, settings: FitSettings = FitSettings()) -> Calibrator:
    """A calibrator: networks fitted on the whole table, and a curve fitted on cross-validated predictions by clip."""
    return fit_cross_validated(table, sha256=sha256, settings=settings)[0]


def fit_cross_validated(
    table: FeatureRows, *, sha256: str, settings: FitSettings = FitSettings()
) -> tuple[Calibrator, Vector]:
    """The calibrator, and the uncertainty [N] of each row by networks that were fitted without the row's clip."""
    cross_validated = np.zeros(len(table.iou))
    for fold in range(FOLDS):
        is_held_out = table.clip % FOLDS == fold
        cross_validated[is_held_out] = _fit_networks(table.of(~is_held_out), sha256, settings).uncertainties(
            table.rows[is_held_out]
        )
    x, y = _isotonic_curve(cross_validated, table.failed)
    calibrator = replace(_fit_networks(table, sha256, settings), curve_x=x, curve_y=y)
    return calibrator, np.interp(cross_validated, x, y)


def _fit_networks(table: FeatureRows, sha256: str, settings: FitSettings) -> Calibrator:
    """A calibrator whose curve is the identity."""
    mean, scale = table.rows.mean(axis=0), table.rows.std(axis=0)
    scale = np.where(scale < 1e-6, 1.0, scale)
    rows = (table.rows - mean) / scale
    has_mask = table.is_present & (table.rows[:, FEATURES.index("emitted")] > 0.5)
    is_bad = table.failed
    seeds = range(settings.members)
    return Calibrator(
        sha256=sha256,
        mean=mean,
        scale=scale,
        presence=tuple(_fit_network(rows, table.is_present, PRESENCE_SIGNS, settings, seed) for seed in seeds),
        failure=tuple(_fit_network(rows[has_mask], is_bad[has_mask], FAILURE_SIGNS, settings, seed) for seed in seeds),
        curve_x=np.array([0.0, 1.0]),
        curve_y=np.array([0.0, 1.0]),
        fitted_on=tuple(sorted(set(table.generator.tolist()))),
    )


def _fit_network(
    rows: NDArray[np.float64],
    truth: NDArray[np.bool_],
    signs_by_feature: FeatureSigns,
    settings: FitSettings,
    seed: int,
) -> Network:
    """Fits one network by full-batch gradient descent. It is monotone in each feature whose sign is 1 or -1."""
    generator = torch.Generator().manual_seed(seed)
    inputs, targets = torch.from_numpy(rows).float(), torch.from_numpy(truth).float()
    sizes = [rows.shape[1], *([settings.hidden] if settings.hidden else []), 1]
    unconstrained = [torch.randn(a, b, generator=generator) / a**0.5 for a, b in itertools.pairwise(sizes)]
    biases = [torch.zeros(size) for size in sizes[1:]]
    for parameter in (*unconstrained, *biases):
        parameter.requires_grad_()
    optimizer = torch.optim.Adam([*unconstrained, *biases], lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    signs = torch.tensor([signs_by_feature.get(name, 9) for name in FEATURES]).float()[:, None]
    for _ in range(STEPS):
        weights = _constrained(unconstrained, signs)
        values = inputs
        for position, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            values = values @ weight + bias
            if position < len(weights) - 1:
                values = torch.tanh(values)
        penalty = torch.stack([(weight**2).sum() for weight in weights]).sum()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(values[:, 0], targets) + settings.decay * penalty
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    weights = _constrained(unconstrained, signs)
    pairs = zip(weights, biases, strict=True)
    return Network(tuple(Layer(w.detach().double().numpy(), b.detach().double().numpy()) for w, b in pairs))


def _constrained(unconstrained: list[torch.Tensor], signs: torch.Tensor) -> list[torch.Tensor]:
    """signs: [F, 1]; 1 and -1 fix the sign of a feature's effect, 0 leaves it free, 9 excludes the feature."""
    first = torch.where(signs == 0, unconstrained[0], torch.where(signs == 9, 0.0, signs * torch.abs(unconstrained[0])))
    return [first, *(torch.abs(weight) for weight in unconstrained[1:])]


def _isotonic_curve(predicted: Vector, failed: NDArray[np.bool_]) -> tuple[Vector, Vector]:
    """Isotonic regression over at most KNOTS bins, by pooling neighbours; linear between the knots."""
    order = np.argsort(predicted, kind="stable")
    bins = [part for part in np.array_split(order, KNOTS) if len(part)]
    x = np.array([predicted[part].mean() for part in bins])
    blocks: list[list[float]] = []
    for part in bins:
        blocks.append([float(failed[part].mean()), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value, count = blocks.pop()
            previous, previous_count = blocks.pop()
            total = previous_count + count
            blocks.append([(previous * previous_count + value * count) / total, total])
    y = np.concatenate([np.full(int(count), value) for value, count in blocks])
    return np.concatenate([[0.0], x, [1.0]]), np.concatenate([[min(y[0], 0.5 * x[0] + 0.0)], y, [max(y[-1], 1.0)]])
