"""Masks and the numbers about them, reduced on the device: a few floats an object leave it, not logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.adapters.sam2.state import Decoded, ImageFeatures
from backend.domain.geometry import BoolMask, Box, FrameSize, Point
from backend.domain.masklets import FrameEvidence

EMBEDDING_SIZE = 32
_EMBEDDING_DECIMALS = 5
_STABILITY_MARGIN = 1.0
_BAND_PX = 2
"""Half the boundary band's width, in pixels of the model's mask (a quarter of its image size)."""
_MOST_CANDIDATES = 3
_UPSCALED_PX_AT_ONCE = 2**25
"""Masks are brought to the video's size so many pixels at a time: many objects in 4K would not fit at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """What is kept of B objects' decoded masks until they are judged.

    logits: [B, 1, h, w] float32, gated. numbers: [B, 5 + EMBEDDING_SIZE + 3] float32 on the device: stability, soft
    IoU, boundary entropy, candidate disagreement, presence logit, embedding, predicted IoUs (NaN for those that
    there are not).
    """

    logits: Tensor
    numbers: Tensor

    def one(self, position: int) -> Reduced:
        """The batch of one at a position."""
        rows = slice(position, position + 1)
        return Reduced(self.logits[rows], self.numbers[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """One object's mask at the video's size, [H, W] bool, and the evidence for it."""

    mask: BoolMask
    evidence: FrameEvidence


def reduce(decoded: Decoded, seen: ImageFeatures) -> Reduced:
    """B objects' logits and the numbers about them; nothing leaves the device.

    In float32 also under autocast, whose bfloat16 cannot count the pixels of a mask.
    """
    with torch.autocast(decoded.raw.device.type, enabled=False):
        probability = decoded.raw.sigmoid()
        columns = (
            _of_mask(decoded.raw, probability),
            _disagreement(decoded.candidates),
            decoded.presence,
            _embedding(probability, seen.levels[-1]),
            _padded(decoded.predicted_ious),
        )
    return Reduced(decoded.logits, torch.cat([column.float() for column in columns], dim=1))


def judge(reduced: Sequence[Reduced], size: FrameSize) -> list[Judged]:
    """Masks and evidence of the objects of one frame, in order: one transfer for all their numbers."""
    if not reduced:
        return []
    logits = torch.cat([item.logits for item in reduced])
    numbers = torch.cat([item.numbers for item in reduced]).tolist()
    parts = (logits[:, 0] > 0).cpu().numpy()
    masks = upscaled_masks(logits, size)
    return [_judged(mask, row, part) for mask, row, part in zip(masks, numbers, parts, strict=True)]


def with_mask(judged: Judged, mask: BoolMask) -> Judged:
    """The same evidence about a person's own mask, which replaces the model's copy of it."""
    area_rel, centroid, box = _place(mask)
    evidence = replace(
        judged.evidence,
        area_rel=area_rel,
        centroid=centroid,
        box=box,
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


def _of_mask(raw: Tensor, probability: Tensor) -> Tensor:
    """Stability, soft IoU, and mean entropy in bits where the mask's surroundings are of both kinds; [B, 3].

    All sums over pixels are one: on small masks it is the number of operations that costs, not their size.
    """
    chosen = raw > 0
    entropy = (F.softplus(raw) - probability * raw) / math.log(2)
    band = _band(chosen)
    summed = (
        raw > _STABILITY_MARGIN,
        raw > -_STABILITY_MARGIN,
        chosen,
        probability,
        probability * chosen,
        entropy * band,
        band,
    )
    inner, outer, area, mass, inside, doubt, length = torch.cat(summed, dim=1).flatten(2).sum(dim=2).unbind(dim=1)
    stability = (inner + (outer == 0)) / outer.clamp(min=1)
    soft_iou = inside / (area + mass - inside).clamp(min=1e-12)
    return torch.stack((stability, soft_iou, doubt / length.clamp(min=1)), dim=1)


def _band(chosen: Tensor) -> Tensor:
    """Which pixels of [B, 1, h, w] have both kinds in the square around them."""
    along, across = (_near(size, chosen.device) for size in chosen.shape[2:])
    marked = along @ chosen.float() @ across
    return (marked > 0) & (marked < along.sum(dim=1)[:, None] * across.sum(dim=0))


@lru_cache(maxsize=8)
def _near(size: int, device: torch.device) -> Tensor:
    """[size, size], 1 where two places are within the band's half width. A product with it is a sum over neighbours:
    on small masks several times faster than pooling, on a GPU exact in every precision."""
    places = torch.arange(size, device=device)
    return ((places[:, None] - places).abs() <= _BAND_PX).float()


def _disagreement(candidates: Tensor) -> Tensor:
    """1 - mean IoU over the pairs of candidates [B, M, h, w]; [B, 1]."""
    batch, count = candidates.shape[:2]
    if count < 2:
        return candidates.new_zeros(batch, 1)
    masks = (candidates > 0).flatten(2).float()
    shared = masks @ masks.transpose(1, 2)  # [B, M, M]
    areas = shared.diagonal(dim1=1, dim2=2)
    united = areas[:, :, None] + areas[:, None, :] - shared
    iou = torch.where(united > 0, shared / united.clamp(min=1), 1.0)
    others = iou.flatten(1).sum(dim=1, keepdim=True) - count  # without the diagonal, which is 1
    return 1 - others / (count * (count - 1))


def _embedding(probability: Tensor, coarse: Tensor) -> Tensor:
    """Coarse features [1, C, h/4, w/4] averaged under soft masks [B, 1, h, w], projected; [B, EMBEDDING_SIZE]."""
    scale = probability.shape[-1] // coarse.shape[-1]
    weights = F.avg_pool2d(probability, scale).flatten(1)
    features = coarse[0].flatten(1).float()  # [C, hw]
    pooled = (weights @ features.T) / weights.sum(dim=1, keepdim=True).clamp(min=1e-12)
    return F.normalize(pooled @ _projection(features.size(0), coarse.device), dim=1)


@lru_cache(maxsize=4)
def _projection(channels: int, device: torch.device) -> Tensor:
    """[C, EMBEDDING_SIZE] of +-1: keeps angles (Johnson-Lindenstrauss), and is the same in every process."""
    signs = np.random.Generator(np.random.PCG64(0)).integers(0, 2, (channels, EMBEDDING_SIZE)) * 2 - 1
    return torch.from_numpy(signs.astype(np.float32)).to(device)


def _padded(predicted_ious: Tensor) -> Tensor:
    return F.pad(predicted_ious.float(), (0, _MOST_CANDIDATES - predicted_ious.size(1)), value=math.nan)


def _judged(mask: BoolMask, row: list[float], part: BoolMask) -> Judged:
    stability, soft_iou, boundary_entropy, disagreement, presence = row[:5]
    embedding, predicted_ious = row[5 : 5 + EMBEDDING_SIZE], row[5 + EMBEDDING_SIZE :]
    area_rel, centroid, box = _place(mask)
    evidence = FrameEvidence(
        predicted_ious=tuple(iou for iou in predicted_ious if not math.isnan(iou)),
        presence_logit=presence,
        stability=stability,
        soft_iou=soft_iou,
        area_rel=area_rel,
        centroid=centroid,
        box=box,
        components=_count_components(part) if area_rel else 0,
        boundary_entropy=boundary_entropy,
        candidate_disagreement=disagreement,
        embedding=tuple(round(value, _EMBEDDING_DECIMALS) for value in embedding),
    )
    return Judged(mask, evidence)


def _place(mask: BoolMask) -> tuple[float, Point | None, Box | None]:
    """Share of the frame, centroid and tight box; the sums run over the box alone."""
    height, width = mask.shape
    pixels = mask.view(np.uint8)
    left, top, across, down = cv2.boundingRect(pixels)
    if across == 0:
        return 0.0, None, None
    inside = pixels[top : top + down, left : left + across]
    columns, rows = (cv2.reduce(inside, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel() for axis in (0, 1))
    area = int(rows.sum())
    x_px = left + 0.5 + int(columns @ np.arange(across)) / area
    y_px = top + 0.5 + int(rows @ np.arange(down)) / area
    box = Box(left / width, top / height, (left + across) / width, (top + down) / height)
    return area / mask.size, Point(x_px / width, y_px / height), box


def _count_components(mask: BoolMask) -> int:
    count, _ = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    return int(count) - 1
