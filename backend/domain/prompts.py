"""Prompts: points, boxes and masks of a person or an import, per object and frame, and sets of prompts.

Points, box and mask of one object on one frame are *one* prompt: SAM 2 gets them together. A later prompt on the same
object and frame adds its points and replaces the box or mask.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import NewType

import numpy as np

from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, Box, Point
from backend.domain.video import FrameIndex

ObjectId = NewType("ObjectId", str)
"""Masklet's stable id for one object of a task: its label in pages mode, its region id in video mode."""


@dataclass(frozen=True, slots=True)
class PointPrompt:
    """A click: on the object (positive) or beside it (negative)."""

    point: Point
    positive: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class FramePrompt:
    """The prompt of one object on one frame.

    mask: [H, W] bool at any resolution with the frame's aspect ratio; excludes points and box, because SAM 2 takes
    either a mask or clicks. automatic: the score, 0..1, of a prompt that a program made and nobody has seen; None: a
    person gave it.

    Raises PromptError for an empty prompt, a mask together with points or a box, a negative frame index, or a score
    outside of 0..1.
    """

    object_id: ObjectId
    frame_index: FrameIndex
    points: tuple[PointPrompt, ...] = ()
    box: Box | None = None
    mask: BoolMask | None = None
    automatic: float | None = None

    def __post_init__(self) -> None:
        if self.automatic is not None and not 0.0 <= self.automatic <= 1.0:
            raise PromptError(f"the score of an automatic prompt must lie within 0..1, got {self.automatic!r}")
        if not self.points and self.box is None and self.mask is None:
            raise PromptError(
                f"the prompt for {self.object_id!r} on frame {self.frame_index} has no points, box or mask"
            )
        if self.mask is not None and (self.points or self.box is not None):
            raise PromptError(
                f"the prompt for {self.object_id!r} on frame {self.frame_index} has a mask and also points or a box; "
                "give either"
            )
        if self.frame_index < 0:
            raise PromptError(f"frame indices start at 0, got {self.frame_index}")

    @property
    def has_positive(self) -> bool:
        """Whether the prompt locates the object; negative clicks alone do not."""
        return self.mask is not None or self.box is not None or any(point.positive for point in self.points)

    def merged_with(self, later: FramePrompt) -> FramePrompt:
        """This prompt and a later one of the same object and frame: points are united, a new box or mask replaces.

        The union is automatic if both are; it has the lower score.
        Raises ValueError for another object or frame.
        """
        if (later.object_id, later.frame_index) != (self.object_id, self.frame_index):
            raise ValueError("only prompts of one object on one frame can be merged")
        if later.mask is not None:
            return later
        existing = set(self.points)
        points = self.points + tuple(point for point in later.points if point not in existing)
        is_automatic = self.automatic is not None and later.automatic is not None
        automatic = min(self.automatic or 0.0, later.automatic or 0.0) if is_automatic else None
        return FramePrompt(self.object_id, self.frame_index, points, later.box or self.box, automatic=automatic)

    def covers(self, other: FramePrompt) -> bool:
        """Whether this prompt has the object, the frame and every point, the box and the mask of another one."""
        if (other.object_id, other.frame_index) != (self.object_id, self.frame_index):
            return False
        if other.mask is not None:
            return self.mask is not None and np.array_equal(self.mask, other.mask)
        return set(other.points) <= set(self.points) and other.box in (None, self.box)


