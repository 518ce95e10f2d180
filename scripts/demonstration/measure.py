"""Reads the masks from a prediction's regions and computes their IoU with the truth."""

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

    A page counts if the object is visible or has a mask: a missing mask and a mask of an absent object count as 0.
    Other pages do not count.
    """
    scores = []
    for page, objects in enumerate(truth):
        for label, true_mask in zip(LABELS, objects, strict=False):
            predicted = masks.get((label, page))
            if predicted is None and not true_mask.any():
                continue
            scores.append(0.0 if predicted is None else iou(predicted, true_mask))
    return float(np.mean(scores)) if scores else 0.0


def iou(first: BoolMask, second: BoolMask) -> float:
    """Intersection over union of two masks of one size; 0 if both are empty."""
    union = np.count_nonzero(first | second)
    return float(np.count_nonzero(first & second) / union) if union else 0.0
