"""Prompts of an import: objects of files or other tasks become prompts on a draft's frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from backend.application.imports.model import TaskDraft
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, Box
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.selection import range_text
from backend.domain.video import FrameIndex

COPIED_SCORE = 0.5
"""The score of a prompt that was copied from another video: nothing is known about it."""


class FoundObject(Protocol):
    """One object on a frame of the source. label: empty if the file has only numbers."""

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


def prompts_on(draft: TaskDraft, found: Iterable[FoundObject], labels: Sequence[str], *, naming: str = "") -> PromptSet:
    """Prompts of the objects on the draft's frames. labels: those of the project.

    naming: how a person gives the objects labels, for messages. An object without a label gets the project's only
    label. Of several objects with one label, the first has the label as its id, like an object drawn by a person.
    Raises PromptError for a label that the project does not have, a missing one, and a whole video of which no prompted
    frame is shown.
    """
    positions = {int(frame): position for position, frame in enumerate(draft.frames)}
    prompts: list[FramePrompt] = []
    named: dict[ObjectId, str] = {}
    frames: list[int] = []
    for entry in found:
        label = _label(entry.label, labels, entry.key, naming)
        frames.append(entry.frame)
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
    _require_any(draft, prompts, frames)
    return PromptSet.of(prompts, named)


def moved_to(draft: TaskDraft, prompts: PromptSet, labels: Sequence[str]) -> PromptSet:
    """Moves prompts from the source's frames to the draft's frames; prompts on other frames are left out.

    Raises PromptError for a frame past the end of the source, a label that the project does not have, and a whole video
    of which no prompted frame is shown.
    """
    positions = {int(frame): FrameIndex(position) for position, frame in enumerate(draft.frames)}
    for prompt in prompts:
        if prompt.frame_index >= draft.medium.frame_count:
            raise PromptError(
                f"a prompt is on frame {prompt.frame_index}, but {draft.medium.name} has {draft.medium.frame_count} "
                f"frames (0 to {draft.medium.frame_count - 1})"
            )
        _label(prompts.labels[prompt.object_id], labels, str(prompt.object_id), "")
    kept = [replace(p, frame_index=positions[p.frame_index]) for p in prompts if p.frame_index in positions]
    _require_any(draft, kept, [int(prompt.frame_index) for prompt in prompts])
    return PromptSet.of(kept, prompts.labels)


def at_start(prompts: PromptSet) -> PromptSet:
    """The prompts of the earliest prompted frame, on frame 0, for a sibling video.

    They are automatic: a person gave them for another video.
    """
    if not prompts:
        return prompts
    first = prompts.prompted_frames[0]
    copied = [replace(p, frame_index=FrameIndex(0)) for p in prompts.on_frame(first)]
    return PromptSet.of(copied, prompts.labels).as_automatic(lambda prompt: COPIED_SCORE)


def first_of_each(prompts: PromptSet) -> PromptSet:
    """Each object's earliest prompt; this model finds the object on later frames itself."""
    return PromptSet.of([prompts.of_object(o).prompts[0] for o in prompts.object_ids], prompts.labels)


def _require_any(draft: TaskDraft, kept: Sequence[FramePrompt], frames: Sequence[int]) -> None:
    """Raises PromptError if a task that is the whole video shows none of the prompted frames."""
    if frames and not kept and draft.count == 1 and len(draft.frames) > 1:
        raise PromptError(
            f"the prompts for {draft.medium.name} are on frames {range_text(sorted(set(frames)))}, and its task has "
            "none of these; choose other frames with --select and --portion"
        )


def _label(wanted: str, labels: Sequence[str], key: str, naming: str) -> str:
    """The label of an object. key: the object, for messages."""
    if not labels:
        raise PromptError(
            "the project's label config has no labels; where it takes them from a field of the tasks' data "
            '(value="$classes"), give that: --data classes=Cat,Dog'
        )
    if not wanted and len(labels) == 1:
        return labels[0]
    way_out = f"; {naming}" if naming else ""
    if not wanted:
        raise PromptError(
            f"object {key[:60]!r} has no label; the project's label config has {', '.join(labels)}{way_out}"
        )
    if wanted not in labels:
        raise PromptError(
            f"label {wanted[:60]!r} is not in the project's label config; it has {', '.join(labels)}{way_out}"
        )
    return wanted


def _object_id(label: str, taken: Iterable[ObjectId]) -> ObjectId:
    used = set(taken)
    if ObjectId(label) not in used:
        return ObjectId(label)
    number = 2
    while ObjectId(f"{label} #{number}") in used:
        number += 1
    return ObjectId(f"{label} #{number}")
