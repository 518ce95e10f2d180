"""A second look at doubtful frames: extra passes of the engine that ask it the same thing another way round.

Owns two questions. Forward and backward: between two human frames, does each of them alone lead to the same mask? And
the way back: does the mask shown here lead back to the nearest human frame's mask? Both work from the masks shown, so
that a stored run is enough, and only where they are asked to: they cost as much as propagating the frames they pass.
The engine has most of those frames' features still, and encodes none twice within a look.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from backend.application.mask_ports import MaskCodec
from backend.application.offline import NeverCancelled
from backend.application.ports import CancelToken, Segmenter, VideoSource
from backend.domain.geometry import BoolMask, mask_iou
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.second_look import Findings
from backend.domain.video import Direction, FrameIndex, FrameRange

LONGEST_WAY = 64
"""Frames that a mask is carried back at most: from farther away, that it does not arrive says little."""

BOTH = ("forward_backward", "cycle")

Spot = tuple[ObjectId, int]
"""An object on a frame."""


@dataclass(frozen=True, slots=True)
class ShownMasks:
    """One object as it is shown. human: the frames that a person said something about, ascending.

    mask: of a frame that it has, [H, W] bool; empty means "not there".
    """

    object_id: ObjectId
    human: tuple[int, ...]
    mask: Callable[[int], BoolMask]

    @property
    def anchors(self) -> tuple[int, ...]:
        """The human frames that show the object: from an empty mask nothing can be carried anywhere."""
        return tuple(frame for frame in self.human if self.mask(frame).any())


@dataclass(frozen=True, slots=True)
class SecondLook:
    """Looks again at frames of one video."""

    segmenter: Segmenter
    video: VideoSource
    codec: MaskCodec
    cancel: CancelToken = field(default_factory=NeverCancelled)

    def at(
        self, shown: Sequence[ShownMasks], spots: Collection[Spot], names: Collection[str] = BOTH
    ) -> dict[Spot, Findings]:
        """What the extra passes say of these spots; a spot of which they cannot say anything is left out.

        names: of the findings that are sought, forward_backward and cycle; passes for others are not made.
        Spots without a mask are left out, too: that nothing comes back from nothing is no finding. No spot may be a
        human frame.
        """
        masks = {one.object_id: one.mask for one in shown}
        spots = {spot for spot in spots if masks[spot[0]](spot[1]).any()}
        found: dict[Spot, Findings] = {}
        if "forward_backward" in names:
            for spot, disagreement in self.forward_backward(shown, spots).items():
                found[spot] = Findings(forward_backward=disagreement)
        if "cycle" in names:
            for spot, disagreement in self.cycle(shown, spots).items():
                found[spot] = replace(found.get(spot, Findings()), cycle=disagreement)
        return found

    def forward_backward(self, shown: Sequence[ShownMasks], spots: Collection[Spot]) -> dict[Spot, float]:
        """1 - IoU of the mask that the human frame before alone leads to and of the one after alone, by spot.

        Two passes over each stretch between human frames that has a spot; spots outside of one are left out.
        """
        stretches: dict[tuple[int, int], list[ShownMasks]] = defaultdict(list)
        for one in shown:
            frames = {frame for object_id, frame in spots if object_id == one.object_id}
            for stretch in pairwise(one.anchors):
                if any(stretch[0] < frame < stretch[1] for frame in frames):
                    stretches[stretch].append(one)
        found: dict[Spot, float] = {}
        for (first, last), objects in stretches.items():
            found |= {spot: value for spot, value in self._both_ways(objects, first, last) if spot in spots}
        return found

    def _both_ways(self, objects: Sequence[ShownMasks], first: int, last: int) -> Iterator[tuple[Spot, float]]:
        """Of every frame between two human frames. The way ahead is kept as run lengths: a stretch may be long."""
        ahead = {
            (masks.frame_index, made.object_id): self.codec.encode(made.mask)
            for masks in self._alone(objects, first, Direction.FORWARD, range(first, last))
            for made in masks.objects
        }
        for masks in self._alone(objects, last, Direction.BACKWARD, range(first + 1, last + 1)):
            for made in masks.objects:
                other = ahead.get((masks.frame_index, made.object_id))
                if other is not None:
                    disagreement = 1.0 - mask_iou(self.codec.decode(other), made.mask)
                    yield (made.object_id, int(masks.frame_index)), disagreement

    def _alone(
        self, objects: Sequence[ShownMasks], human: int, direction: Direction, frames: range
    ) -> Iterator[FrameMasks]:
        """What one human frame leads to when it is all that is known."""
        prompts = [FramePrompt(one.object_id, FrameIndex(human), mask=one.mask(human)) for one in objects]
        return self._carried(prompts, direction, frames)

    def cycle(self, shown: Sequence[ShownMasks], spots: Collection[Spot]) -> dict[Spot, float]:
        """1 - IoU of the nearest human frame's mask and of what the spot's mask becomes there, by spot.

        Spots farther than LONGEST_WAY from a human frame are left out. No spot may be without a mask.
        """
        found: dict[Spot, float] = {}
        for one in shown:
            ways: dict[tuple[int, Direction], list[int]] = defaultdict(list)
            anchors = one.anchors
            for frame in sorted(frame for object_id, frame in spots if object_id == one.object_id):
                away, nearest = min(((abs(anchor - frame), anchor) for anchor in anchors), default=(LONGEST_WAY + 1, 0))
                if away <= LONGEST_WAY:
                    way = Direction.BACKWARD if nearest < frame else Direction.FORWARD
                    ways[nearest, way].append(frame)
            for (anchor, way), frames in ways.items():
                found |= dict(self._way_back(one, anchor, way, frames))
        return found

    def _way_back(
        self, one: ShownMasks, anchor: int, way: Direction, frames: Sequence[int]
    ) -> Iterator[tuple[Spot, float]]:
        """All of an anchor's spots on one side in one pass: each mask sets out at its own frame as an object."""
        prompts = [FramePrompt(ObjectId(str(frame)), FrameIndex(frame), mask=one.mask(frame)) for frame in frames]
        passed = range(anchor, frames[-1] + 1) if way is Direction.BACKWARD else range(frames[0], anchor + 1)
        human = one.mask(anchor)
        for masks in self._carried(prompts, way, passed):
            if masks.frame_index == anchor:
                for made in masks.objects:
                    yield (one.object_id, int(made.object_id)), 1.0 - mask_iou(made.mask, human)

    def _carried(self, prompts: Sequence[FramePrompt], direction: Direction, frames: range) -> Iterator[FrameMasks]:
        return self.segmenter.propagate(
            self.video,
            PromptSet.of(prompts, {}),
            direction=direction,
            span=FrameRange(FrameIndex(frames.start), FrameIndex(frames.stop)),
            cancel=self.cancel,
        )
