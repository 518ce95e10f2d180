"""Builds clicks as the page sends them: one region of the smart keypoint tool in the context."""

from __future__ import annotations

import hashlib

from scripts.demonstration.clip import Click, Clip
from scripts.label_studio.api import Json

CONTROL, OBJECT_TAG = "point", "frames"
"""The names of the tags in label_config/frames.xml."""


def click_region(click: Click, clip: Clip) -> Json:
    """The region in context.result for a click with the Auto-Detect tool.

    The id depends on the click alone, so a retry is the same prompt.
    """
    return {
        "id": hashlib.sha256(repr(click).encode()).hexdigest()[:10],
        "type": "keypointlabels",
        "from_name": CONTROL,
        "to_name": OBJECT_TAG,
        "item_index": click.page,
        "original_width": clip.width,
        "original_height": clip.height,
        "image_rotation": 0,
        "is_positive": True,
        "origin": "manual",
        "value": {
            "x": click.x_pct,
            "y": click.y_pct,
            "width": 0.3,
            "labels": [click.label],
            "keypointlabels": [click.label],
        },
    }
