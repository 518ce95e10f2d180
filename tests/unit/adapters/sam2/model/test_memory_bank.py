"""The frames in an object's memory bank: forward, at the turn and backward."""

from __future__ import annotations

import torch

from backend.adapters.sam2.model.memory_bank import ObjectMemory
from backend.adapters.sam2.model.memory_selection import MemoryFrame


def frame() -> MemoryFrame:
    return MemoryFrame(torch.zeros(1), torch.zeros(1))


def held(memory: ObjectMemory) -> tuple[list[int], list[int]]:
    """Frames held with features, and frames held with the pointer only."""
    tracked = memory.view.tracked
    with_features = [index for index, kept in tracked.items() if kept.features is not None]
    return sorted(with_features), sorted(set(tracked) - set(with_features))


def forward(memory: ObjectMemory, start: int, stop: int) -> None:
    memory.start(start)
    for index in range(start, stop):
        memory.add(index, frame(), backward=False)


def test_forward_keeps_the_newest_memories_and_more_pointers() -> None:
    memory = ObjectMemory({0: frame()}, 3, 5)
    forward(memory, 1, 21)
    assert held(memory) == ([18, 19, 20], [16, 17])


def test_prompted_frames_stay() -> None:
    memory = ObjectMemory({0: frame(), 500: frame()}, 3, 5)
    forward(memory, 1, 21)
    assert list(memory.view.prompted) == [0, 500]


def test_a_backward_pass_starts_with_the_turn_frames() -> None:
    memory = ObjectMemory({10: frame()}, 3, 5)
    forward(memory, 10, 30)
    memory.turn()
    assert held(memory) == ([10, 11, 12], [13, 14])


def test_backward_keeps_the_mirror_image() -> None:
    memory = ObjectMemory({30: frame()}, 3, 5)
    for index in range(29, 9, -1):
        memory.add(index, frame(), backward=True)
    assert held(memory) == ([10, 11, 12], [13, 14])


def test_the_bank_does_not_grow() -> None:
    memory = ObjectMemory({0: frame()}, 6, 15)
    forward(memory, 1, 50)
    after_50 = memory.encoded_frames
    for index in range(50, 500):
        memory.add(index, frame(), backward=False)
    assert memory.encoded_frames == after_50 == 1 + 15 + 15
