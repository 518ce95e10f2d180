"""Masklets to the regions of a Label Studio result.

Owns the form of a mask in each control tag. A region id is a function of task, object and frame, so a newer answer
replaces the older one in the page; a video region keeps its object's id, the id of the region that the person drew.
Every mask of every frame is written.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import logging
import math
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import cast

from backend.adapters.labelstudio.config.label_config import Binding, Control, ControlKind, read_binding
from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.adapters.labelstudio.mask_forms.masks import png_of_mask, polygons_of_mask
from backend.adapters.labelstudio.wire import Region
from backend.adapters.labelstudio.writing.progress import is_whole, progress_meta
from backend.adapters.labelstudio.writing.uncertain_ranges import uncertain_ranges
from backend.adapters.labelstudio.writing.video_regions import box_percent, video_value
from backend.adapters.labelstudio.written_regions import instance_meta
from backend.codecs.coco_rle import box_rel, decode_checked
from backend.codecs.score_marks import region_score
from backend.domain.errors import PromptError
from backend.domain.masklets import EncodedMask, Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.timeline import FrameClock, clock_of
from backend.domain.uncertainty.scoring import combined_uncertainty
from backend.domain.video import FrameIndex, VideoInfo

logger = logging.getLogger(__name__)

ID_CHARACTERS = 10
POLYGON_DECIMALS = 4
BRUSHES_KEPT = 512
"""Brush masks, of a few kilobytes each."""


def build_regions(
    run: MaskRun,
    *,
    label_config: str,
    task: TaskKey,
    prompts: PromptSet | None = None,
    cleared: Collection[tuple[ObjectId, FrameIndex]] = (),
) -> list[dict[str, object]]:
    """The result for a task: on pages one region per object and frame, in a video one per object.

    prompts: the person's; their boxes in a video are written unchanged. A track of a run that is still being computed
    ends with its last mask, and its `meta` says how far it is.

    cleared: masks that the page may show, by object and 0-based page; where the object is absent, a region without a
    pixel replaces them. Polygons and boxes have no such form.

    On a frame without the object, pages have no other region; in a video the keyframe before has `enabled: false`.
    Raises LabelConfigError, or PromptError if a label cannot be written with this config.
    """
    binding = read_binding(label_config)
    clock = clock_of(run.video, binding.framerate) if binding.is_video else None
    if clock is not None:
        _warn_of_unnumbered(clock, task, run.video)
    regions: list[Region] = []
    for masklet in run.masklets:
        regions.extend(
            _of_masklet(masklet, run, binding=binding, task=task, prompts=prompts, clock=clock, cleared=cleared)
        )
    if clock is not None:
        regions.extend(uncertain_ranges(run, binding, task, clock))
    return cast(list[dict[str, object]], regions)


def region_id(task: TaskKey, object_id: ObjectId, frame_index: int, *, part: int = 0) -> str:
    """Ten lower-case letters and digits, equal in every process. frame_index, part (piece of the mask): 0-based."""
    text = "\0".join((str(task), object_id, str(frame_index), *([str(part)] if part else [])))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return base64.b32encode(digest).decode("ascii").lower()[:ID_CHARACTERS]


def score_of(uncertainties: Iterable[float]) -> float:
    """Label Studio's score, 0..1, of the most uncertain of some frames; NaN counts as uncertainty 1."""
    return region_score(combined_uncertainty(1.0 if math.isnan(u) else u for u in uncertainties))


def _of_masklet(
    masklet: Masklet,
    run: MaskRun,
    *,
    binding: Binding,
    task: TaskKey,
    prompts: PromptSet | None,
    clock: FrameClock | None,
    cleared: Collection[tuple[ObjectId, FrameIndex]],
) -> Iterator[Region]:
    control = binding.output_for(masklet.label)
    if control is None:
        raise PromptError(
            f"no tag that takes masks has the label {masklet.label!r}; add it to <{binding.outputs[0].name}> "
            "in the label config"
        )
    if clock is not None:
        placed = (
            {} if prompts is None else {p.frame_index: p.box for p in prompts.of_object(masklet.object_id) if p.box}
        )
        value = video_value(masklet, clock, vector=control.kind in _VECTORS, placed=placed)
        if value is not None:
            region = _on_video(masklet, value, binding=binding, control=control)
            yield region if is_whole(masklet, run) else {**region, "meta": progress_meta(masklet, run)}
        return
    is_shared = sum(other.label == masklet.label for other in run.masklets) > 1
    meta = instance_meta(masklet.object_id) if is_shared and masklet.object_id != masklet.label else None
    for frame in masklet.frames:
        clears = (masklet.object_id, frame.frame_index) in cleared
        for region in _on_page(frame, masklet, binding=binding, control=control, task=task, clears=clears):
            yield region if meta is None else {**region, "meta": meta}


