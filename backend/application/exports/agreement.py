"""Agreement of several annotations of one video: which of their objects are the same, and how far their masks agree.

The masks of an object on all frames are compared at once: the pixels that both have over those that either has. A box
without a mask counts as its pixels. Decoded masks of one frame are held at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from backend.application.ports.datasets import DatasetVideo
from backend.application.ports.masks import MaskCodec
from backend.domain.datasets import DatasetFrame, LabelledMask
from backend.domain.geometry import BoolMask, Box, FrameSize, box_of_mask

Member = tuple[int, int]
"""An object of an annotation: the annotation's place among those compared, and the object's number."""

Group = dict[int, int]
"""One object in several annotations: its number in each annotation that has it."""


@dataclass(slots=True)
class Overlaps:
    """Pixels of objects, and pixels that pairs of them share, summed over all frames."""

    pixels: dict[Member, int] = field(default_factory=lambda: defaultdict(int))
    shared: dict[tuple[Member, Member], int] = field(default_factory=lambda: defaultdict(int))

    def iou(self, first: Member, second: Member) -> float:
        """0..1; 0 for two objects without any pixel."""
        shared = self.shared[min(first, second), max(first, second)]
        either = self.pixels[first] + self.pixels[second] - shared
        return shared / either if either else 0.0

    def add(self, found: Mapping[Member, BoolMask], labels: Mapping[Member, str]) -> dict[tuple[Member, Member], int]:
        """Adds the objects of one frame; returns the shared pixels of the pairs with one label."""
        for member, pixels in found.items():
            self.pixels[member] += int(pixels.sum())
        shared = {
            (first, second): int((found[first] & found[second]).sum())
            for first, second in combinations(sorted(found), 2)
            if first[0] != second[0] and labels[first] == labels[second]
        }
        for pair, count in shared.items():
            self.shared[pair] += count
        return shared


def labels_of(videos: Sequence[DatasetVideo]) -> dict[Member, str]:
    """The label of each object of several annotations."""
    return {(at, item.number): item.label for at, video in enumerate(videos) for item in video.objects}


def overlaps_of(videos: Sequence[DatasetVideo], codec: MaskCodec) -> Overlaps:
    """Of the objects with the same label in different annotations. videos: annotations of one video."""
    overlaps, labels = Overlaps(), labels_of(videos)
    for frames in frames_together(videos):
        overlaps.add(pixels_by_member(frames, videos[0].info.size, codec), labels)
    return overlaps


def frames_together(videos: Sequence[DatasetVideo]) -> Iterator[tuple[DatasetFrame, ...]]:
    """The frames with the same index. Raises ValueError for videos of different lengths."""
    return zip(*(video.frames() for video in videos), strict=True)


def pixels_by_member(
    frames: Sequence[DatasetFrame], size: FrameSize, codec: MaskCodec, *, boxes_alike: bool = False
) -> dict[Member, BoolMask]:
    """The pixels of the objects that several annotations have on one frame, [H, W] bool.

    boxes_alike: where any of them has only a box of a label, masks of that label count as their boxes.
    """
    found = {
        (at, shown.item.number): (shown, pixels)
        for at, frame in enumerate(frames)
        for shown in frame.present
        if (pixels := pixels_of(shown, size, codec)) is not None
    }
    boxed = {shown.item.label for shown, _ in found.values() if shown.mask is None} if boxes_alike else set()
    return {
        member: boxed_pixels(pixels) if shown.mask is not None and shown.item.label in boxed else pixels
        for member, (shown, pixels) in found.items()
    }


def boxed_pixels(pixels: BoolMask) -> BoolMask:
    """The pixels within the tight box around some, [H, W] bool."""
    box = box_of_mask(pixels)
    return pixels if box is None else pixels_of_box(box, FrameSize(pixels.shape[1], pixels.shape[0]))


def pixels_of(shown: LabelledMask, size: FrameSize, codec: MaskCodec) -> BoolMask | None:
    """The object's pixels, [H, W] bool; of a box those within it. None: the object is absent."""
    if shown.mask is not None:
        return codec.decode(shown.mask)
    return None if shown.box is None else pixels_of_box(shown.box, size)


def pixels_of_box(box: Box, size: FrameSize) -> BoolMask:
    """The pixels within a box, its sides rounded, [H, W] bool."""
    x0, y0, x1, y1 = (round(side) for side in box.to_px(size))
    pixels = np.zeros((size.height, size.width), bool)
    pixels[y0:y1, x0:x1] = True
    return pixels


def groups_of(videos: Sequence[DatasetVideo], overlaps: Overlaps) -> list[Group]:
    """The objects of all annotations, those that are the same in one group, in the order of their first annotation.

    Objects with the same label are joined in the order of their IoU, the highest first; no group has two objects of one
    annotation, and objects that share no pixel stay apart.
    """
    pairs = {pair: overlaps.iou(*pair) for pair, shared in overlaps.shared.items() if shared > 0}
    return joined_groups(labels_of(videos), pairs)


def joined_groups(members: Iterable[Member], ious: Mapping[tuple[Member, Member], float]) -> list[Group]:
    """The members in groups. ious: of the pairs that may be joined."""
    group_of = {member: {member} for member in members}
    pairs = [(iou, pair) for pair, iou in ious.items()]
    for _, (first, second) in sorted(pairs, key=lambda entry: (-entry[0], entry[1])):
        one, other = group_of[first], group_of[second]
        if one is not other and not {at for at, _ in one} & {at for at, _ in other}:
            one |= other
            for member in other:
                group_of[member] = one
    distinct = {id(group): group for group in group_of.values()}
    return [dict(sorted(group)) for group in sorted(distinct.values(), key=min)]


def agreement(first: int, second: int, groups: Sequence[Group], overlaps: Overlaps) -> float:
    """The mean IoU of the objects of two annotations, 0..1; an object that only one of them has counts as 0."""
    either = [group for group in groups if first in group or second in group]
    if not either:
        return 1.0
    both = (group for group in either if first in group and second in group)
    return sum(overlaps.iou((first, group[first]), (second, group[second])) for group in both) / len(either)


def agreements_with_others(count: int, groups: Sequence[Group], overlaps: Overlaps) -> list[float]:
    """The mean agreement of each of `count` annotations with the others; 1 for a single one."""
    pairs = {pair: agreement(*pair, groups, overlaps) for pair in combinations(range(count), 2)}
    return [float(np.mean([value for pair, value in pairs.items() if at in pair] or [1.0])) for at in range(count)]


def compared(
    videos: Sequence[DatasetVideo], codec: MaskCodec, groups: Sequence[Group] | None = None
) -> tuple[list[Group], list[float]]:
    """The objects of several annotations of one video, and the mean agreement of each annotation with the others.

    groups: which objects are the same, if that is known.
    """
    overlaps = overlaps_of(videos, codec)
    found = groups_of(videos, overlaps) if groups is None else list(groups)
    return found, agreements_with_others(len(videos), found, overlaps)
