"""A task's annotation or prediction as a labelled video.

On pages every object is what all regions of its label are; a page that a person left a region on is approved as a
whole. Boxes of a video region stand on every frame that Label Studio shows them on: straight lines between keyframes,
until one that says `enabled: false`, or to the video's end. Region kinds that only ask for masks (keypoints) are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.config.label_config import Binding, ControlKind
from backend.adapters.labelstudio.reading.fields import as_number
from backend.adapters.labelstudio.reading.keyframes import (
    HeldKeyframe,
    box_at,
    box_sides,
    frame_of_keyframe,
    keyframes_of,
)
from backend.adapters.labelstudio.reading.region_prompts import prompts_of_region
from backend.adapters.labelstudio.reading.regions import ReadRegion, read_regions
from backend.application.ports.datasets import Notes, TaskOrigin
from backend.application.ports.media import VideoSource
from backend.codecs.coco_rle import encode_mask, union
from backend.domain.datasets import DatasetFrame, DatasetObject, ObjectOnFrame
from backend.domain.errors import InvalidInput, PromptError
from backend.domain.geometry import Box, FrameSize
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import FramePrompt, ObjectId
from backend.domain.timeline import FrameClock
from backend.domain.video import FrameIndex, VideoInfo

UNTOUCHED = "prediction"
"""A region's origin if it came from a prediction and nobody changed it."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Where an object is on one frame: a mask, or a box where there is none."""

    mask: EncodedMask | None
    box: Box | None
    origin: MaskOrigin
    uncertainty: float | None


@dataclass(frozen=True, slots=True)
class LabelledObjects:
    """What a result says: shapes by object and frame, and stays by object, ascending. size: the masks' own.

    clock: how the page numbers the video's frames; None where number n is frame n - 1.
    """

    objects: tuple[DatasetObject, ...]
    shapes: Mapping[ObjectId, Mapping[int, Shape]]
    stays: Mapping[ObjectId, Sequence[HeldKeyframe]]
    edited: Mapping[ObjectId, bool]
    doubts: Mapping[ObjectId, float | None]
    size: FrameSize | None
    clock: FrameClock | None = None


def read_labels(result: object, binding: Binding, *, where: str, clock: FrameClock | None = None) -> LabelledObjects:
    """Raises PromptError, MalformedRequest or TooLarge naming the place in the result."""
    regions = [region for region in read_regions(result, binding, where=where) if _says_where(region, binding)]
    shapes: dict[ObjectId, dict[int, Shape]] = {}
    stays: dict[ObjectId, list[HeldKeyframe]] = {}
    labels: dict[ObjectId, str] = {}
    for region in regions:
        labels.setdefault(region.object_id, region.label or str(region.object_id))
        if region.kind is ControlKind.VIDEO_RECTANGLE:
            stays[region.object_id] = keyframes_of(region)
            continue
        of_object = shapes.setdefault(region.object_id, {})
        for prompt in prompts_of_region(region, clock):
            shape = _shape(prompt, region)
            earlier = of_object.get(prompt.frame_index)
            of_object[prompt.frame_index] = shape if earlier is None else _joined(earlier, shape, region.where)
    order = sorted(labels, key=lambda object_id: _rank(labels[object_id], binding.labels))
    objects = tuple(DatasetObject(number, object_id, labels[object_id]) for number, object_id in enumerate(order, 1))
    return LabelledObjects(
        objects,
        shapes,
        stays,
        {region.object_id: _is_edited(region) for region in regions},
        {region.object_id: _doubt(region) for region in regions},
        _size_of(shapes),
        clock,
    )


