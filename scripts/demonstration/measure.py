"""Masks out of a prediction's regions, as Label Studio gives them back, and how well they fit the truth."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle
from backend.domain.geometry import BoolMask, FrameSize
from scripts.demonstration.clip import LABELS, BoolArray
from scripts.label_studio.api import Json

MasksByPage = dict[tuple[str, int], BoolMask]


def masks_of_regions(regions: Iterable[Json]) -> MasksByPage:
    """The brush masks, [H, W] bool, by label and 0-based page; empty masks are left out."""
    masks: MasksByPage = {}
    for region in regions:
        if region.get("type") != "brushlabels":
            continue
        size = FrameSize(region["original_width"], region["original_height"])
        mask = decode_rle(region["value"]["rle"], size)
        if mask.any():
            masks[region["value"]["brushlabels"][0], region["item_index"]] = mask
    return masks


def mean_iou(masks: MasksByPage, truth: BoolArray) -> float:
    """Mean intersection over union, over objects and pages. truth: [T, N, H, W] bool, objects as in LABELS.

    Counted are the pages where the object is seen or a mask of it was made: a missing mask and a mask of an absent
    object both count as 0. A page where neither is there is not counted.
    """
    scores = []
    for page, objects in enumerate(truth):
        for label, seen in zip(LABELS, objects, strict=False):
            made = masks.get((label, page))
            if made is None and not seen.any():
                continue
            scores.append(0.0 if made is None else iou(made, seen))
    return float(np.mean(scores)) if scores else 0.0


def iou(first: BoolMask, second: BoolMask) -> float:
    """Intersection over union of two masks of one size; 0 if both are empty."""
    union = np.count_nonzero(first | second)
    return float(np.count_nonzero(first & second) / union) if union else 0.0
