"""A task's annotation or prediction as a labelled video.

`drawn_regions` says which regions and labels count. On pages an object is the union of all regions of its label; an
annotation approves every page with a region as a
whole. A video region has a box on every frame that Label Studio shows it on: interpolated linearly between keyframes,
up to a keyframe with `enabled: false` or the video's end. A region that Masklet wrote from the player has the stored
masks, except where a person moved or switched off its box.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace

from backend.adapters.labelstudio.config.label_config import Binding, ControlKind
from backend.adapters.labelstudio.reading.drawn_regions import drawn_regions
from backend.adapters.labelstudio.reading.fields import as_number
from backend.adapters.labelstudio.reading.keyframes import (
    VideoKeyframe,
    box_at,
    box_sides,
    frame_of_keyframe,
    keyframes_of,
)
from backend.adapters.labelstudio.reading.region_prompts import prompts_of_region
from backend.adapters.labelstudio.reading.regions import ReadRegion
from backend.adapters.labelstudio.reading.stored_masks import StoredObject
from backend.adapters.labelstudio.written_regions import UNTOUCHED
from backend.application.ports.datasets import ManifestEntry, TaskOrigin
from backend.application.ports.media import VideoSource
from backend.codecs.coco_rle import encode_mask, union
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.errors import InvalidInput, PromptError
from backend.domain.geometry import Box, FrameSize
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import FramePrompt, ObjectId
from backend.domain.timeline import FrameClock
from backend.domain.verdicts import MaskDigests, MaskVerdicts
from backend.domain.video import FrameIndex, VideoInfo


@dataclass(frozen=True, slots=True)
class Shape:
    """An object on one frame: a mask, or a box (relative, 0..1) without one. uncertainty: 0..1."""

    mask: EncodedMask | None
    box: Box | None
    origin: MaskOrigin
    uncertainty: float | None


@dataclass(frozen=True, slots=True)
class LabelledObjects:
    """A result's objects: shapes by object and 0-based frame, keyframes by object, ascending. size: of the masks.

    clock: the page's frame clock; None where number n (1-based) is frame index n - 1. stored: objects of the player
    with their masks. digests: of these masks, for verdicts.
    left_out: counts of drawn shapes that no object has, by kind.
    """

    objects: tuple[DatasetObject, ...]
    shapes: Mapping[ObjectId, Mapping[int, Shape]]
    keyframes: Mapping[ObjectId, Sequence[VideoKeyframe]]
    edited: Mapping[ObjectId, bool]
    uncertainties: Mapping[ObjectId, float | None]
    size: FrameSize | None
    clock: FrameClock | None = None
    stored: Mapping[ObjectId, StoredObject] = field(default_factory=dict)
    digests: MaskDigests = field(default_factory=MaskDigests)
    left_out: Mapping[str, int] = field(default_factory=dict)


def read_labels(result: object, binding: Binding, *, where: str, clock: FrameClock | None = None) -> LabelledObjects:
    """The objects of a result. Raises PromptError, MalformedRequest or TooLarge naming the field."""
    drawn = drawn_regions(result, binding, where=where)
    left_out = drawn.left_out
    shapes: dict[ObjectId, dict[int, Shape]] = {}
    keyframes: dict[ObjectId, list[VideoKeyframe]] = {}
    labels: dict[ObjectId, str] = {}
    for region in drawn.regions:
        labels.setdefault(region.object_id, region.label)
        if region.kind is ControlKind.VIDEO_RECTANGLE:
            keyframes[region.object_id] = keyframes_of(region)
            continue
        of_object = shapes.setdefault(region.object_id, {})
        prompts = list(prompts_of_region(region, clock))
        left_out["outline without a pixel"] += not prompts
        for prompt in prompts:
            if prompt.mask is not None and not prompt.mask.any():
                continue  # the region says that the object is absent
            shape = _shape(prompt, region)
            earlier = of_object.get(prompt.frame_index)
            if earlier is not None and (earlier.mask is None) != (shape.mask is None):
                left_out["box beside a mask of its label"] += 1
            of_object[prompt.frame_index] = shape if earlier is None else _joined(earlier, shape, region.where)
    order = sorted(labels, key=lambda object_id: _rank(labels[object_id], binding.labels))
    objects = tuple(DatasetObject(number, object_id, labels[object_id]) for number, object_id in enumerate(order, 1))
    return LabelledObjects(
        objects,
        shapes,
        keyframes,
        {region.object_id: _is_edited(region) for region in drawn.regions},
        {region.object_id: _uncertainty(region) for region in drawn.regions},
        _size_of(shapes),
        clock,
        left_out=+left_out,
    )


class LabelledTask:
    """The DatasetVideo of one annotation or prediction."""

    def __init__(
        self,
        labelled: LabelledObjects,
        info: VideoInfo,
        *,
        approved: bool,
        verdicts: MaskVerdicts,
        provenance: ManifestEntry,
        task: TaskOrigin,
        open_pictures: Callable[[], AbstractContextManager[VideoSource]],
        author: str = "",
    ) -> None:
        """author: of an annotation, as the player names people; empty if unknown, and of a prediction."""
        self.author = author
        self._labelled = labelled
        self._info = info
        self._approved = approved
        self._verdicts = verdicts
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
    def provenance(self) -> ManifestEntry:
        return self._provenance

    @property
    def not_exported(self) -> Mapping[str, int]:
        return self._labelled.left_out

    @property
    def verdicts(self) -> MaskVerdicts:
        return self._verdicts

    @property
    def task(self) -> TaskOrigin:
        return self._task

    def pictures(self) -> AbstractContextManager[VideoSource]:
        return self._open_pictures()

    def frames(self) -> Iterator[DatasetFrame]:
        """Every frame of the task. A frame without a region has no present object and is not approved."""
        for index in range(self._info.frame_count):
            found = [(what, self._shape_on(what, index)) for what in self.objects]
            anything = any(shape is not None for _, shape in found)
            objects = (self._object_on_frame(what, shape, has_region=anything) for what, shape in found)
            # A prediction has no uncertainty for an object that it does not show beside others: it is left out.
            leaves_out = anything and not self._approved
            yield DatasetFrame(FrameIndex(index), tuple(o for o in objects if o.is_present or not leaves_out))

    def _shape_on(self, what: DatasetObject, index: int) -> Shape | None:
        keyframes = self._labelled.keyframes.get(what.object_id)
        if keyframes is None:
            return self._labelled.shapes.get(what.object_id, {}).get(index)
        stored, clock = self._labelled.stored.get(what.object_id), self._labelled.clock
        if stored is not None and (stored.is_unchanged or _is_unnumbered(index, clock)):
            return _stored_shape(stored, index)
        box, is_keyframe = box_at(keyframes, frame_of_keyframe(keyframes, FrameIndex(index), clock))
        if box is None:
            return None
        if stored is not None:
            return _stored_shape(stored, index) if stored.has_box(index, box) else _moved(box)
        drawn = self._labelled.edited[what.object_id] and is_keyframe
        origin = MaskOrigin.HUMAN if drawn else MaskOrigin.PROPAGATED
        return Shape(None, box, origin, self._labelled.uncertainties[what.object_id])

    def _object_on_frame(self, what: DatasetObject, shape: Shape | None, *, has_region: bool) -> LabelledMask:
        approved = self._approved and has_region
        if shape is None:
            return LabelledMask(what, None, None, MaskOrigin.PROPAGATED, None, approved)
        return LabelledMask(what, shape.mask, shape.box, shape.origin, shape.uncertainty, approved)


def require_fitting(labelled: LabelledObjects, info: VideoInfo) -> None:
    """Raises InvalidInput if the labels have more frames than the video, or another size."""
    last = max((index for frames in labelled.shapes.values() for index in frames), default=-1)
    if last >= info.frame_count:
        raise InvalidInput(f"a region lies on frame {last}, and the task has {info.frame_count} frames")
    if labelled.size is not None and labelled.size != info.size:
        raise InvalidInput(
            f"the regions are of {labelled.size.width}x{labelled.size.height} pixels, and the task's frames of "
            f"{info.size.width}x{info.size.height}"
        )


def _rank(label: str, labels: Sequence[str]) -> int:
    return labels.index(label) if label in labels else len(labels)


def _shape(prompt: FramePrompt, region: ReadRegion) -> Shape:
    origin = MaskOrigin.HUMAN if _is_edited(region) else MaskOrigin.PROPAGATED
    mask = None if prompt.mask is None else encode_mask(prompt.mask)
    return Shape(mask, prompt.box if mask is None else None, origin, _uncertainty(region))


def _is_edited(region: ReadRegion) -> bool:
    return region.item.get("origin", "manual") != UNTOUCHED


def _uncertainty(region: ReadRegion) -> float | None:
    score = region.item.get("score")
    if score is None:
        return None
    return 1.0 - min(max(as_number(score, f"{region.where}.score"), 0.0), 1.0)


def _stored_shape(stored: StoredObject, index: int) -> Shape | None:
    frame = stored.frames.get(index)
    return None if frame is None else Shape(frame.mask, None, frame.origin, frame.uncertainty)


def _moved(box: Box) -> Shape:
    """A box that a person placed instead of a mask's box."""
    return Shape(None, box, MaskOrigin.HUMAN, 0.0)


def _is_unnumbered(index: int, clock: FrameClock | None) -> bool:
    """Whether the page never shows the frame, so that nobody could change its box."""
    return clock is not None and not clock.numbers_of(FrameIndex(index))


def _joined(first: Shape, second: Shape, where: str) -> Shape:
    """Two regions of one object on one page: masks are united, a mask replaces a box."""
    drawn = MaskOrigin.HUMAN in (first.origin, second.origin)
    origin = MaskOrigin.HUMAN if drawn else MaskOrigin.PROPAGATED
    known = [value for value in (first.uncertainty, second.uncertainty) if value is not None]
    shape = replace(first if first.mask is not None else second, origin=origin, uncertainty=max(known, default=None))
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
    """The size of the masks; None without masks. Raises PromptError if the sizes differ."""
    masks = (shape.mask for frames in shapes.values() for shape in frames.values() if shape.mask is not None)
    sizes = {FrameSize(mask.width, mask.height) for mask in masks}
    if len(sizes) > 1:
        listed = " and ".join(sorted(f"{size.width}x{size.height}" for size in sizes))
        raise PromptError(f"the masks of the task are of different sizes: {listed}")
    return sizes.pop() if sizes else None
