"""Regions of an export: one object on one page, or one object's boxes in a video, in a label config's tags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import cast

from backend.adapters.labelstudio.config.label_config import Binding, ControlKind, read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.writing.regions import build_regions, region_id, score_of
from backend.adapters.labelstudio.writing.video_regions import (
    box_percent,
    rectangle_control,
    rectangle_region,
    value_of_shapes,
)
from backend.adapters.labelstudio.written_regions import instance_meta
from backend.domain.datasets import DatasetObject, LabelledMask
from backend.domain.errors import LabelConfigError
from backend.domain.geometry import Box, FrameSize
from backend.domain.masklets import NO_EVIDENCE, Masklet, MaskletFrame, MaskRun
from backend.domain.tasks import TaskKey
from backend.domain.timeline import clock_of
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

NO_TASK = TaskKey(0, 0)
_ANY_RATE = Fraction(1)
Item = dict[str, object]


class ExportedRegions:
    """Builds the regions of `adapters/formats/labelstudio`."""

    def of_task(self, label_config: str, data: Mapping[str, object]) -> str:
        """The label config with the frame rate and the labels of the task's data."""
        return with_task_data(label_config, data)

    def is_video(self, label_config: str) -> bool:
        """Whether the config is of a video, with one region per object. Raises LabelConfigError."""
        return read_binding(label_config).is_video

    def on_page(
        self, shown: LabelledMask, frame_index: int, *, label_config: str, key: str, is_shared: bool
    ) -> list[Item]:
        """The regions of one object on one page. frame_index: 0-based. is_shared: another object has its label.

        key: the video's; together with object and frame it determines the ids. Raises LabelConfigError, or PromptError
        for a label that the config cannot write.
        """
        object_id = type(shown.item.object_id)(f"{key}\0{shown.item.object_id}")
        is_named = is_shared and shown.item.object_id != shown.item.label
        meta: Item = {"meta": instance_meta(shown.item.object_id)} if is_named else {}
        if shown.mask is None:
            assert shown.box is not None, "only present objects are exported"
            binding = read_binding(label_config)
            box = _rectangle(shown, shown.box, binding, frame_index, region_id(NO_TASK, object_id, frame_index))
            return [{**box, **meta}]
        uncertainty = min(shown.selection_uncertainty, 1.0)
        frame = MaskletFrame(FrameIndex(frame_index), shown.mask, NO_EVIDENCE, shown.origin, uncertainty)
        size = FrameSize(shown.mask.width, shown.mask.height)
        info = VideoInfo(ContentHash(""), size, frame_index + 1, _ANY_RATE)
        run = MaskRun(info, (Masklet(object_id, shown.item.label, (frame,)),))
        return [{**region, **meta} for region in build_regions(run, label_config=label_config, task=NO_TASK)]

    def through_video(
        self,
        what: DatasetObject,
        boxes: Iterable[tuple[int, Box]],
        *,
        info: VideoInfo,
        label_config: str,
    ) -> list[Item]:
        """An object's region; empty without a box on a numbered frame. Raises LabelConfigError.

        boxes: (0-based frame index, relative box), ascending by frame.
        """
        binding = read_binding(label_config)
        rectangle_control(binding)
        clock = clock_of(info, binding.framerate)
        value = value_of_shapes(((FrameIndex(index), box) for index, box in boxes), clock)
        if value is None:
            return []
        return [cast(Item, rectangle_region(str(what.object_id), what.label, value, binding))]


def _rectangle(shown: LabelledMask, box: Box, binding: Binding, frame_index: int, identity: str) -> Item:
    control = binding.control(ControlKind.RECTANGLE)
    if control is None:
        raise LabelConfigError("the label config has no RectangleLabels tag, so boxes cannot be written with it")
    return {
        "id": identity,
        "from_name": control.name,
        "to_name": binding.to_name,
        "type": control.kind.value,
        "value": {**box_percent(box), control.kind.value: [shown.item.label]},
        "item_index": frame_index,
        "score": score_of([min(shown.selection_uncertainty, 1.0)]),
    }
