"""The position of each mask of a video in its files: 40 bytes per mask, to read masks frame by frame."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Located:
    """object_index: the object's position in its source. start, length: the bytes that hold the mask's record."""

    object_index: int
    file_index: int
    start: int
    length: int


class OffsetIndex:
    def __init__(self) -> None:
        self._frames = array("q")
        self._objects = array("q")
        self._files = array("q")
        self._starts = array("q")
        self._lengths = array("q")

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame_index: int, located: Located) -> None:
        self._frames.append(frame_index)
        self._objects.append(located.object_index)
        self._files.append(located.file_index)
        self._starts.append(located.start)
        self._lengths.append(located.length)

    def by_frame(self) -> Iterator[tuple[int, list[Located]]]:
        """Each frame once, ascending, with its masks in the order of the objects. Of duplicates, the last."""
        frames, objects = np.frombuffer(self._frames, np.int64), np.frombuffer(self._objects, np.int64)
        order = np.lexsort((np.arange(len(frames)), objects, frames))
        current, found = -1, dict[int, Located]()
        for position in order.tolist():
            if self._frames[position] != current and found:
                yield current, list(found.values())
                found = {}
            current = self._frames[position]
            index = self._objects[position]
            found[index] = Located(index, self._files[position], self._starts[position], self._lengths[position])
        if found:
            yield current, list(found.values())
