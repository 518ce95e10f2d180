"""One object's memory bank while it is tracked: only the memories that SAM 2 attends again.

Prompted frames are kept with features. Of the tracked frames SAM 2 attends the newest 6 spatial memories and the newest
15 pointers; older ones are pruned, so a track costs the same after a million frames. In a backward pass the window is
mirrored, and starts with the frames that follow the start of the forward pass, as in the reference predictor.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.adapters.sam2.model.memory_selection import Memories, MemoryFrame


@dataclass(slots=True)
class ObjectMemory:
    """The memories of one object, by frame index. See MemoryFrame for shapes and dtype.

    memory_horizon, pointer_horizon: the counts of newest frames whose features and pointers are attended. tracked: the
    window. turn_frames: the first frames of the forward pass, kept for the backward pass. first: its start.
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
        """The count of frames in the bank."""
        return len(self.prompted) + len(self.tracked) + len(self.turn_frames)

    def start(self, frame_index: int) -> None:
        """Starts a forward pass at this frame; the backward pass starts just before it."""
        self.first = frame_index

    def add(self, frame_index: int, frame: MemoryFrame, *, backward: bool) -> None:
        """Adds a tracked frame, the newest in the direction of the pass, and prunes frames beyond the horizons.

        Changes no mapping in place, so that a copy of the bank stays as it is.
        """
        self.tracked = self._pruned({**self.tracked, frame_index: frame}, frame_index, backward=backward)
        if self.first is not None and not backward:
            # From the start backward, the turn frames are the past.
            self.turn_frames = self._pruned({**self.turn_frames, frame_index: frame}, self.first, backward=True)

    def turn(self) -> None:
        """Turns from the forward to the backward pass."""
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
