"""Tracked objects, and their grouping into batches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.adapters.sam2.evidence import MaskStats
from backend.adapters.sam2.model.memory_bank import ObjectMemory
from backend.adapters.sam2.model.memory_selection import MemoryFrame, SelectedMemory
from backend.adapters.sam2.prompt_encoding import PromptedFrame
from backend.domain.prompts import FramePrompt, ObjectId

OBJECTS_AT_ONCE = 8
"""Objects in one batch through attention and decoder; more only cost memory."""


@dataclass(slots=True)
class Track:
    """One tracked object: its prompted frames by frame index, and its memory bank."""

    object_id: ObjectId
    prompted: dict[int, PromptedFrame]
    memory: ObjectMemory

    @property
    def first_prompted(self) -> int:
        return min(self.prompted)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedMask:
    """One object's decoded mask on one frame, with its prompt if any. Batch of one: logits [1, 1, h, w] float32."""

    track: Track
    decoded: MaskStats
    prompt: FramePrompt | None = None


def memories_of(frames: Mapping[int, PromptedFrame]) -> dict[int, MemoryFrame]:
    return {index: frame.memory for index, frame in frames.items()}


def batches_of_one_shape(
    selections: Sequence[tuple[Track, SelectedMemory]], *, most: int = OBJECTS_AT_ONCE
) -> Iterator[list[tuple[Track, SelectedMemory]]]:
    """Batches of tracks with equal counts of prompted frames and pointers, and memories of equal ages.

    most: the largest batch.
    """
    groups: dict[object, list[tuple[Track, SelectedMemory]]] = {}
    for track, selected in selections:
        groups.setdefault(selected.shape, []).append((track, selected))
    for group in groups.values():
        for start in range(0, len(group), most):
            yield group[start : start + most]
