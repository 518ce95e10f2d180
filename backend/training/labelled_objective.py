"""The objective on labelled clips: prompts as people give them, the memory between labelled frames.

Only labelled frames have a loss. Between them the masks are the model's own, as in use.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.training.objective import (
    KIND_SHARES,
    KINDS,
    SMALLEST_VISIBLE_SHARE,
    Outcome,
    Rng,
    binarise_memory,
    correct,
    first_points,
)
from backend.training.rollout import Rollout

CORRECTED_SHARE = 0.25


def of_labelled(rollout: Rollout, known: NDArray[np.bool_], rng: Rng) -> Outcome:
    """The outcome of a batch. known: bool [B, T], the frames on which an object is labelled; the first one always."""
    return _clip(rollout, known, rng) if rollout.n_frames > 1 else _single_frames(rollout, rng)


def _single_frames(rollout: Rollout, rng: Rng) -> Outcome:
    """A click and a box (or several points) on the same features, each with corrective clicks at times."""
    counted = _ones(rollout)
    total = torch.zeros((), device=rollout.device)
    figures: dict[str, float] = {}
    for kind in ("click", "box" if rng.random() < 0.7 else "points"):
        points = first_points(rng, rollout.truth_px[:, 0], kind)
        out = rollout.step(0, 0, points=points, initial=True, remember=False)
        loss = rollout.loss(0, counted)
        total = total + loss.total
        figures[kind] = float(loss.chosen_iou.mean())
        for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.6 else 0):
            points, out = correct(rollout, rng, 0, 0, points, out, initial=True, remember=False)
            loss = rollout.loss(0, counted)
            total = total + loss.total
            figures["corrected"] = float(loss.chosen_iou.mean())
    return Outcome(total, figures)


def _clip(rollout: Rollout, known: NDArray[np.bool_], rng: Rng) -> Outcome:
    total = _prompted(rollout, rng)
    figures: dict[str, float] = {}
    labelled = [t for t in range(1, rollout.n_frames) if known[:, t].any()]
    correct_at = int(rng.choice(labelled)) if rng.random() < CORRECTED_SHARE and labelled else -1
    tracked: list[float] = []
    for t in range(1, rollout.n_frames):
        corrected = t == correct_at and _shows(rollout, t).all()
        out = rollout.step(t, t, remember=not corrected)
        if known[:, t].any():
            counted = torch.from_numpy(known[:, t].astype(np.float32)).to(rollout.device)
            loss = rollout.loss(t, counted)
            total = total + loss.total
            chosen = loss.chosen_iou.detach().cpu().numpy()[known[:, t] & _shows(rollout, t)]
            tracked += [float(value) for value in chosen]
            if corrected:
                correct(rollout, rng, t, t, None, out, initial=False, remember=True)
                total = total + rollout.loss(t, counted).total
    if tracked:
        figures["tracked"] = float(np.mean(tracked))
    return Outcome(total, figures)


def _prompted(rollout: Rollout, rng: Rng) -> Tensor:
    """Prompts the first frame and encodes its memory from the thresholded mask, as in use. The loss of its masks."""
    truth = rollout.truth_px[:, 0]
    kind = str(rng.choice(KINDS, p=KIND_SHARES))
    total = torch.zeros((), device=rollout.device)
    if kind == "mask":
        mask = torch.from_numpy(truth[:, None].astype(np.float32)).to(rollout.device)
        rollout.step(0, 0, mask=mask, initial=True)
        return total
    points = first_points(rng, truth, kind)
    rounds = int(rng.integers(1, 3)) if rng.random() < 0.4 else 0
    out = rollout.step(0, 0, points=points, initial=True, remember=rounds == 0)
    total = total + rollout.loss(0, _ones(rollout)).total
    for number in range(rounds):
        points, out = correct(rollout, rng, 0, 0, points, out, initial=True, remember=number == rounds - 1)
        total = total + rollout.loss(0, _ones(rollout)).total
    binarise_memory(rollout, out)
    return total


def _ones(rollout: Rollout) -> Tensor:
    return torch.ones(len(rollout.truth_px), device=rollout.device)


def _shows(rollout: Rollout, t: int) -> NDArray[np.bool_]:
    """Whether each object is large enough on a frame to be prompted: bool [B]."""
    return np.asarray(rollout.truth_px[:, t].mean((1, 2)) > SMALLEST_VISIBLE_SHARE)
