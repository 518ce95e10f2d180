"""SAM 2's training losses: focal and dice on the best candidate, IoU on all, presence on every frame."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

# SAM 2 uses 1. The ranking of propagated frames for correction needs a more precise IoU.
IOU_WEIGHT = 4.0


@dataclass(frozen=True)
class FrameLoss:
    """A scalar loss and, detached, the IoU of the candidate that the model chooses, float [B]."""

    total: Tensor
    chosen_iou: Tensor


def focal_loss(logits: Tensor, truth: Tensor, alpha: float) -> Tensor:
    """Sigmoid focal loss (gamma 2) for soft truth, averaged over pixels: [B, M, H, W] to [B, M].

    ``alpha`` is the weight of the object, 1 - alpha that of the background.
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, truth, reduction="none")
    distance = (torch.sigmoid(logits) - truth).abs()
    weight = 2 * (alpha * truth + (1 - alpha) * (1 - truth))
    return (weight * distance.square() * cross_entropy).mean((-2, -1))


def dice_loss(logits: Tensor, truth: Tensor) -> Tensor:
    """One minus soft dice: [B, M, H, W] to [B, M]."""
    probability = torch.sigmoid(logits)
    overlap = (probability * truth).sum((-2, -1))
    return 1 - (2 * overlap + 1) / (probability.sum((-2, -1)) + truth.sum((-2, -1)) + 1)


def hard_iou(logits: Tensor, truth: Tensor) -> Tensor:
    """IoU of thresholded masks, without gradient: [B, M, H, W] to [B, M]; two empty masks give 1."""
    with torch.no_grad():
        guess, real = logits > 0, truth > 0.5
        union = (guess | real).sum((-2, -1))
        return torch.where(union > 0, (guess & real).sum((-2, -1)) / union.clamp(min=1), 1.0)


def frame_loss(
    candidates: Tensor,
    predicted_ious: Tensor,
    presence_logits: Tensor,
    truth: Tensor,
    counted: Tensor,
    alpha: float,
    weight: Tensor | None = None,
) -> FrameLoss:
    """The loss of one frame.

    ``candidates`` float [B, M, h, w] raw logits, ``predicted_ious`` [B, M], ``presence_logits`` [B, 1],
    ``truth`` soft [B, 1, 2h, 2w], ``counted`` float [B] (0 drops an object),
    ``weight`` float [B] the factor of an object's loss on this frame (1 for all by default).
    """
    logits = F.interpolate(candidates, size=truth.shape[-2:], mode="bilinear", align_corners=False)
    target = truth.expand_as(logits)
    present = (truth.amax((1, 2, 3)) > 0.5).float()
    mask_loss = 20 * focal_loss(logits, target, alpha) + dice_loss(logits, target)
    best = mask_loss.min(1).values
    ious = hard_iou(logits, target)
    iou_loss = F.l1_loss(predicted_ious, ious, reduction="none").mean(1)
    presence = F.binary_cross_entropy_with_logits(presence_logits[:, 0], present, reduction="none")
    each = present * (best + IOU_WEIGHT * iou_loss) + presence
    if weight is not None:
        each = each * weight
    chosen = ious.gather(1, predicted_ious.argmax(1, keepdim=True))[:, 0]
    return FrameLoss((each * counted).sum() / counted.sum().clamp(min=1), chosen)
