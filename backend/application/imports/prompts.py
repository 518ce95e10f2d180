"""Objects that files or other tasks tell of, made into prompts on a task's own frames, with labels its project has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from backend.application.imports.model import TaskDraft
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, Box
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import FrameIndex


class FoundObject(Protocol):
    """One object on a frame of the source. label: empty where the file knows numbers only."""

    @property
    def key(self) -> str: ...
    @property
    def frame(self) -> int: ...
    @property
    def label(self) -> str: ...
    @property
    def box(self) -> Box | None: ...
    @property
    def mask(self) -> BoolMask | None: ...


def prompts_on(draft: TaskDraft, found: Iterable[FoundObject], labels: Sequence[str]) -> PromptSet:
    """Prompts of the objects whose frame the draft shows. labels: those of the project.

    An object without a label gets the project's labels in turn. Several objects may have one label: the first has it
    for its id, as if a person had drawn it. Raises PromptError for a label that the project has not.
    """
    positions = {int(frame): position for position, frame in enumerate(draft.frames)}
    prompts: list[FramePrompt] = []
    named: dict[ObjectId, str] = {}
    for number, entry in enumerate(found):
        label = _label(entry.label, labels, number)
        object_id = _object_id(label, named)
        named[object_id] = label
        if entry.frame in positions:
            frame = FrameIndex(positions[entry.frame])
            box = None if entry.mask is not None else entry.box
            prompts.append(FramePrompt(object_id, frame, (), box, entry.mask))
        elif entry.frame >= draft.medium.frame_count:
            raise PromptError(
                f"the prompt for {entry.key!r} is on frame {entry.frame}, but {draft.medium.name} has "
                f"{draft.medium.frame_count} frames (0 to {draft.medium.frame_count - 1})"
            )
    return PromptSet.of(prompts, named)


def moved_to(draft: TaskDraft, prompts: PromptSet, labels: Sequence[str]) -> PromptSet:
    """Prompts on the source's frames as prompts on the draft's; those on frames that it does not show are left out.

    Raises PromptError for a frame that the source has not, or a label that the project has not.
    """
    positions = {int(frame): FrameIndex(position) for position, frame in enumerate(draft.frames)}
    for prompt in prompts:
        if prompt.frame_index >= draft.medium.frame_count:
            raise PromptError(
                f"a prompt is on frame {prompt.frame_index}, but {draft.medium.name} has {draft.medium.frame_count} "
                f"frames (0 to {draft.medium.frame_count - 1})"
            )
        _label(prompts.labels[prompt.object_id], labels, 0)
    kept = [replace(p, frame_index=positions[p.frame_index]) for p in prompts if p.frame_index in positions]
    return PromptSet.of(kept, prompts.labels)


def at_start(prompts: PromptSet) -> PromptSet:
    """The prompts of the earliest prompted frame, on frame 0: what a sibling video begins with."""
    if not prompts:
        return prompts
    first = prompts.prompted_frames[0]
    return PromptSet.of([replace(p, frame_index=FrameIndex(0)) for p in prompts.on_frame(first)], prompts.labels)


def first_of_each(prompts: PromptSet) -> PromptSet:
    """Each object's earliest prompt: what another model found on later frames is for this one to find itself."""
    return PromptSet.of([prompts.of_object(o).prompts[0] for o in prompts.object_ids], prompts.labels)


def _label(wanted: str, labels: Sequence[str], number: int) -> str:
    if not labels:
        raise PromptError("the project's label config has no labels")
    if not wanted:
        return labels[number % len(labels)]
    if wanted not in labels:
        raise PromptError(f"label {wanted[:60]!r} is not in the project's label config; it has {', '.join(labels)}")
    return wanted


def _object_id(label: str, taken: Iterable[ObjectId]) -> ObjectId:
    used = set(taken)
    if ObjectId(label) not in used:
        return ObjectId(label)
    number = 2
    while ObjectId(f"{label} #{number}") in used:
        number += 1
    return ObjectId(f"{label} #{number}")
