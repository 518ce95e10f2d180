"""The context of an interactive /predict, and saved annotations, as prompts: what a person wants, in domain terms.

Owns which regions count and how several on one frame become one prompt; the regions themselves are read in `regions`
and `shapes`. Coordinates come out relative, frame indices 0-based, object ids as design has them: the label on pages,
the region id in a video.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.config.action_labels import Action
from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.fields import Json
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.reading.region_prompts import prompts_of_region
from backend.adapters.labelstudio.reading.regions import VIDEO_KINDS, ReadRegion, read_regions
from backend.domain.errors import PromptError
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.timeline import FrameClock
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True, eq=False)
class ParsedContext:
    """What an annotator just did.

    prompts: of everything in the context that is not accepted yet; empty for an action. frame_index: the frame to
    answer for, that of the newest prompt (in a video region, its last keyframe). action: what the label asks for, if
    it is an action label. region_ids: the newest region of each object, as Label Studio names it. piled_up: there is
    more than one region, as happens on pages only where suggestions are not accepted by themselves.
    """

    prompts: PromptSet
    frame_index: FrameIndex
    action: Action | None
    region_ids: Mapping[ObjectId, str]
    piled_up: bool = False


def prompts_of_context(
    context: Json, binding: Binding, *, known: KnownMasks | None = None, clock: FrameClock | None = None
) -> ParsedContext:
    """What an annotator just did, from `params.context`.

    known: masks that the canvas was given before; video keyframes that only repeat them are no prompts. clock: how the
    page numbers a video's frames; None where number n is frame n - 1.
    Raises MalformedRequest, PromptError or TooLarge, also if there is no prompt in it.
    """
    regions = read_regions(context.get("result"), binding, where="context.result")
    if not regions:
        raise PromptError("the context has no prompt: click or draw a box with an Auto-Detect tool")
    newest = regions[-1]
    action = binding.actions.get(newest.label)
    objects = [region for region in regions if region.label not in binding.actions]
    prompts = prompt_set(objects, known=known, clock=clock)
    if action is None and not prompts:
        raise PromptError("the context has no prompt: what is on the canvas only repeats masks that are known")
    ids = {region.object_id: region.region_id for region in objects}
    return ParsedContext(prompts, _frame_to_answer(newest, prompts), action, ids, len(regions) > 1)


def prompts_of_annotation(
    result: object, binding: Binding, *, known: KnownMasks | None = None, clock: FrameClock | None = None
) -> PromptSet:
    """What a person left on the canvas, from a saved annotation's `result`; may be empty.

    A mask wins over points and boxes of the same object and frame, and several regions of one label on one page are
    one mask. known: masks that the canvas was given before; what only repeats them is left out, so that what remains
    is what the person changed or added. clock: as for `prompts_of_context`.
    Raises MalformedRequest, PromptError or TooLarge.
    """
    regions = read_regions(result, binding, where="result")
    return prompt_set([region for region in regions if region.label not in binding.actions], known=known, clock=clock)


def prompt_set(
    regions: Sequence[ReadRegion], *, known: KnownMasks | None, clock: FrameClock | None = None
) -> PromptSet:
    """The regions' prompts, merged, less those that repeat known masks."""
    labels = {region.object_id: region.label for region in regions if region.label}
    merged = _merged(
        prompt
        for region in regions
        for prompt in (
            _one_a_frame(prompts_of_region(region, clock), known)
            if region.kind in VIDEO_KINDS
            else prompts_of_region(region)
        )
    )
    return PromptSet.of(merged if known is None else _news(merged, labels, known), labels)


def _news(prompts: Iterable[FramePrompt], labels: Mapping[ObjectId, str], known: KnownMasks) -> Iterator[FramePrompt]:
    """The prompts that do not repeat known masks; of an object that only got another label, the first one."""
    renamed = {object_id for object_id, label in labels.items() if known.label_of(object_id) not in (None, label)}
    for prompt in prompts:
        if prompt.object_id in renamed or not known.is_repeat(prompt):
            renamed.discard(prompt.object_id)
            yield prompt


def _one_a_frame(prompts: Iterable[FramePrompt], known: KnownMasks | None) -> Iterator[FramePrompt]:
    """Where a frame has several of the page's numbers, one of the keyframes: what the person changed last, if any."""
    by_frame: dict[FrameIndex, list[FramePrompt]] = {}
    for prompt in prompts:
        by_frame.setdefault(prompt.frame_index, []).append(prompt)
    for same in by_frame.values():
        yield same[-1] if known is None or len(same) == 1 else max(reversed(same), key=known.news)


def _merged(prompts: Iterable[FramePrompt]) -> list[FramePrompt]:
    """One prompt per object and frame: masks are united, and drop the points and boxes beside them."""
    merged: dict[tuple[ObjectId, FrameIndex], FramePrompt] = {}
    for prompt in prompts:
        key = (prompt.object_id, prompt.frame_index)
        earlier = merged.get(key)
        merged[key] = prompt if earlier is None else _joined(earlier, prompt)
    return list(merged.values())


def _joined(earlier: FramePrompt, later: FramePrompt) -> FramePrompt:
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
