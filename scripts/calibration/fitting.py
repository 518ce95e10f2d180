"""Fits a calibrator's networks and its curve to judged tracks. Needs torch; what it makes does not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from backend.domain.calibration import Calibrator, Layer, Network, Vector
from backend.domain.features import FEATURES
from backend.domain.scoring import FAILED_BELOW
from scripts.calibration.feature_rows import TrialRows

STEPS = 300
FOLDS = 5
KNOTS = 15


Head = Mapping[str, int]
"""Which features a network reads: 1 if more of it can only raise the chance, -1 lower it, 0 either."""

PRESENCE: Head = {
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
FAILURE: Head = {
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
class Recipe:
    """hidden: 0 for logistic regression. members: networks that are averaged. decay: the weights' pull to zero."""

    hidden: int = 12
    members: int = 3
    decay: float = 0.001


def fit_calibrator(table: TrialRows, *, sha256: str, recipe: Recipe = Recipe()) -> Calibrator:
    """A calibrator learnt from the whole table; its curve from predictions on clips that were left out."""
    left_out = np.zeros(len(table.iou))
    for fold in range(FOLDS):
        held = table.clip % FOLDS == fold
        left_out[held] = _networks_of(table.of(~held), sha256, recipe).uncertainties(table.rows[held])
    x, y = _curve(left_out, table.iou < FAILED_BELOW)
    return replace(_networks_of(table, sha256, recipe), curve_x=x, curve_y=y)


def _networks_of(table: TrialRows, sha256: str, recipe: Recipe) -> Calibrator:
    """Without a curve: the identity stands for it."""
    mean, scale = table.rows.mean(axis=0), table.rows.std(axis=0)
    scale = np.where(scale < 1e-6, 1.0, scale)
    rows = (table.rows - mean) / scale
    there = table.is_present & (table.rows[:, FEATURES.index("emitted")] > 0.5)
    is_bad = table.iou < FAILED_BELOW
    seeds = range(recipe.members)
    return Calibrator(
        sha256=sha256,
        mean=mean,
        scale=scale,
        presence=tuple(_fit(rows, table.is_present, PRESENCE, recipe, seed) for seed in seeds),
        failure=tuple(_fit(rows[there], is_bad[there], FAILURE, recipe, seed) for seed in seeds),
        curve_x=np.array([0.0, 1.0]),
        curve_y=np.array([0.0, 1.0]),
        fitted_on=tuple(sorted(set(table.generator.tolist()))),
    )


def _fit(rows: NDArray[np.float64], truth: NDArray[np.bool_], head: Head, recipe: Recipe, seed: int) -> Network:
    """Full-batch descent. Monotone where the sign of a feature's effect is known, whatever the data say."""
    generator = torch.Generator().manual_seed(seed)
    inputs, wanted = torch.from_numpy(rows).float(), torch.from_numpy(truth).float()
    sizes = [rows.shape[1], *([recipe.hidden] if recipe.hidden else []), 1]
    free = [torch.randn(a, b, generator=generator) / a**0.5 for a, b in itertools.pairwise(sizes)]
    biases = [torch.zeros(size) for size in sizes[1:]]
    for parameter in (*free, *biases):
        parameter.requires_grad_()
    optimizer = torch.optim.Adam([*free, *biases], lr=0.03)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    signs = torch.tensor([head.get(name, 9) for name in FEATURES]).float()[:, None]
    for _ in range(STEPS):
        weights = _constrained(free, signs)
        values = inputs
        for position, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
            values = values @ weight + bias
            if position < len(weights) - 1:
                values = torch.tanh(values)
        penalty = torch.stack([(weight**2).sum() for weight in weights]).sum()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(values[:, 0], wanted) + recipe.decay * penalty
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
    weights = _constrained(free, signs)
    pairs = zip(weights, biases, strict=True)
    return Network(tuple(Layer(w.detach().double().numpy(), b.detach().double().numpy()) for w, b in pairs))


def _constrained(free: list[torch.Tensor], signs: torch.Tensor) -> list[torch.Tensor]:
    """signs: [F, 1]; 1 and -1 fix a feature's direction, 0 leaves it free, 9 leaves the feature out."""
    first = torch.where(signs == 0, free[0], torch.where(signs == 9, 0.0, signs * torch.abs(free[0])))
    return [first, *(torch.abs(weight) for weight in free[1:])]


def _curve(predicted: Vector, failed: NDArray[np.bool_]) -> tuple[Vector, Vector]:
    """Isotonic regression by pooling neighbours, thinned to a few knots with a line between them."""
    order = np.argsort(predicted, kind="stable")
    bins = [part for part in np.array_split(order, KNOTS) if len(part)]
    x = np.array([predicted[part].mean() for part in bins])
    blocks: list[list[float]] = []
    for part in bins:
        blocks.append([float(failed[part].mean()), 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            value, count = blocks.pop()
            before, number = blocks.pop()
            blocks.append([(before * number + value * count) / (number + count), number + count])
    y = np.concatenate([np.full(int(count), value) for value, count in blocks])
    return np.concatenate([[0.0], x, [1.0]]), np.concatenate([[min(y[0], 0.5 * x[0] + 0.0)], y, [max(y[-1], 1.0)]])
