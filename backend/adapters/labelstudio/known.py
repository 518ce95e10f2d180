"""Telling a person's work from our own: Label Studio sends our masks and boxes back with the person's."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from backend.adapters.labelstudio.masks import box_of_coco, mask_of_coco, mask_of_polygons, polygons_of_mask
from backend.domain.geometry import BoolMask, Box, FrameSize
from backend.domain.masklets import EncodedMask, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId
from backend.domain.video import FrameIndex

BOX_TOLERANCE_REL = 5e-4
"""Boxes go through Label Studio in percent, rounded; a person's hand moves them farther than this."""


@dataclass(slots=True)
class Known:
    """The masks of a run, for asking whether a prompt only repeats one of them."""

    run: MaskRun
    _masks: dict[tuple[ObjectId, FrameIndex], EncodedMask] = field(init=False)

    def __post_init__(self) -> None:
        self._masks = {
            (masklet.object_id, frame.frame_index): frame.mask
            for masklet in self.run.masklets
            for frame in masklet.frames
        }

    def label_of(self, object_id: ObjectId) -> str | None:
        """The label that an object had in the run; None if it is not in it."""
        return next((masklet.label for masklet in self.run.masklets if masklet.object_id == object_id), None)

    def repeats(self, prompt: FramePrompt) -> bool:
        """Whether the prompt is the known mask, or the box around it, as Label Studio was given it."""
        encoded = self._masks.get((prompt.object_id, prompt.frame_index))
        if encoded is None or prompt.points:
            return False
        if prompt.mask is None:
            return prompt.box is not None and _near(prompt.box, box_of_coco(encoded))
        if prompt.mask.shape != (encoded.height, encoded.width):
            return False
        mask = mask_of_coco(encoded)
        return _same(prompt.mask, mask) or _same(prompt.mask, _redrawn(mask))


def _same(first: BoolMask, second: BoolMask) -> bool:
    return bool(np.array_equal(first, second))


def _redrawn(mask: BoolMask) -> BoolMask:
    """The mask as it comes back from polygons."""
    height, width = mask.shape
    return mask_of_polygons(polygons_of_mask(mask), FrameSize(width, height))


def _near(box: Box, known: Box | None) -> bool:
    if known is None:
        return False
    sides = ("x0_rel", "y0_rel", "x1_rel", "y1_rel")
    return all(abs(float(getattr(box, side)) - float(getattr(known, side))) <= BOX_TOLERANCE_REL for side in sides)
