"""Fits what a second look makes of uncertainty: one logistic regression for each set of findings that helps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.application.reliability import brier
from backend.application.second_trials import SecondTrial, rated_frames
from backend.application.trial_rows import trial_rows
from backend.domain.scoring import FAILED_BELOW
from backend.domain.second_look import SecondOpinion, Weights, certain_logit
from scripts.calibration.fitting import FOLDS, left_out_uncertainties

SETS = (("forward_backward",), ("cycle",), ("forward_backward", "cycle"))
LEAST_ROWS, LEAST_FAILURES = 200, 30
_PULL = 1e-3
_ROUNDS = 50

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A set's weights, or None if they do not help, and the Brier scores on clips that were left out."""

    names: tuple[str, ...]
    rows: int
    weights: Weights | None
    brier_first: float
    brier_second: float


def fit_second(trials: Sequence[SecondTrial], signals: Collection[str]) -> list[Fitted]:
    """One for each set of these signals.

    The first uncertainty is that of networks which saw nothing of the frame's clip: the one that the calibrator gives
    its own clips is too good to leave anything to a second look.
    """
    tracks = [track for trial in trials for track in trial.tracks]
    table = trial_rows(tracks)
    first = {
        (track.clip, (track.object_id, judged.frame_index)): float(value)
        for (track, judged), value in zip(rated_frames(tracks), left_out_uncertainties(table), strict=True)
    }
    clips = {name: number for number, name in enumerate(dict.fromkeys(track.clip for track in tracks))}
    rows = [row for trial in trials for row in trial.candidates]
    fitted = []
    for names in (one for one in SETS if set(one) <= set(signals)):
        chosen = [(row, dict(row.findings.values())) for row in rows]
        chosen = [(row, found) for row, found in chosen if all(name in found for name in names)]
        logits = [certain_logit(first[row.clip, row.spot]) for row, _ in chosen]
        inputs = np.array([[1.0, x, *(found[n] for n in names)] for x, (_, found) in zip(logits, chosen, strict=True)])
        failed = np.array([row.iou < FAILED_BELOW for row, _ in chosen])
        fitted.append(_fit(names, inputs, failed, np.array([clips[row.clip] for row, _ in chosen])))
    return fitted


def opinion_of(fitted: Sequence[Fitted]) -> SecondOpinion | None:
    """The sets that help; None if none does."""
    weights = tuple(one.weights for one in fitted if one.weights is not None)
    return SecondOpinion(weights) if weights else None


def _fit(names: tuple[str, ...], inputs: Matrix, failed: NDArray[np.bool_], clip: NDArray[np.int64]) -> Fitted:
    if len(failed) < LEAST_ROWS or min(failed.sum(), (~failed).sum()) < LEAST_FAILURES:
        return Fitted(names, len(failed), None, float("nan"), float("nan"))
    first = _left_out(inputs[:, :2], failed, clip)
    second = _left_out(inputs, failed, clip)
    before, after = brier(first, failed), brier(second, failed)
    if after >= before:
        return Fitted(names, len(failed), None, before, after)
    bias, uncertainty, *others = (float(f"{value:.6g}") for value in logistic(inputs, failed))
    return Fitted(names, len(failed), Weights(bias, uncertainty, dict(zip(names, others, strict=True))), before, after)


def _left_out(inputs: Matrix, failed: NDArray[np.bool_], clip: NDArray[np.int64]) -> Vector:
    chances = np.zeros(len(failed))
    for fold in range(FOLDS):
        held = clip % FOLDS == fold
        chances[held] = _chance(inputs[held], logistic(inputs[~held], failed[~held]))
    return chances


def logistic(inputs: Matrix, failed: NDArray[np.bool_]) -> Vector:
    """Weights [F] by Newton's steps, pulled to zero a little. inputs: [N, F], a column of ones among them."""
    weights = np.zeros(inputs.shape[1])
    pull = _PULL * np.eye(inputs.shape[1])
    for _ in range(_ROUNDS):
        chance = _chance(inputs, weights)
        slope = inputs.T @ (chance - failed) / len(failed) + pull @ weights
        bend = (inputs * (chance * (1.0 - chance))[:, None]).T @ inputs / len(failed) + pull
        weights = weights - np.linalg.solve(bend, slope)
    return weights


def _chance(inputs: Matrix, weights: Vector) -> Vector:
    chance: Vector = 1.0 / (1.0 + np.exp(-np.clip(inputs @ weights, -30.0, 30.0)))
    return chance
