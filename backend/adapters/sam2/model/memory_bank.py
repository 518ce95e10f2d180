"""One object's memory while it is tracked: what SAM 2 will look at again, and nothing else.

Prompted frames are kept whole. Of the tracked ones SAM 2 reads the newest few spatial memories (6) and some more
pointers (15); older ones are dropped, so that a track costs the same after a million frames. Going backward the
window is mirrored, and starts with the frames that the forward pass saw right after the start: the reference
predictor finds them there too.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.adapters.sam2.model.memory_selection import Memories, MemoryFrame


@dataclass(slots=True)
class ObjectMemory:
    """memory_horizon, pointer_horizon: how many of the newest frames' memories and pointers are read.

    tracked: the window. seam: of the forward pass, the frames right after its first, kept for the way back.
    """

    prompted: Mapping[int, MemoryFrame]
    memory_horizon: int
    pointer_horizon: int
    tracked: dict[int, MemoryFrame] = field(default_factory=dict)
    turn_frames: dict[int, MemoryFrame] = field(default_factory=dict)
    first: int | None = None

    @property
    def view(self) -> Memories:
        return Memories(self.prompted, self.tracked)

    @property
    def encoded_frames(self) -> int:
        """Frames held, for those who watch that it stays bounded."""
        return len(self.prompted) + len(self.tracked) + len(self.turn_frames)

    def start(self, frame_index: int) -> None:
        """The forward pass starts at this frame; the backward pass will start just before it."""
        self.first = frame_index

    def add(self, frame_index: int, frame: MemoryFrame, *, backward: bool) -> None:
        """Remember a tracked frame, the newest in the direction of travel, and forget what is out of reach."""
        self.tracked[frame_index] = frame
        self.tracked = self._pruned(self.tracked, frame_index, backward=backward)
        if self.first is not None and not backward:
            self.turn_frames[frame_index] = frame
            # Seen from the start, going backward, the seam's frames are what lies behind.
            self.turn_frames = self._pruned(self.turn_frames, self.first, backward=True)

    def turn(self) -> None:
        """From forward to backward."""
        self.tracked = self.turn_frames
        self.turn_frames = {}
        self.first = None

    def _pruned(self, frames: dict[int, MemoryFrame], newest: int, *, backward: bool) -> dict[int, MemoryFrame]:
        kept: dict[int, MemoryFrame] = {}
        for index, frame in frames.items():
            age = index - newest if backward else newest - index
            if age < self.memory_horizon:
                kept[index] = frame
            elif age < self.pointer_horizon:
                kept[index] = frame.pointer_only()
        return kept
