"""Shot cuts: a mask does not reach across a cut.

Owns the comparison of adjacent frames: colour histograms of the four quarters, over a few thousand pixels. Does not own
decoding. A flash is not a cut: soon after it, the frame looks as before. On trial clips without flashes, adjacent
frames differ by at most 0.18 (range 0..1); frames of different clips differ by 0.95 (median), and 95 % of those pairs
by more than 0.25.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.domain.geometry import RgbFrame

CUT = 0.5
"""Smallest difference of adjacent frames of different shots, unless it is a flash."""

SAME = 0.3
"""Frames with a smaller difference belong to one shot."""

FLASH = 8
"""Longest flash, in frames."""

_PIXELS = 4096
_LEVELS = 4
"""Histogram levels per colour channel."""

Signature = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _PossibleFlash:
    """A cut that may be a flash. frame: the first frame of the later shot; since, before: the last frame's index and
    signature before the change, in the order of the pass.
    """

    frame: int
    since: int
    before: Signature


@dataclass(slots=True)
class CutDetector:
    """Finds cuts in frames of ascending or descending index.

    cuts: first frames of shots. looked: frames that were compared with the frame before them in time.
    """

    cuts: set[int] = field(default_factory=set)
    frames_read: set[int] = field(default_factory=set)
    _last: tuple[int, Signature] | None = None
    _possible_flashes: list[_PossibleFlash] = field(default_factory=list)

    def add(self, frame_index: int, picture: RgbFrame) -> None:
        """Compare a frame with the last one; no comparison if the two are not adjacent. picture: [H, W, 3] uint8."""
        now = signature(picture)
        last, self._last = self._last, (frame_index, now)
        if last is None or abs(frame_index - last[0]) != 1:
            self._possible_flashes.clear()
            return
        later = max(frame_index, last[0])
        self.frames_read.add(later)
        self.cuts.discard(later)
        if difference(last[1], now) >= CUT:
            self.cuts.add(later)
            self._possible_flashes.append(_PossibleFlash(later, last[0], last[1]))
        self._possible_flashes = [
            flash for flash in self._possible_flashes if abs(frame_index - flash.since) <= FLASH + 1
        ]
        for position, flash in enumerate(self._possible_flashes):
            if flash.since != last[0] and difference(flash.before, now) < SAME:
                self.cuts.difference_update(flash.frame for flash in self._possible_flashes[position:])
                del self._possible_flashes[position:]
                break


def signature(picture: RgbFrame) -> Signature:
    """Colour histograms of a frame's quarters, [4, 64]; each row sums to 1."""
    height, width = picture.shape[:2]
    step = max(int((height * width / _PIXELS) ** 0.5), 1)
    levels = (picture[::step, ::step] // (256 // _LEVELS)).astype(np.int64)
    colours = (levels[..., 0] * _LEVELS + levels[..., 1]) * _LEVELS + levels[..., 2]
    quarters = [part for half in np.array_split(colours, 2) for part in np.array_split(half, 2, axis=1)]
    return np.stack([np.bincount(part.ravel(), minlength=_LEVELS**3) / max(part.size, 1) for part in quarters])


def difference(first: Signature, second: Signature) -> float:
    """The difference of two signatures, 0..1: 0 for equal histograms, 1 for disjoint ones."""
    return float(np.abs(first - second).sum(axis=1).mean() / 2)


def shots_of(frames: NDArray[np.int64], cuts: Sequence[int]) -> NDArray[np.int64]:
    """The 0-based shot number of each frame. frames: [N]. cuts: first frames of shots, ascending."""
    numbers: NDArray[np.int64] = np.searchsorted(np.asarray(cuts, np.int64), frames, side="right")
    return numbers