class LabelledTask:
    """A DatasetVideo over what one annotation or prediction says."""

    def __init__(
        self,
        labelled: LabelledObjects,
        info: VideoInfo,
        *,
        approved: bool,
        provenance: Notes,
        task: TaskOrigin,
        open_pictures: Callable[[], AbstractContextManager[VideoSource]],
    ) -> None:
        self._labelled = labelled
        self._info = info
        self._approved = approved
        self._provenance = provenance
        self._task = task
        self._open_pictures = open_pictures

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return self._labelled.objects

    @property
    def provenance(self) -> Notes:
        return self._provenance

    @property
    def task(self) -> TaskOrigin:
        return self._task

    def pictures(self) -> AbstractContextManager[VideoSource]:
        return self._open_pictures()

    def frames(self) -> Iterator[DatasetFrame]:
        """Every frame of the task. One without a region says that nothing is there, and nobody vouches for it."""
        for index in range(self._info.frame_count):
            found = [(what, self._on(what, index)) for what in self.objects]
            anything = any(shape is not None for _, shape in found)
            objects = (self._told(what, shape, vouched=anything) for what, shape in found)
            # A prediction that is silent about an object beside others says nothing that could be more or less certain.
            silent = anything and not self._approved
            yield DatasetFrame(FrameIndex(index), tuple(o for o in objects if o.is_present or not silent))

    def _on(self, what: DatasetObject, index: int) -> Shape | None:
        stays = self._labelled.stays.get(what.object_id)
        if stays is None:
            return self._labelled.shapes.get(what.object_id, {}).get(index)
        box, is_keyframe = box_at(stays, frame_of_keyframe(stays, FrameIndex(index), self._labelled.clock))
        if box is None:
            return None
        drawn = self._labelled.edited[what.object_id] and is_keyframe
        origin = MaskOrigin.HUMAN if drawn else MaskOrigin.PROPAGATED
        return Shape(None, box, origin, self._labelled.doubts[what.object_id])

    def _told(self, what: DatasetObject, shape: Shape | None, *, vouched: bool) -> ObjectOnFrame:
        approved = self._approved and vouched
        if shape is None:
            return ObjectOnFrame(what, None, None, MaskOrigin.PROPAGATED, None, approved)
        return ObjectOnFrame(what, shape.mask, shape.box, shape.origin, shape.uncertainty, approved)


def require_fitting(labelled: LabelledObjects, info: VideoInfo) -> None:
    """Raises InvalidInput if the labels are of more frames, or of frames of another size."""
    last = max((index for frames in labelled.shapes.values() for index in frames), default=-1)
    if last >= info.frame_count:
        raise InvalidInput(f"a region lies on frame {last}, and the task has {info.frame_count} frames")
    if labelled.size is not None and labelled.size != info.size:
        raise InvalidInput(
            f"the regions are of {labelled.size.width}x{labelled.size.height} pixels, and the task's frames of "
            f"{info.size.width}x{info.size.height}"
        )


def _says_where(region: ReadRegion, binding: Binding) -> bool:
    return region.kind is not ControlKind.KEYPOINT and region.label not in binding.actions


def _rank(label: str, labels: Sequence[str]) -> int:
    return labels.index(label) if label in labels else len(labels)


def _shape(prompt: FramePrompt, region: ReadRegion) -> Shape:
    origin = MaskOrigin.HUMAN if _is_edited(region) else MaskOrigin.PROPAGATED
    mask = None if prompt.mask is None else encode_mask(prompt.mask)
    return Shape(mask, prompt.box if mask is None else None, origin, _doubt(region))


def _is_edited(region: ReadRegion) -> bool:
    return region.item.get("origin", "manual") != UNTOUCHED


def _doubt(region: ReadRegion) -> float | None:
    score = region.item.get("score")
    if score is None:
        return None
    return 1.0 - min(max(as_number(score, f"{region.where}.score"), 0.0), 1.0)


def _joined(first: Shape, second: Shape, where: str) -> Shape:
    """Two regions of one object on one page: masks are united, a mask wins over a box."""
    drawn = MaskOrigin.HUMAN in (first.origin, second.origin)
    origin = MaskOrigin.HUMAN if drawn else MaskOrigin.PROPAGATED
    doubts = [doubt for doubt in (first.uncertainty, second.uncertainty) if doubt is not None]
    shape = replace(first if first.mask is not None else second, origin=origin, uncertainty=max(doubts, default=None))
    if first.mask is not None and second.mask is not None:
        if (first.mask.height, first.mask.width) != (second.mask.height, second.mask.width):
            raise PromptError(f"{where} has another size than an earlier region of its label on that page")
        return replace(shape, mask=union(first.mask, second.mask))
    if first.box is not None and second.box is not None:
        return replace(shape, box=_hull(box_sides(first.box), box_sides(second.box)))
    return shape


def _hull(first: Sequence[float], second: Sequence[float]) -> Box:
    low = [min(pair) for pair in zip(first, second, strict=True)]
    high = [max(pair) for pair in zip(first, second, strict=True)]
    return Box(low[0], low[1], high[2], high[3])


def _size_of(shapes: Mapping[ObjectId, Mapping[int, Shape]]) -> FrameSize | None:
    """The size of the masks. Raises PromptError if they differ."""
    masks = (shape.mask for frames in shapes.values() for shape in frames.values() if shape.mask is not None)
    sizes = {FrameSize(mask.width, mask.height) for mask in masks}
    if len(sizes) > 1:
        listed = " and ".join(sorted(f"{size.width}x{size.height}" for size in sizes))
        raise PromptError(f"the masks of the task are of different sizes: {listed}")
    return sizes.pop() if sizes else None
