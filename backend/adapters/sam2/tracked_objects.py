"""Objects on their way through a video, and which of them can travel together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.adapters.sam2.evidence import MaskStats
from backend.adapters.sam2.model.memory_bank import ObjectMemory
from backend.adapters.sam2.model.memory_selection import MemoryFrame, SelectedMemory
from backend.adapters.sam2.prompt_encoding import PromptedFrame
from backend.domain.prompts import ObjectId

OBJECTS_AT_ONCE = 8
"""Objects that share one pass through attention and decoder; more would only cost memory."""


@dataclass(slots=True)
class Track:
    """One object on its way: where it starts, the prompted frames it passes, and its memory."""

    object_id: ObjectId
    prompted: dict[int, PromptedFrame]
    memory: ObjectMemory

    @property
    def first_prompted(self) -> int:
        return min(self.prompted)


@dataclass(frozen=True, slots=True, eq=False)
class TrackedMask:
    """One object's decoded mask on one frame, and who made it. Batch of one."""

    track: Track
    decoded: MaskStats
    prompted: PromptedFrame | None = None


def memories_of(frames: Mapping[int, PromptedFrame]) -> dict[int, MemoryFrame]:
    return {index: frame.memory for index, frame in frames.items()}


def groups_of_one_shape(offers: Sequence[tuple[Track, SelectedMemory]]) -> Iterator[list[tuple[Track, SelectedMemory]]]:
    """Tracks whose memories make one batch: as many prompted frames, memories of the same ages, as many pointers."""
    groups: dict[object, list[tuple[Track, SelectedMemory]]] = {}
    for track, offer in offers:
        groups.setdefault(offer.shape, []).append((track, offer))
    for group in groups.values():
        for start in range(0, len(group), OBJECTS_AT_ONCE):
            yield group[start : start + OBJECTS_AT_ONCE]
