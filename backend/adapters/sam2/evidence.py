"""Masks and the numbers about them, reduced on the device: a few floats an object leave it, not logits."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.adapters.sam2.state import Decoded
from backend.domain.geometry import BoolMask, FrameSize, Point, box_of_mask
from backend.domain.masklets import FrameEvidence

_STABILITY_MARGIN = 1.0
_UPSCALED_PX_AT_ONCE = 2**25
"""Masks are brought to the video's size so many pixels at a time: many objects in 4K would not fit at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One object's mask at the video's size, [H, W] bool, and the evidence for it."""

    mask: BoolMask
    evidence: FrameEvidence


def judge(decoded: Decoded, size: FrameSize) -> list[Judged]:
    """Masks and evidence of B objects, in order."""
    numbers = _logit_numbers(decoded).tolist()
    masks = upscaled_masks(decoded.logits, size)
    parts = (decoded.logits[:, 0] > 0).cpu().numpy()
    return [
        _judged(mask, row, components=_count_components(part))
        for mask, row, part in zip(masks, numbers, parts, strict=True)
    ]


def with_mask(judged: Judged, mask: BoolMask) -> Judged:
    """The same evidence about a person's own mask, which replaces the model's copy of it."""
    old = judged.evidence
    shape = _shape_numbers(mask)
    evidence = FrameEvidence(
        predicted_ious=old.predicted_ious,
        presence_logit=old.presence_logit,
        stability=old.stability,
        soft_iou=old.soft_iou,
        area_rel=shape.area_rel,
        centroid=shape.centroid,
        box=box_of_mask(mask),
        components=_count_components(mask),
    )
    return Judged(mask, evidence)


def upscaled_masks(logits: Tensor, size: FrameSize) -> list[BoolMask]:
    """Mask logits [B, 1, h, w] as masks [H, W] bool at the video's size."""
    masks: list[BoolMask] = []
    step = max(1, _UPSCALED_PX_AT_ONCE // size.pixels)
    for start in range(0, logits.size(0), step):
        some = logits[start : start + step]
        full = F.interpolate(some, size=(size.height, size.width), mode="bilinear", align_corners=False)
        masks.extend((full[:, 0] > 0).cpu().numpy())
    return masks


def resized_mask(mask: BoolMask, size: FrameSize) -> BoolMask:
    """A mask brought to a frame's size without interpolation; itself if it has that size."""
    if mask.shape == (size.height, size.width):
        return mask
    rows = ((np.arange(size.height) + 0.5) * mask.shape[0] / size.height).astype(np.intp)
    columns = ((np.arange(size.width) + 0.5) * mask.shape[1] / size.width).astype(np.intp)
    return mask[np.ix_(rows, columns)]


def _logit_numbers(decoded: Decoded) -> Tensor:
    """[B, 3 + M]: stability, soft IoU, presence logit, predicted IoUs; one transfer for all."""
    raw = decoded.raw.flatten(1)
    inner = (raw > _STABILITY_MARGIN).sum(dim=1)
    outer = (raw > -_STABILITY_MARGIN).sum(dim=1)
    stability = torch.where(outer > 0, inner / outer.clamp(min=1), 1.0)
    probability = raw.sigmoid()
    chosen = (raw > 0).float()
    union = chosen.sum(dim=1) + (probability * (1 - chosen)).sum(dim=1)
    soft_iou = (probability * chosen).sum(dim=1) / union.clamp(min=1e-12)
    columns = (stability[:, None], soft_iou[:, None], decoded.presence, decoded.predicted_ious)
    return torch.cat([column.float() for column in columns], dim=1).cpu()


@dataclass(frozen=True, slots=True)
class _Shape:
    area_rel: float
    centroid: Point | None


def _judged(mask: BoolMask, row: list[float], *, components: int) -> Judged:
    stability, soft_iou, presence, *predicted_ious = row
    shape = _shape_numbers(mask)
    evidence = FrameEvidence(
        predicted_ious=tuple(predicted_ious),
        presence_logit=presence,
        stability=stability,
        soft_iou=soft_iou,
        area_rel=shape.area_rel,
        centroid=shape.centroid,
        box=box_of_mask(mask),
        components=components if shape.area_rel else 0,
    )
    return Judged(mask, evidence)


def _shape_numbers(mask: BoolMask) -> _Shape:
    height, width = mask.shape
    rows = mask.sum(axis=1, dtype=np.int64)
    columns = mask.sum(axis=0, dtype=np.int64)
    area = int(rows.sum())
    if area == 0:
        return _Shape(0.0, None)
    x_px = float(columns @ (np.arange(width) + 0.5)) / area
    y_px = float(rows @ (np.arange(height) + 0.5)) / area
    return _Shape(area / mask.size, Point(x_px / width, y_px / height))


def _count_components(mask: BoolMask) -> int:
    count, _ = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    return int(count) - 1