def _on_page(
    frame: MaskletFrame, masklet: Masklet, *, binding: Binding, control: Control, task: TaskKey, clears: bool
) -> Iterator[Region]:
    for part, value in enumerate(_page_values(control.kind, frame.mask, clears=clears)):
        yield {
            "id": region_id(task, masklet.object_id, frame.frame_index, part=part),
            "from_name": control.name,
            "to_name": binding.to_name,
            "type": control.kind.value,
            "value": {**value, control.kind.value: [masklet.label]},
            "item_index": int(frame.frame_index),
            "original_width": frame.mask.width,
            "original_height": frame.mask.height,
            "image_rotation": 0,
            "score": score_of([frame.uncertainty]),
        }


def _page_values(kind: ControlKind, encoded: EncodedMask, *, clears: bool) -> list[dict[str, object]]:
    """The region values of a mask; none for an empty mask, unless it clears another.

    Coordinates are percent of the frame. Each part of the mask is a region of its own as polygons, one region
    otherwise.
    """
    box = box_rel(encoded)
    if kind is ControlKind.RECTANGLE:
        return [] if box is None else [dict(box_percent(box))]
    if box is None and not (clears and kind in _CLEARABLE):
        return []
    if kind is ControlKind.BRUSH:
        return [{"format": "rle", "rle": list(_brush_rle(encoded))}]
    mask = decode_checked(encoded)
    if kind is ControlKind.BITMASK:
        return [{"imageDataURL": png_of_mask(mask)}]
    return [{"points": _percent(polygon), "closed": True} for polygon in polygons_of_mask(mask)]


@functools.lru_cache(maxsize=BRUSHES_KEPT)
def _brush_rle(encoded: EncodedMask) -> bytes:
    """Kept, because an answer repeats the masks of its person's last seconds."""
    return bytes(encode_rle(decode_checked(encoded)))


def _percent(polygon: Sequence[tuple[float, float]]) -> list[list[float]]:
    return [[round(x * 100, POLYGON_DECIMALS), round(y * 100, POLYGON_DECIMALS)] for x, y in polygon]


def _on_video(masklet: Masklet, value: dict[str, object], *, binding: Binding, control: Control) -> Region:
    from_name, kind = control.name, control.kind.value
    labels = [masklet.label] if masklet.label in binding.labels else []
    labelling = binding.control(ControlKind.LABELS)
    if labels and control.kind is ControlKind.VIDEO_VECTOR and labelling is not None:
        # With a separate <Labels> tag a VideoVector region has that tag's name and a merged type.
        from_name, kind = labelling.name, ControlKind.VIDEO_VECTOR_LABELS.value
        value[kind] = labels
    elif labels:
        value["labels"] = labels
    region: Region = {
        "id": str(masklet.object_id),
        "from_name": from_name,
        "to_name": binding.to_name,
        "type": kind,
        "value": value,
    }
    if masklet.frames:
        region["score"] = score_of(frame.uncertainty for frame in masklet.frames)
    return region


_CLEARABLE = (ControlKind.BRUSH, ControlKind.BITMASK)
_VECTORS = (ControlKind.VIDEO_VECTOR, ControlKind.VIDEO_VECTOR_LABELS)


def _warn_of_unnumbered(clock: FrameClock, task: TaskKey, video: VideoInfo) -> None:
    """Logs the frames without a number: the page cannot show their boxes."""
    if clock.unnumbered:
        logger.warning(
            "task %s: %d of the video's %d frames have no number at framerate=%g, so the page never shows their boxes; "
            "their masks are kept. Write %s into its <Video> tag",
            task,
            clock.unnumbered,
            len(clock.starts_us),
            clock.rate,
            "a higher framerate" if video.variable_rate else f"framerate={float(video.frame_rate):g}",
        )
