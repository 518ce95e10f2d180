"""Prompts from the context of an interactive /predict and from saved annotations.

Owns how several regions of one frame become one prompt; `regions` reads those of a request, `drawn_regions` those of
annotations and drafts, `region_prompts` their shapes. Coordinates are relative (0..1), frame indices 0-based. The
object id is the label on pages and the region id in a video, where a region may have no label.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.config.action_labels import Action
from backend.adapters.labelstudio.config.label_config import Binding, ControlKind
from backend.adapters.labelstudio.reading.drawn_regions import TIME_RANGE, UNLABELLED, drawn_regions
from backend.adapters.labelstudio.reading.fields import Json
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.reading.region_prompts import frames_switched_off, prompts_of_region
from backend.adapters.labelstudio.reading.regions import VIDEO_KINDS, ReadRegion, read_regions
from backend.domain.errors import PromptError, TooLarge
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.timeline import FrameClock
from backend.domain.video import FrameIndex

MASK_KINDS = frozenset((ControlKind.BRUSH, ControlKind.BITMASK, ControlKind.POLYGON))

MAX_CONTEXT_PX = 2**27
"""Pixels of all masks in one context: two of the largest frame, 64 of 1080p. It holds what is not accepted."""

MAX_ANNOTATION_PX = 2**29
"""Pixels of all masks in one annotation or draft: 258 of 1080p."""


@dataclass(frozen=True, slots=True, eq=False)
class ParsedContext:
    """The prompts and the action of a context.

    prompts: of all regions not accepted yet; empty for an action. frame_index: the 0-based frame to answer for, that
    of the newest prompt (in a video region, its last keyframe). action: the action of an action label. region_ids: the
    newest region's id of each object. switched_off: the objects and frames of keyframes with `enabled: false`: a known
    prompt there may have ended an unfinished track. has_several_regions: on pages this happens only without
    Auto-Accept. action_point: where the action label was clicked.
    """

    prompts: PromptSet
    frame_index: FrameIndex
    action: Action | None
    region_ids: Mapping[ObjectId, str]
    has_several_regions: bool = False
    switched_off: frozenset[tuple[ObjectId, FrameIndex]] = frozenset()
    action_point: Point | None = None


def prompts_of_context(
    context: Json, binding: Binding, *, known: KnownMasks | None = None, clock: FrameClock | None = None
) -> ParsedContext:
    """The prompts and the action in `params.context`.

    known: masks shown before; video keyframes that only repeat them are no prompts. clock: the page's frame clock;
    None where number n (1-based) is frame index n - 1.
    Raises MalformedRequest, PromptError or TooLarge; PromptError without any prompt.
    """
    regions = read_regions(context.get("result"), binding, where="context.result")
    if not regions:
        raise PromptError("the context has no prompt: click or draw a box with an Auto-Detect tool")
    newest = regions[-1]
    action = binding.actions.get(newest.label)
    objects = [region for region in regions if region.label not in binding.actions]
    _require_mask_pixels(objects, MAX_CONTEXT_PX, where="context.result")
    prompts = prompt_set(objects, known=known, clock=clock)
    if action is None and not prompts:
        raise PromptError("the context has no prompt: its region only repeats masks that are known")
    ids = {region.object_id: region.region_id for region in objects}
    clicked = [] if action is None else [point for prompt in prompts_of_region(newest) for point in prompt.points]
    point = clicked[0].point if clicked else None
    off = frozenset(
        (region.object_id, frame)
        for region in objects
        if region.kind in VIDEO_KINDS
        for frame in frames_switched_off(region, clock)
    )
    return ParsedContext(prompts, _frame_to_answer(newest, prompts), action, ids, len(regions) > 1, off, point)


@dataclass(frozen=True, slots=True, eq=False)
class AnnotationPrompts:
    """The prompts of an annotation. left_out: counts of what a person drew and no prompt has, by kind."""

    prompts: PromptSet
    left_out: Mapping[str, int]


def read_annotation(
    result: object, binding: Binding, *, known: KnownMasks | None = None, clock: FrameClock | None = None
) -> AnnotationPrompts:
    """The prompts in a saved annotation's `result`; may be empty.

    The regions are those of exports (`drawn_regions`), and keypoints. On pages only labels count that masks can be
    written with. A mask replaces points and boxes of the same object and frame; several mask regions of
    one label on one page are one mask. known: masks shown before; regions that only repeat them are skipped, so the
    person's changes and additions remain. clock: as for `prompts_of_context`.
    Raises MalformedRequest, PromptError or TooLarge.
    """
    drawn = drawn_regions(result, binding, where="result", keypoints=True)
    left_out = drawn.left_out
    del left_out[TIME_RANGE]  # a time range is about no object
    objects = []
    for region in drawn.regions:
        if region.kind in VIDEO_KINDS or binding.output_for(region.label) is not None:
            objects.append(region)
        elif region.label == UNLABELLED:
            left_out["region without a label"] += 1
        else:
            left_out[f"region of the label {region.label[:60]!r}, which no tag for masks has"] += 1
    _require_mask_pixels(objects, MAX_ANNOTATION_PX, where="result")
    prompts = prompt_set(objects, known=known, clock=clock, left_out=left_out)
    return AnnotationPrompts(prompts, +left_out)


def prompts_of_annotation(
    result: object, binding: Binding, *, known: KnownMasks | None = None, clock: FrameClock | None = None
) -> PromptSet:
    """The prompts of `read_annotation`."""
    return read_annotation(result, binding, known=known, clock=clock).prompts


def prompt_set(
    regions: Sequence[ReadRegion],
    *,
    known: KnownMasks | None,
    clock: FrameClock | None = None,
    left_out: Counter[str] | None = None,
) -> PromptSet:
    """The regions' prompts, one per object and frame, less those that repeat known masks.

    left_out: outlines without a pixel are counted there.
    """
    found: list[FramePrompt] = []
    for region in regions:
        prompts = list(prompts_of_region(region, clock if region.kind in VIDEO_KINDS else None))
        if not prompts and left_out is not None:
            left_out["outline without a pixel"] += 1
        found.extend(_one_per_frame(prompts, known) if region.kind in VIDEO_KINDS else prompts)
    merged = _one_per_object_frame(found)
    named = {region.object_id: region.label for region in regions if region.label not in ("", UNLABELLED)}
    labels = {**{region.object_id: UNLABELLED for region in regions}, **named}
    return PromptSet.of(merged if known is None else _without_repeats(merged, named, known), labels)


def _require_mask_pixels(regions: Sequence[ReadRegion], most: int, *, where: str) -> None:
    """Raises TooLarge, before a mask is decoded, if their sizes add up to more: a few bytes may claim a large mask."""
    claimed = sum(region.size.pixels for region in regions if region.kind in MASK_KINDS)
    if claimed > most:
        raise TooLarge(f"the masks in {where} have {claimed} pixels together; the most that is read is {most}")


def _without_repeats(
    prompts: Iterable[FramePrompt], labels: Mapping[ObjectId, str], known: KnownMasks
) -> Iterator[FramePrompt]:
    """The prompts that do not repeat known masks; for an object with a new label and no change, its first prompt."""
    renamed = {object_id for object_id, label in labels.items() if known.label_of(object_id) not in (None, label)}
    for prompt in prompts:
        if prompt.object_id in renamed or not known.is_repeat(prompt):
            renamed.discard(prompt.object_id)
            yield prompt


def _one_per_frame(prompts: Iterable[FramePrompt], known: KnownMasks | None) -> Iterator[FramePrompt]:
    """One keyframe per frame, the person's latest change: a frame may have several of the page's numbers."""
    by_frame: dict[FrameIndex, list[FramePrompt]] = {}
    for prompt in prompts:
        by_frame.setdefault(prompt.frame_index, []).append(prompt)
    for same in by_frame.values():
        yield same[-1] if known is None or len(same) == 1 else max(reversed(same), key=known.novelty)


def _one_per_object_frame(prompts: Iterable[FramePrompt]) -> list[FramePrompt]:
    """One prompt per object and frame: masks are united and replace the points and boxes."""
    merged: dict[tuple[ObjectId, FrameIndex], FramePrompt] = {}
    for prompt in prompts:
        key = (prompt.object_id, prompt.frame_index)
        earlier = merged.get(key)
        merged[key] = prompt if earlier is None else _merged(earlier, prompt)
    return list(merged.values())


def _merged(earlier: FramePrompt, later: FramePrompt) -> FramePrompt:
    if earlier.mask is not None and later.mask is not None:
        if earlier.mask.shape != later.mask.shape:
            raise PromptError(
                f"two masks of {later.object_id!r} on frame {later.frame_index} have different sizes: "
                f"{earlier.mask.shape[::-1]} and {later.mask.shape[::-1]}"
            )
        return replace(later, mask=earlier.mask | later.mask)
    if earlier.mask is not None:
        return earlier
    return earlier.merged_with(later)


def _frame_to_answer(newest: ReadRegion, prompts: PromptSet) -> FrameIndex:
    frames = [prompt.frame_index for prompt in prompts if prompt.object_id == newest.object_id]
    if newest.kind.value.startswith("video"):
        return max(frames, default=FrameIndex(0))
    return newest.page