@dataclass(frozen=True, slots=True, eq=False)
class PromptSet:
    """All prompts of a task, one per (object, frame), with each object's label.

    Iteration order is by object (first mention) and then by frame.
    """

    prompts: tuple[FramePrompt, ...]
    labels: Mapping[ObjectId, str] = field(default_factory=dict)

    @classmethod
    def of(cls, prompts: Iterable[FramePrompt], labels: Mapping[ObjectId, str]) -> PromptSet:
        """Merge prompts of the same object and frame in the order given."""
        merged: dict[tuple[ObjectId, FrameIndex], FramePrompt] = {}
        for prompt in prompts:
            key = (prompt.object_id, prompt.frame_index)
            merged[key] = merged[key].merged_with(prompt) if key in merged else prompt
        order = {object_id: position for position, object_id in enumerate(dict.fromkeys(k[0] for k in merged))}
        ordered = sorted(merged.values(), key=lambda prompt: (order[prompt.object_id], prompt.frame_index))
        return cls(tuple(ordered), {object_id: labels.get(object_id, str(object_id)) for object_id in order})

    def __iter__(self) -> Iterator[FramePrompt]:
        return iter(self.prompts)

    def __bool__(self) -> bool:
        return bool(self.prompts)

    @property
    def object_ids(self) -> tuple[ObjectId, ...]:
        return tuple(dict.fromkeys(prompt.object_id for prompt in self.prompts))

    @property
    def prompted_frames(self) -> tuple[FrameIndex, ...]:
        """Ascending, each once."""
        return tuple(sorted({prompt.frame_index for prompt in self.prompts}))

    @property
    def unlocated_ids(self) -> tuple[ObjectId, ...]:
        """The objects with negative clicks only: no prompt locates them."""
        located = {prompt.object_id for prompt in self.prompts if prompt.has_positive}
        return tuple(object_id for object_id in self.object_ids if object_id not in located)

    def on_frame(self, frame_index: int) -> tuple[FramePrompt, ...]:
        return tuple(prompt for prompt in self.prompts if prompt.frame_index == frame_index)

    def of_object(self, object_id: ObjectId) -> PromptSet:
        return PromptSet(
            tuple(prompt for prompt in self.prompts if prompt.object_id == object_id),
            {object_id: self.labels.get(object_id, str(object_id))},
        )

    def only(self, object_ids: Collection[ObjectId]) -> PromptSet:
        """The prompts and labels of these objects."""
        return PromptSet.of((prompt for prompt in self.prompts if prompt.object_id in object_ids), self.labels)

    def without(self, object_ids: Collection[ObjectId]) -> PromptSet:
        """The prompts and labels of all other objects."""
        return PromptSet.of((prompt for prompt in self.prompts if prompt.object_id not in object_ids), self.labels)

    def as_automatic(self, score: Callable[[FramePrompt], float]) -> PromptSet:
        """The prompts as made by a program. score: of each prompt, 0..1."""
        return PromptSet(tuple(replace(prompt, automatic=score(prompt)) for prompt in self.prompts), self.labels)

    def covers(self, other: PromptSet) -> bool:
        """Whether every prompt of another set is part of this one."""
        here = {(prompt.object_id, prompt.frame_index): prompt for prompt in self.prompts}
        found = ((here.get((prompt.object_id, prompt.frame_index)), prompt) for prompt in other)
        return all(mine is not None and mine.covers(prompt) for mine, prompt in found)

    def digest(self) -> str:
        """SHA-256, hex, of the canonical form: equal sets have equal digests in every process."""
        canonical = [_canonical(prompt) for prompt in self.prompts]
        body = json.dumps([canonical, sorted(self.labels.items())], separators=(",", ":"))
        return hashlib.sha256(body.encode()).hexdigest()


def _canonical(prompt: FramePrompt) -> list[object]:
    box = prompt.box
    mask = prompt.mask
    mask_digest = None
    if mask is not None:
        mask_digest = [*mask.shape, hashlib.sha256(np.packbits(mask).tobytes()).hexdigest()]
    canonical: list[object] = [
        prompt.object_id,
        prompt.frame_index,
        [[repr(p.point.x_rel), repr(p.point.y_rel), p.positive] for p in prompt.points],
        None if box is None else [repr(v) for v in (box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel)],
        mask_digest,
    ]
    # A person's prompt has the digest that it had before there were automatic ones.
    return canonical if prompt.automatic is None else [*canonical, repr(prompt.automatic)]
