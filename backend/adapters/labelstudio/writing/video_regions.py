"""A masklet of a video as Label Studio's keyframes: boxes, or the outline of the largest part.

Label Studio interpolates linearly between keyframes and shows a region from a keyframe up to, and including, one with
`enabled: false`. So every frame with a mask is a keyframe, and the last one before a gap has `enabled: false`, also if
the masks after it are still to be computed. Frames have the page's 1-based numbers: a frame with several numbers is a
keyframe at the first and the last of them, a frame without a number is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from backend.adapters.labelstudio.config.label_config import Binding, Control, ControlKind
from backend.adapters.labelstudio.mask_forms.masks import Polygon, polygons_of_mask
from backend.adapters.labelstudio.wire import Keyframe, Region, VectorKeyframe, Vertex
from backend.codecs.coco_rle import box_rel, decode_checked
from backend.domain.errors import LabelConfigError
from backend.domain.geometry import Box
from backend.domain.masklets import EncodedMask, Masklet
from backend.domain.timeline import FrameClock
from backend.domain.video import FrameIndex

DECIMALS = 4
"""Decimals of percent: a hundredth of a pixel of the widest frame."""

RectangleValue = dict[str, float]
Shape = Box | Polygon

NOTHING_PLACED: Mapping[FrameIndex, Box] = MappingProxyType({})


def video_value(
    masklet: Masklet,
    clock: FrameClock,
    *,
    vector: bool,
    placed: Mapping[FrameIndex, Box] = NOTHING_PLACED,
) -> dict[str, object] | None:
    """The value of a video region, without its labels; None if the object is on no frame with a number.

    placed: boxes of a person, relative, by 0-based frame; each replaces its frame's mask. They are written also on
    frames whose masks are still to be computed: the page sends all keyframes back, and one that is missing is deleted.
    """
    return value_of_shapes(_shapes(masklet, vector=vector, placed=placed), clock)


def value_of_shapes(shapes: Iterable[tuple[FrameIndex, Shape]], clock: FrameClock) -> dict[str, object] | None:
    """The value of a region with these shapes and no others; None without a shape on a numbered frame.

    shapes: (0-based frame, relative shape), ascending by frame.
    """
    sequence = list(_sequence(shapes, clock))
    if not sequence:
        return None
    return {"framesCount": clock.count, "duration": round(clock.end_us / 1e6, 3), "sequence": sequence}


def rectangle_control(binding: Binding) -> Control:
    """The config's VideoRectangle tag. Raises LabelConfigError without one."""
    control = binding.control(ControlKind.VIDEO_RECTANGLE)
    if control is None:
        raise LabelConfigError("the label config has no VideoRectangle tag, so boxes cannot be written with it")
    return control


def rectangle_region(identity: str, label: str, value: dict[str, object], binding: Binding) -> Region:
    """A `videorectangle` region with this value. A label that the config lacks is left out. Raises LabelConfigError."""
    control = rectangle_control(binding)
    return {
        "id": identity,
        "from_name": control.name,
        "to_name": binding.to_name,
        "type": control.kind.value,
        "value": {**value, "labels": [label]} if label in binding.labels else value,
    }


def box_percent(box: Box) -> RectangleValue:
    """x, y, width, height in percent of the frame, at most 100, and rotation 0. box: relative."""
    x, y = round(box.x0_rel * 100, DECIMALS), round(box.y0_rel * 100, DECIMALS)
    return {
        "x": x,
        "y": y,
        "width": round(min(box.x1_rel * 100, 100.0) - x, DECIMALS),
        "height": round(min(box.y1_rel * 100, 100.0) - y, DECIMALS),
        "rotation": 0,
    }


def _shapes(masklet: Masklet, *, vector: bool, placed: Mapping[FrameIndex, Box]) -> Iterator[tuple[FrameIndex, Shape]]:
    """The object's shape on each of its frames, relative, ascending by frame."""
    if vector:
        outlines = ((frame.frame_index, _outline(frame.mask)) for frame in masklet.frames)
        yield from ((index, outline) for index, outline in outlines if outline is not None)
        return
    masks = {frame.frame_index: frame.mask for frame in masklet.frames}
    for index in sorted({*masks, *placed}):
        box = placed.get(index) or box_rel(masks[index])
        if box is not None:
            yield index, box


def _sequence(shapes: Iterable[tuple[FrameIndex, Shape]], clock: FrameClock) -> Iterator[Keyframe | VectorKeyframe]:
    """The keyframes."""
    previous: tuple[int, Shape] | None = None
    for index, shape in shapes:
        numbers = clock.numbers_of(index)
        if not numbers:
            continue
        if previous is not None:
            yield _keyframe(*previous, enabled=numbers[0] == previous[0] + 1, rate=clock.rate)
        if len(numbers) > 1:
            # The frame is the same at all of its numbers; the second keyframe keeps the page from moving the box.
            yield _keyframe(numbers[0], shape, enabled=True, rate=clock.rate)
        previous = (numbers[-1], shape)
    if previous is not None:
        yield _keyframe(*previous, enabled=previous[0] >= clock.count, rate=clock.rate)


def _outline(mask: EncodedMask) -> Polygon | None:
    outlines = polygons_of_mask(decode_checked(mask))
    return outlines[0] if outlines else None


def _keyframe(number: int, shape: Shape, *, enabled: bool, rate: float) -> Keyframe | VectorKeyframe:
    # Label Studio's time is the 1-based number over the rate, not the frame's presentation time.
    time = round(number / rate, 4)
    if not isinstance(shape, Box):
        return {"frame": number, "enabled": enabled, "time": time, "closed": True, "vertices": _vertices(shape)}
    placed = box_percent(shape)
    return {
        "frame": number,
        "enabled": enabled,
        "time": time,
        "x": placed["x"],
        "y": placed["y"],
        "width": placed["width"],
        "height": placed["height"],
        "rotation": 0,
    }


def _vertices(outline: Polygon) -> list[Vertex]:
    return [
        {"id": f"v{position}", "x": round(x * 100, DECIMALS), "y": round(y * 100, DECIMALS)}
        for position, (x, y) in enumerate(outline)
    ]
