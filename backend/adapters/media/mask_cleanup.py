"""Masks without crumbs: small parts removed, small holes filled."""

from __future__ import annotations

import cv2
import numpy as np

from backend.domain.geometry import BoolMask

LEAST_SHARE = 0.1
"""A part or hole smaller than this share of the largest part is a crumb."""


def clean_mask(mask: BoolMask) -> BoolMask:
    """[H, W] bool: the mask's parts of at least a tenth of the largest, their small holes filled; empty stays empty."""
    if not mask.any():
        return mask
    kept, limit = _large_parts(mask, 0.0)
    holes, _ = _large_parts(~kept, limit)
    return np.asarray(~holes, np.bool_)


def _large_parts(mask: BoolMask, limit_px: float) -> tuple[BoolMask, float]:
    """The connected parts over a limit (0: a tenth of the largest), and the limit."""
    count, numbers, figures, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    areas = figures[1:, cv2.CC_STAT_AREA]
    if count < 2:
        return mask, limit_px
    limit = limit_px or LEAST_SHARE * float(areas.max())
    large = np.flatnonzero(areas >= limit) + 1
    return np.asarray(np.isin(numbers, large), np.bool_), limit
