"""A masklet through a video as Label Studio's keyframes: boxes, or the outline of the largest part.

Label Studio draws straight interpolation between keyframes and shows a region from a keyframe until one that says
`enabled: false`, that one included. So every frame with a mask is a keyframe, and the last one before a gap, or
before the end, says `enabled: false`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from backend.adapters.labelstudio.masks import Polygon, box_of_coco, mask_of_coco, polygons_of_mask
from backend.adapters.labelstudio.wire import Keyframe, VectorKeyframe, Vertex
from backend.domain.geometry import Box
from backend.domain.masklets import EncodedMask, Masklet
from backend.domain.video import FrameIndex, VideoInfo

DECIMALS = 4
"""Of percent: a hundredth of a pixel of the widest frame."""

RectangleValue = dict[str, float]

NOTHING_PLACED: Mapping[FrameIndex, Box] = MappingProxyType({})


def video_value(
    masklet: Masklet,
    video: VideoInfo,
    *,
    framerate: float | None,
    vector: bool,
    placed: Mapping[FrameIndex, Box] = NOTHING_PLACED,
    is_whole: bool = True,
) -> dict[str, object] | None:
    """The value of a video region, without its labels; None if the object is on no frame.

    framerate: what Label Studio numbers frames by; None takes the video's own. placed: the boxes that a person
    placed, which stand for the masks of their frames. is_whole: False if masks are still being made, and so the last
    one is no sign that the object is gone.
    """
    rate = framerate or float(video.frame_rate)
    last_known = masklet.frames[-1].frame_index if masklet.frames and not is_whole else video.frame_count - 1
    sequence = list(_sequence(_shapes(masklet, vector=vector, placed=placed), rate=rate, last_known=last_known))
    if not sequence:
        return None
    return {
        "framesCount": video.frame_count,
        "duration": round(video.frame_count / rate, 3),
        "sequence": sequence,
    }


def box_percent(box: Box) -> RectangleValue:
    """x, y, width, height in percent and rotation 0, never beyond 100."""
    x, y = round(box.x0_rel * 100, DECIMALS), round(box.y0_rel * 100, DECIMALS)
    return {
        "x": x,
        "y": y,
        "width": round(min(box.x1_rel * 100, 100.0) - x, DECIMALS),
        "height": round(min(box.y1_rel * 100, 100.0) - y, DECIMALS),
        "rotation": 0,
    }


def _shapes(masklet: Masklet, *, vector: bool, placed: Mapping[FrameIndex, Box]) -> Iterator[tuple[int, Box | Polygon]]:
    """Where the object is, frame by frame: frames that it is not on are left out."""
    for frame in masklet.frames:
        shape = _outline(frame.mask) if vector else placed.get(frame.frame_index) or box_of_coco(frame.mask)
        if shape is not None:
            yield frame.frame_index, shape


def _sequence(
    shapes: Iterable[tuple[int, Box | Polygon]], *, rate: float, last_known: int
) -> Iterator[Keyframe | VectorKeyframe]:
    previous: tuple[int, Box | Polygon] | None = None
    for index, shape in shapes:
        if previous is not None:
            yield _keyframe(*previous, stays=index == previous[0] + 1, rate=rate)
        previous = (index, shape)
    if previous is not None:
        yield _keyframe(*previous, stays=previous[0] == last_known, rate=rate)


def _outline(mask: EncodedMask) -> Polygon | None:
    outlines = polygons_of_mask(mask_of_coco(mask))
    return outlines[0] if outlines else None


def _keyframe(index: int, shape: Box | Polygon, *, stays: bool, rate: float) -> Keyframe | VectorKeyframe:
    # Label Studio's own time is the 1-based number over the rate, not the frame's presentation time.
    number, time = index + 1, round((index + 1) / rate, 4)
    if not isinstance(shape, Box):
        return {"frame": number, "enabled": stays, "time": time, "closed": True, "vertices": _vertices(shape)}
    placed = box_percent(shape)
    return {
        "frame": number,
        "enabled": stays,
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
