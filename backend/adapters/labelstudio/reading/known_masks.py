"""Separation of a person's prompts from Masklet's own masks and boxes, which Label Studio sends back among them."""

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
    """The masks shown to a user, to find prompts that only repeat one of them.

    run: the newest masks. earlier: the fingerprints of older ones. prompted: the user's known prompts.
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
        """The label an object was shown with; None if it never was shown."""
        return self.earlier.labels.get(object_id)

    def is_repeat(self, prompt: FramePrompt) -> bool:
        """Whether the prompt is a shown mask or the box around one."""
        if self.earlier.repeats(prompt):
            return True
        encoded = self._masks.get((prompt.object_id, prompt.frame_index))
        if encoded is None or prompt.mask is None or prompt.mask.shape != (encoded.height, encoded.width):
            return False
        return _same(prompt.mask, _redrawn(decode_checked(encoded)))

    def unrounded(self, prompts: PromptSet) -> PromptSet:
        """The prompts, with boxes that came back rounded replaced by the known ones, so a repeat changes nothing."""
        placed = {(p.object_id, p.frame_index): p for p in self.prompted if p.box is not None}

        def as_placed(prompt: FramePrompt) -> FramePrompt:
            before = placed.get((prompt.object_id, prompt.frame_index))
            if before is None or before.box is None or prompt.box is None or prompt.points:
                return prompt
            return before if near(before.box, prompt.box) else prompt

        return PromptSet.of((as_placed(prompt) for prompt in prompts), prompts.labels)

    def novelty(self, prompt: FramePrompt) -> int:
        """2 for a new prompt, 1 for one that the person made before, 0 for a repeat of a shown mask."""
        if self.is_repeat(prompt):
            return 0
        return 1 if prompt.box is not None and any(near(prompt.box, box) for box in self._boxes_before(prompt)) else 2

    def _boxes_before(self, prompt: FramePrompt) -> Iterator[Box]:
        for earlier in self.prompted.of_object(prompt.object_id):
            if earlier.frame_index == prompt.frame_index and earlier.box is not None:
                yield earlier.box


def _same(first: BoolMask, second: BoolMask) -> bool:
    return bool(np.array_equal(first, second))


def _redrawn(mask: BoolMask) -> BoolMask:
    """The mask after a round trip through polygons: [H, W] bool."""
    height, width = mask.shape
    return mask_of_polygons(polygons_of_mask(mask), FrameSize(width, height))
