"""Masks and their evidence. Reduced on the device: a few floats per object are transferred, not the logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.adapters.sam2.model.tensors import Decoded, ImageFeatures
from backend.domain.geometry import BoolMask, Box, FrameSize, Point
from backend.domain.masklets import FrameEvidence

EMBEDDING_SIZE = 32
_EMBEDDING_DECIMALS = 5
_STABILITY_MARGIN = 1.0
_BAND_PX = 2
"""Half the boundary band's width, in pixels of the model's mask (a quarter of its image size)."""
_MOST_CANDIDATES = 3
_UPSCALED_PX_AT_ONCE = 2**25
"""Pixels that are upscaled to the video's size in one call: many objects in 4K do not fit at once."""


@dataclass(frozen=True, slots=True, eq=False)
class MaskStats:
    """Mask logits of B objects and the sums from which `finalize` computes their evidence.

    logits: [B, 1, h, w] float32, gated. numbers: [B, 8 + 9 + EMBEDDING_SIZE + 3] float32 on the device: the pixel sums
    of _pixel_sums, presence logit, pixels shared by each pair of candidates, embedding of any length, predicted IoUs;
    NaN for missing candidates.
    """

    logits: Tensor
    numbers: Tensor

    def one(self, position: int) -> MaskStats:
        """One object as a batch of one: logits [1, 1, h, w], numbers [1, N], both float32."""
        rows = slice(position, position + 1)
        return MaskStats(self.logits[rows], self.numbers[rows])


@dataclass(frozen=True, slots=True, eq=False)
class MaskWithEvidence:
    """One object's mask at the video's size, [H, W] bool, and the evidence for it."""

    mask: BoolMask
    evidence: FrameEvidence


def reduce(decoded: Decoded, features: ImageFeatures) -> MaskStats:
    """Mask statistics of B objects on one frame; nothing leaves the device.

    decoded: logits [B, 1, h, w] and its other fields. features: levels [1, C, H, W], finest first. Computes in float32
    also under autocast, because bfloat16 cannot count the pixels of a mask. Computes sums only; `finalize` derives the
    evidence from them. On small masks the count of operations costs time, not their size.
    """
    kind = decoded.raw.device.type
    with torch.autocast(kind, enabled=False) if torch.is_autocast_enabled(kind) else nullcontext():
        probability = decoded.raw.sigmoid()
        columns = (
            *_pixel_sums(decoded.raw, probability),
            decoded.presence,
            _shared(decoded.candidates),
            _embedding(probability, features.levels[-1]),
            _padded(decoded.predicted_ious),
        )
        return MaskStats(decoded.logits, torch.cat(columns, dim=1))


@dataclass(frozen=True, slots=True, eq=False)
class MaskTransfer:
    """The masks of one frame on their way to the host. From a CUDA device they are copied while the host works on.

    numbers: [B, N] float32, see MaskStats. parts: [B, h, w] bool at the model's size. masks: [B, H, W] bool at the
    video's size; None for so many that they are upscaled in several calls. logits: [B, 1, h, w] float32. copied: the
    event after the copies; None on a CPU.
    """

    numbers: Tensor
    parts: Tensor
    masks: Tensor | None
    logits: Tensor
    size: FrameSize
    copied: torch.cuda.Event | None

    def finish(self) -> list[MaskWithEvidence]:
        """Masks [H, W] bool and evidence of the objects, in order; waits for the copies."""
        if self.copied is not None:
            self.copied.synchronize()
        if self.masks is None:
            masks = upscaled_masks(self.logits, self.size)
        elif self.copied is None:
            masks = list(self.masks.numpy())
        else:  # whoever keeps a mask would keep page-locked memory
            masks = [mask.copy() for mask in self.masks.numpy()]
        rows = zip(masks, self.parts.numpy(), self.numbers.tolist(), strict=True)
        return [_with_evidence(mask, part, row) for mask, part, row in rows]


def start_transfer(reduced: Sequence[MaskStats], size: FrameSize) -> MaskTransfer:
    """Upscales the masks of one frame's objects, at least one, and starts their copies to the host."""
    logits = torch.cat([item.logits for item in reduced])
    numbers = torch.cat([item.numbers for item in reduced])
    fits = logits.size(0) * size.pixels <= _UPSCALED_PX_AT_ONCE
    masks = _to_host(upscaled(logits, size)) if fits else None
    numbers, parts = _to_host(numbers), _to_host(logits[:, 0] > 0)
    copied: torch.cuda.Event | None = None
    if logits.is_cuda:
        copied = torch.cuda.Event()  # type: ignore[no-untyped-call]
        copied.record(torch.cuda.current_stream(logits.device))
    return MaskTransfer(numbers, parts, masks, logits, size, copied)


