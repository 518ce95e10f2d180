"""Mask cleanup: removes small parts and fills small holes."""

from __future__ import annotations

import cv2
import numpy as np

from backend.domain.geometry import BoolMask

LEAST_SHARE = 0.1
"""The least area of a part or hole that is kept, as a share of the largest part."""


def clean_mask(mask: BoolMask) -> BoolMask:
    """[H, W] bool: the mask's parts of at least a tenth of the largest, small holes filled. Empty stays empty."""
    if not mask.any():
        return mask
    kept, limit = _large_parts(mask, 0.0)
    holes, _ = _large_parts(~kept, limit)
    return np.asarray(~holes, np.bool_)


def _large_parts(mask: BoolMask, limit_px: float) -> tuple[BoolMask, float]:
    """The connected parts over a limit (0: a tenth of the largest), and the limit."""
    count, numbers, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = statistics[1:, cv2.CC_STAT_AREA]
    if count < 2:
        return mask, limit_px
    limit = limit_px or LEAST_SHARE * float(areas.max())
    large = np.flatnonzero(areas >= limit) + 1
    return np.asarray(np.isin(numbers, large), np.bool_), limit
