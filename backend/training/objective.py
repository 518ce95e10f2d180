"""The training objective: the prompts of a batch and the loss of its rollout."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.training import prompts
from backend.training.prompts import Points
from backend.training.rollout import ClipRollout, Rollout

Rng = np.random.Generator
SMALLEST_VISIBLE_SHARE = 0.0015
# Frames after an absence are rare; a presence head that stays at "absent" fails on all of them.
RETURN_WEIGHT = 2.0
KINDS = ("click", "box", "points", "mask")
KIND_SHARES = (0.35, 0.3, 0.15, 0.2)


@dataclass(frozen=True)
class Outcome:
    """A loss for the optimiser step, and figures for the log (detached means)."""

    loss: Tensor
    figures: dict[str, float]


def countable(rollout: Rollout) -> Tensor:
    """1 for objects large enough for a prompt on the first frame, else 0: float [B]."""
    area = rollout.truth_px[:, 0].mean((1, 2))
    return torch.from_numpy((area > SMALLEST_VISIBLE_SHARE).astype(np.float32)).to(rollout.device)


def prompt_gain(rollout: ClipRollout, predicted: np.ndarray, t: int) -> tuple[float, float]:
    """Mean IoU with the own object's truth, and its difference to the mean IoU with a neighbour's truth."""
    truth = rollout.truth_px[:, t].reshape(rollout.scenes, rollout.n_objects, -1)
    guess = predicted.reshape(rollout.scenes, rollout.n_objects, -1)

    def iou(a: np.ndarray, b: np.ndarray) -> float:
        union = (a | b).sum(-1)
        counted = union > 0  # none after a cut that removes every object
        return float(((a & b).sum(-1) / np.maximum(union, 1))[counted].mean()) if counted.any() else float("nan")

    own = iou(guess, truth)
    return own, own - iou(guess, np.roll(truth, 1, axis=1))


def correct(rollout: Rollout, rng: Rng, t: int, index: int, points: Points | None, out: dict[str, Tensor],
             *, initial: bool, remember: bool) -> tuple[Points, dict[str, Tensor]]:  # fmt: skip
    """Adds one click from the error region and runs the frame again, at times with the earlier logits."""
    click = prompts.corrective_click(rng, rollout.truth_px[:, t], rollout.predicted_px(out), rng.random() < 0.5)
    points = click if points is None else points.then(click)
    # Masklet's engine takes all clicks of a frame at once, without the logits of earlier clicks.
    previous = out["pred_masks"].detach().clamp(-32, 32) if rng.random() < 0.4 else None
    out = rollout.step(t, index, points=points, previous=previous, initial=initial, remember=remember)
    return points, out


def first_points(rng: Rng, truth: np.ndarray, kind: str) -> Points:
    """Points of a kind (click, box, else several points) for each mask of truth, bool [B, H, W]."""
    if kind == "click":
        return prompts.one_click(rng, truth)
    if kind == "box":
        return prompts.jittered_box(rng, truth, 0.08)
    return prompts.mixed_points(rng, truth, int(rng.integers(2, 9)))


def of_rollout(rollout: ClipRollout, rng: Rng) -> Outcome:
    """The outcome of `clip`, or of `single_frame` for a rollout of one frame."""
    return clip(rollout, rng) if rollout.n_frames > 1 else single_frame(rollout, rng)


def single_frame(rollout: ClipRollout, rng: Rng) -> Outcome:
    """A click and a box (or several points) on the same features, each with corrective clicks at times."""
    counted = countable(rollout)
    truth = rollout.truth_px[:, 0]
    total = torch.zeros((), device=rollout.device)
    figures: dict[str, float] = {}
    for kind in ("click", "box" if rng.random() < 0.6 else "points"):
        points = first_points(rng, truth, kind)
        out = rollout.step(0, 0, points=points, initial=True, remember=False)
        loss = rollout.loss(0, counted)
        total = total + loss.total
        own, gain = prompt_gain(rollout, rollout.predicted_px(out), 0)
        figures[kind] = own
        figures[f"{kind}_gain"] = gain
        for _ in range(int(rng.integers(0, 3)) if rng.random() < 0.6 else 0):
            points, out = correct(rollout, rng, 0, 0, points, out, initial=True, remember=False)
            loss = rollout.loss(0, counted)
            total = total + loss.total
            figures["corrected"] = float(loss.chosen_iou.mean())
    return Outcome(total, figures)


def clip(rollout: ClipRollout, rng: Rng) -> Outcome:
    """Prompts the first frame, propagates, and at times corrects one later frame."""
    counted = countable(rollout)
    # An index gap after the first frame simulates the omitted part of a long clip.
    gap = int(rng.integers(0, 30)) if rng.random() < 0.5 else 0
    total, out = _prompt_first_frame(rollout, rng, counted)
    figures: dict[str, float] = {}
    correct_at = int(rng.integers(1, rollout.n_frames)) if rng.random() < 0.25 else -1
    ious = []
    for t in range(1, rollout.n_frames):
        index = t + gap
        corrected = t == correct_at
        out = rollout.step(t, index, remember=not corrected)
        loss = rollout.loss(t, counted, 1 + RETURN_WEIGHT * rollout.returned(t))
        total = total + loss.total
        visible = rollout.truth_px[:, t].any((1, 2)) & (counted.cpu().numpy() > 0)
        if visible.any():
            ious.append(float(loss.chosen_iou.cpu().numpy()[visible].mean()))
        has_returned = (rollout.returned(t) * counted).cpu().numpy() > 0
        if has_returned.any():
            figures["returned"] = float(loss.chosen_iou.cpu().numpy()[has_returned].mean())
            figures["seen_again"] = float((rollout.tap.presence[:, 0] > 0).cpu().numpy()[has_returned].mean())
        if t == 1:
            _, figures["memory_gain"] = prompt_gain(rollout, rollout.predicted_px(out), t)
        if corrected:
            _, out = correct(rollout, rng, t, index, None, out, initial=False, remember=True)
            total = total + rollout.loss(t, counted).total
    if ious:
        figures["tracked"] = float(np.mean(ious))
        figures["last"] = ious[-1]
    return Outcome(total, figures)


def _prompt_first_frame(rollout: ClipRollout, rng: Rng, counted: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    truth = rollout.truth_px[:, 0]
    kind = str(rng.choice(KINDS, p=KIND_SHARES))
    total = torch.zeros((), device=rollout.device)
    if kind == "mask":
        mask = torch.from_numpy(truth[:, None].astype(np.float32)).to(rollout.device)
        return total, rollout.step(0, 0, mask=mask, initial=True)
    points = first_points(rng, truth, kind)
    rounds = int(rng.integers(0, 3)) if rng.random() < 0.5 else 0
    out = rollout.step(0, 0, points=points, initial=True, remember=rounds == 0)
    total = total + rollout.loss(0, counted).total
    for round_index in range(rounds):
        points, out = correct(rollout, rng, 0, 0, points, out, initial=True, remember=round_index == rounds - 1)
        total = total + rollout.loss(0, counted).total
    if rng.random() < 0.5:
        binarise_memory(rollout, out)
    return total, out


def binarise_memory(rollout: Rollout, out: dict[str, Tensor]) -> None:
    """Encodes the prompted frame's memory from the thresholded mask, as SAM 2's video predictor does."""
    feats, _ = rollout.frame_features(0)
    hard = torch.where(out["pred_masks_high_res"].detach() > 0, 10.0, -10.0)
    presence = torch.full((hard.shape[0], 1), 10.0, device=hard.device)
    features, positions = rollout.model._encode_new_memory(
        current_vision_feats=feats,
        feat_sizes=rollout.feat_sizes,
        pred_masks_high_res=F.hardtanh(hard, -10.0, 10.0),
        object_score_logits=presence,
        is_mask_from_pts=True,
    )
    out["maskmem_features"], out["maskmem_pos_enc"] = features, positions