def finalize(reduced: Sequence[MaskStats], size: FrameSize) -> list[MaskWithEvidence]:
    """Masks [H, W] bool and evidence of the objects of one frame, in order."""
    return start_transfer(reduced, size).finish() if reduced else []


def with_mask(computed: MaskWithEvidence, mask: BoolMask, *, score: float | None = None) -> MaskWithEvidence:
    """Replaces the model's copy by the prompt's mask [H, W] bool: area, centroid, box and components follow it.

    score: of an automatic mask; it stands as the predicted IoU, which SAM 2 does not estimate for a mask prompt.
    """
    area_rel, centroid, box = _area_centroid_box(mask)
    evidence = replace(
        computed.evidence,
        area_rel=area_rel,
        centroid=centroid,
        box=box,
        components=_count_components(mask),
        predicted_ious=computed.evidence.predicted_ious if score is None else (score,),
    )
    return MaskWithEvidence(mask, evidence)


def upscaled_masks(logits: Tensor, size: FrameSize) -> list[BoolMask]:
    """Upscales mask logits [B, 1, h, w] float32 to B masks [H, W] bool at the video's size."""
    step = max(1, _UPSCALED_PX_AT_ONCE // size.pixels)
    chunks = (upscaled(chunk, size).cpu().numpy() for chunk in torch.split(logits, step))
    return [mask for chunk in chunks for mask in chunk]


def upscaled(logits: Tensor, size: FrameSize) -> Tensor:
    """Masks [B, H, W] bool at the video's size, on the device of the logits [B, 1, h, w] float32."""
    full = F.interpolate(logits, size=(size.height, size.width), mode="bilinear", align_corners=False)
    return full[:, 0] > 0


def _to_host(tensor: Tensor) -> Tensor:
    """The tensor on the CPU; from a CUDA device in page-locked memory, complete once the stream has come so far."""
    return tensor.to("cpu", non_blocking=True)


def resized_mask(mask: BoolMask, size: FrameSize) -> BoolMask:
    """A mask [h, w] bool resized to [H, W] bool without interpolation; the same object if it has that size."""
    if mask.shape == (size.height, size.width):
        return mask
    rows = ((np.arange(size.height) + 0.5) * mask.shape[0] / size.height).astype(np.intp)
    columns = ((np.arange(size.width) + 0.5) * mask.shape[1] / size.width).astype(np.intp)
    return mask[np.ix_(rows, columns)]


def _pixel_sums(raw: Tensor, probability: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over the pixels of logits [B, 1, h, w].

    [B, 4] float32: the counts of pixels above the margin, above minus the margin, above 0, and in the boundary band.
    [B, 3]: probability over all pixels, probability over the mask, entropy (in nats) over the band.
    """
    above = raw > _limits(raw.device)
    chosen = above[:, 2:]
    band = _band(chosen)
    entropy = F.softplus(raw) - probability * raw
    counts = torch.cat((above, band), dim=1).sum(dim=(2, 3), dtype=torch.float32)
    return counts, torch.cat((probability, probability * chosen, entropy * band), dim=1).sum(dim=(2, 3))


@lru_cache(maxsize=4)
def _limits(device: torch.device) -> Tensor:
    return torch.tensor([_STABILITY_MARGIN, -_STABILITY_MARGIN, 0.0], device=device)[:, None, None]


def _band(chosen: Tensor) -> Tensor:
    """[B, 1, h, w] bool: pixels with both mask and background in the square around them."""
    along, across, most = _neighbour_sums(chosen.size(2), chosen.size(3), chosen.device)
    marked = along @ chosen.float() @ across
    return (marked > 0) & (marked < most)


@lru_cache(maxsize=8)
def _neighbour_sums(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """[h, h] and [w, w], 1 where two positions are within the band's half width; [h, w], the count of neighbours.

    A product with them is a sum over neighbours: on small masks several times faster than pooling, and exact.
    """
    places = [torch.arange(size, device=device) for size in (height, width)]
    along, across = (((row[:, None] - row).abs() <= _BAND_PX).float() for row in places)
    return along, across, along.sum(dim=1)[:, None] * across.sum(dim=0)


def _shared(candidates: Tensor) -> Tensor:
    """[B, 9]: the count of pixels that each pair of candidates [B, M, h, w] shares, row by row."""
    masks = (candidates > 0).flatten(2).float()
    shared = masks @ masks.transpose(1, 2)
    missing = _MOST_CANDIDATES - candidates.size(1)
    return F.pad(shared, (0, missing, 0, missing), value=math.nan).flatten(1) if missing else shared.flatten(1)


def _embedding(probability: Tensor, coarse: Tensor) -> Tensor:
    """Coarse features [1, C, h/4, w/4] summed under soft masks [B, 1, h, w], projected; [B, EMBEDDING_SIZE]."""
    scale = probability.shape[-1] // coarse.shape[-1]
    weights = F.avg_pool2d(probability, scale).flatten(1)
    features = coarse[0].flatten(1).float()  # [C, hw]
    return weights @ features.T @ _projection(features.size(0), coarse.device)


@lru_cache(maxsize=4)
def _projection(channels: int, device: torch.device) -> Tensor:
    """[C, EMBEDDING_SIZE] of +-1: keeps angles (Johnson-Lindenstrauss); the same in every process."""
    signs = np.random.Generator(np.random.PCG64(0)).integers(0, 2, (channels, EMBEDDING_SIZE)) * 2 - 1
    return torch.from_numpy(signs.astype(np.float32)).to(device)


def _padded(predicted_ious: Tensor) -> Tensor:
    missing = _MOST_CANDIDATES - predicted_ious.size(1)
    return F.pad(predicted_ious, (0, missing), value=math.nan) if missing else predicted_ious


_COUNTS = 8
_EMBEDDING = slice(_COUNTS + _MOST_CANDIDATES**2, _COUNTS + _MOST_CANDIDATES**2 + EMBEDDING_SIZE)
"""The embedding's columns in `numbers`; the pairs of candidates are before it, the predicted IoUs after it."""


def _with_evidence(mask: BoolMask, part: BoolMask, row: list[float]) -> MaskWithEvidence:
    inner, outer, area, band, mass, inside, entropy, presence = row[:_COUNTS]
    area_rel, centroid, box = _area_centroid_box(mask)
    embedding = row[_EMBEDDING]
    length = max(math.hypot(*embedding), 1e-12)
    evidence = FrameEvidence(
        predicted_ious=tuple(iou for iou in row[_EMBEDDING.stop :] if not math.isnan(iou)),
        presence_logit=presence,
        stability=inner / outer if outer else 1.0,
        soft_iou=inside / max(area + mass - inside, 1e-12),
        area_rel=area_rel,
        centroid=centroid,
        box=box,
        components=_count_components(part) if area_rel else 0,
        boundary_entropy=entropy / math.log(2) / max(band, 1.0),
        candidate_disagreement=_disagreement(row[_COUNTS : _EMBEDDING.start]),
        embedding=tuple([round(value / length, _EMBEDDING_DECIMALS) for value in embedding]),
    )
    return MaskWithEvidence(mask, evidence)


def _disagreement(shared: Sequence[float]) -> float:
    """1 - mean IoU over the pairs of candidates; 0.0 for one. shared: pixels of each pair, NaN for missing ones."""
    areas = [area for area in shared[:: _MOST_CANDIDATES + 1] if not math.isnan(area)]
    pairs = list(combinations(range(len(areas)), 2))
    if not pairs:
        return 0.0
    total = 0.0
    for first, second in pairs:
        common = shared[first * _MOST_CANDIDATES + second]
        united = areas[first] + areas[second] - common
        total += common / united if united else 1.0
    return 1.0 - total / len(pairs)


def _area_centroid_box(mask: BoolMask) -> tuple[float, Point | None, Box | None]:
    """Share of the frame, centroid and tight box, in relative coordinates; the sums run over the box only."""
    height, width = mask.shape
    pixels = mask.view(np.uint8)
    left, top, across, down = cv2.boundingRect(pixels)
    if across == 0:
        return 0.0, None, None
    inside = pixels[top : top + down, left : left + across]
    moments = cv2.moments(inside, binaryImage=True)
    area = moments["m00"]
    x_px = left + 0.5 + moments["m10"] / area
    y_px = top + 0.5 + moments["m01"] / area
    box = Box(left / width, top / height, (left + across) / width, (top + down) / height)
    return area / mask.size, Point(x_px / width, y_px / height), box


def _count_components(mask: BoolMask) -> int:
    count, _ = cv2.connectedComponents(mask.view(np.uint8), connectivity=8)
    return int(count) - 1
