"""JSON of `context.event` calls: prompts as a tracking client sends them, masks as it accepts them.

Tracking clients draw masks themselves: every call has all prompts, and masks are sent as grey PNGs, whatever the label
config's tags are. `reading.context` reads the calls of Label Studio's own page.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np

from backend.adapters.labelstudio.config.label_config import Binding, ControlKind
from backend.adapters.labelstudio.mask_forms.masks import PNG_PREFIX
from backend.adapters.labelstudio.reading.fields import (
    Json,
    as_flag,
    as_list,
    as_number,
    as_object,
    as_percent,
    as_text,
)
from backend.adapters.labelstudio.reading.region_prompts import box_of_rectangle
from backend.adapters.labelstudio.reading.regions import MAX_REGIONS
from backend.codecs.coco_rle import decode_checked
from backend.domain.errors import PromptError, TooLarge
from backend.domain.geometry import BoolMask, Point
from backend.domain.jobs import OutputMode
from backend.domain.masklets import EncodedMask
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import FrameIndex

UNNAMED = ObjectId("object")
"""The object of prompts without a label."""

TARGETS = {
    ControlKind.BRUSH: ("BrushLabels", "mask"),
    ControlKind.BITMASK: ("BitmaskLabels", "mask"),
    ControlKind.POLYGON: ("PolygonLabels", "polygon"),
    ControlKind.RECTANGLE: ("RectangleLabels", "bbox"),
    ControlKind.VIDEO_RECTANGLE: ("VideoRectangle", "bbox"),
    ControlKind.VIDEO_VECTOR: ("VideoVector", "polygon"),
    ControlKind.VIDEO_VECTOR_LABELS: ("VideoVectorLabels", "polygon"),
}


@dataclass(frozen=True, slots=True)
class MaskImage:
    """A mask as a PNG data URL: grey 255 on the object, 0 elsewhere. width, height: pixels."""

    url: str
    width: int
    height: int

    def as_value(self) -> dict[str, object]:
        return {"imageDataURL": self.url, "width": self.width, "height": self.height}


def prompts_of_event(context: Json, frame_index: FrameIndex) -> PromptSet:
    """The points and boxes in `context.result`, all on frame_index (0-based); items of one label are one object.

    Coordinates come in percent of the frame and leave relative, 0..1. A point is negative if the item has
    `is_positive: false` or its value `positive: false`. Of several boxes of an object the last counts. Items that are
    neither point nor box are skipped.
    Raises MalformedRequest, PromptError or TooLarge naming the field.
    """
    items = as_list(context.get("result", []), "context.result")
    if len(items) > MAX_REGIONS:
        raise TooLarge(f"context.result has {len(items)} items; the most that is read is {MAX_REGIONS}")
    prompts = [prompt for position, item in enumerate(items) for prompt in _read(item, position, frame_index)]
    return PromptSet.of(prompts, {})


def _read(entry: object, position: int, frame_index: FrameIndex) -> Iterator[FramePrompt]:
    where = f"context.result[{position}]"
    item = as_object(entry, where)
    value = as_object(item.get("value"), f"{where}.value")
    kind = item.get("type")
    is_placed = "x" in value and "y" in value
    if kind == ControlKind.RECTANGLE or (kind != ControlKind.KEYPOINT and is_placed and "height" in value):
        box = box_of_rectangle(value, f"{where}.value", aspect=1.0)
        yield FramePrompt(_object_of(value, where), frame_index, box=box)
    elif kind == ControlKind.KEYPOINT or (is_placed and "width" not in value):
        point = Point(
            as_percent(value.get("x"), f"{where}.value.x"),
            as_percent(value.get("y"), f"{where}.value.y"),
        )
        prompt = PointPrompt(point, _is_positive(item, value, where))
        yield FramePrompt(_object_of(value, where), frame_index, points=(prompt,))


def _is_positive(item: Json, value: Json, where: str) -> bool:
    """False if `is_positive` of the item or `positive` of its value is false."""
    outer = item.get("is_positive")
    inner = value.get("positive")
    return (outer is None or as_flag(outer, f"{where}.is_positive")) and (
        inner is None or as_flag(inner, f"{where}.value.positive")
    )


def _object_of(value: Json, where: str) -> ObjectId:
    for field in ("labels", "keypointlabels", "rectanglelabels"):
        labels = as_list(value.get(field) or [], f"{where}.value.{field}")
        if len(labels) > 1:
            raise PromptError(f"{where}.value.{field} has {len(labels)} labels; give it one, or none")
        if labels:
            return ObjectId(as_text(labels[0], f"{where}.value.{field}[0]") or UNNAMED)
    return UNNAMED


def whole_number(context: Json, field: str, *, default: int) -> int:
    """A whole number of at least 0; null counts as absent. Raises PromptError or MalformedRequest naming the field."""
    value = context.get(field)
    if value is None:
        return default
    number = as_number(value, f"context.{field}")
    if number < 0 or number != int(number):
        raise PromptError(f"context.{field} must be a whole number from 0 up, got {number:g}")
    return int(min(number, 2**53))


def milliseconds(context: Json, field: str) -> float | None:
    """A time of at least 0; None if it is absent or null. Raises as `whole_number` does."""
    value = context.get(field)
    if value is None:
        return None
    number = as_number(value, f"context.{field}")
    if number < 0:
        raise PromptError(f"context.{field} must be a number of milliseconds from 0 up, got {number:g}")
    return number


def mask_image_of(encoded: EncodedMask) -> MaskImage:
    return mask_image(decode_checked(encoded))


def mask_image(mask: BoolMask) -> MaskImage:
    """mask: [H, W] bool."""
    done, png = cv2.imencode(".png", mask.view(np.uint8) * np.uint8(255))
    if not done:
        raise PromptError(f"a mask of {mask.shape[1]}x{mask.shape[0]} pixels cannot be written as PNG")
    return MaskImage(PNG_PREFIX + base64.b64encode(png.tobytes()).decode("ascii"), mask.shape[1], mask.shape[0])


def targets_of(binding: Binding) -> list[dict[str, object]]:
    """The tags that accept masks, and the form each one holds; the client converts the masks."""
    targets: list[dict[str, object]] = []
    for control in binding.outputs:
        tag, output = TARGETS[control.kind]
        tracks = binding.mode is not OutputMode.KEYFRAME
        targets.append({"tag": tag, "output": output, **({"features": ["track"]} if tracks else {})})
    return targets
