"""Telling a person's work from our own: Label Studio sends our masks and boxes back with the person's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from backend.adapters.labelstudio.mask_forms.masks import mask_of_polygons, polygons_of_mask
from backend.adapters.labelstudio.reading.mask_fingerprints import MaskFingerprints, near
from backend.codecs.coco_rle import decode_checked
from backend.domain.geometry import BoolMask, Box, FrameSize
from backend.domain.masklets import EncodedMask, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import FrameIndex


@dataclass(slots=True)
class KnownMasks:
    """The masks that a canvas was given, for asking whether a prompt only repeats one of them.

    run: the newest of them as masks; earlier: all that is remembered of others. said: prompts that the person's canvas
    has already, which are theirs and no news.
    """

    run: MaskRun | None
    earlier: MaskFingerprints = field(default_factory=MaskFingerprints)
    prompted: PromptSet = field(default_factory=lambda: PromptSet(()))
    _masks: dict[tuple[ObjectId, FrameIndex], EncodedMask] = field(init=False)

    def __post_init__(self) -> None:
        masklets = () if self.run is None else self.run.masklets
        self._masks = {(m.object_id, frame.frame_index): frame.mask for m in masklets for frame in m.frames}
        if self.run is not None:
            self.earlier.add_run(self.run)

    def label_of(self, object_id: ObjectId) -> str | None:
        """The label that an object was given with; None if it never was."""
        return self.earlier.labels.get(object_id)

    def is_repeat(self, prompt: FramePrompt) -> bool:
        """Whether the prompt is a known mask, or the box around it, as Label Studio was given it."""
        if self.earlier.repeats(prompt):
            return True
        encoded = self._masks.get((prompt.object_id, prompt.frame_index))
        if encoded is None or prompt.mask is None or prompt.mask.shape != (encoded.height, encoded.width):
            return False
        return _same(prompt.mask, _redrawn(decode_checked(encoded)))

    def news(self, prompt: FramePrompt) -> int:
        """2 for what is new, 1 for what the person said before, 0 for what was given to them."""
        if self.is_repeat(prompt):
            return 0
        return 1 if prompt.box is not None and any(near(prompt.box, box) for box in self._said(prompt)) else 2

    def _said(self, prompt: FramePrompt) -> Iterator[Box]:
        for said in self.prompted.of_object(prompt.object_id):
            if said.frame_index == prompt.frame_index and said.box is not None:
                yield said.box


def _same(first: BoolMask, second: BoolMask) -> bool:
    return bool(np.array_equal(first, second))


def _redrawn(mask: BoolMask) -> BoolMask:
    """The mask as it comes back from polygons."""
    height, width = mask.shape
    return mask_of_polygons(polygons_of_mask(mask), FrameSize(width, height))
