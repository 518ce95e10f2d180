"""Presentation times of a video's frames: exact, in a compact form for VideoInfo."""

from __future__ import annotations

import base64
import binascii
import zlib
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

_TICK = np.dtype("<i8")


@dataclass(frozen=True, slots=True)
class FrameTimes:
    """Presentation times on a player's clock. Time 0 is the file's start; the first frame may start later.

    unit: seconds per tick. ticks: [N] int64, little-endian, ascending, >= 0, as bytes for comparison. end: the tick of
    the end of the last frame or of the file, whichever is later.
    """

    unit: Fraction
    ticks: bytes = field(repr=False)
    end: int

    @classmethod
    def of(cls, ticks: NDArray[np.int64], unit: Fraction, *, end: int) -> FrameTimes:
        """ticks: [N] int64, ascending, >= 0."""
        return cls(unit, ticks.astype(_TICK).tobytes(), end)

    @classmethod
    def steady(cls, frame_rate: Fraction, frame_count: int) -> FrameTimes:
        """The times of a video with a constant frame rate."""
        return cls.of(np.arange(frame_count, dtype=np.int64), 1 / frame_rate, end=frame_count)

    def __len__(self) -> int:
        return len(self.ticks) // _TICK.itemsize

    @property
    def starts(self) -> NDArray[np.int64]:
        """The ticks, [N] int64, read-only."""
        return np.frombuffer(self.ticks, _TICK)

    @property
    def starts_us(self) -> NDArray[np.int64]:
        """The start of each frame, [N] int64, in whole microseconds."""
        return self._microseconds(self.starts)

    @property
    def end_us(self) -> int:
        return int(self._microseconds(np.asarray([self.end], np.int64))[0])

    def seconds(self) -> tuple[float, ...]:
        """The start of each frame, in seconds."""
        return tuple((self.starts * self.unit.numerator / self.unit.denominator).tolist())

    def _microseconds(self, ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        scale = self.unit * 1_000_000  # A reduced fraction: a day in nanoseconds does not overflow.
        return (2 * ticks * scale.numerator + scale.denominator) // (2 * scale.denominator)

    def packed(self) -> str:
        """The times as text: compressed differences, tiny for a constant frame rate."""
        steps = np.diff(self.starts, prepend=0).astype(_TICK)
        body = base64.b64encode(zlib.compress(steps.tobytes(), 1)).decode("ascii")
        return f"{self.unit} {self.end} {body}"

    @classmethod
    def unpacked(cls, text: str) -> FrameTimes:
        """Parse the text of `packed`. Raises ValueError for anything else."""
        try:
            unit, end, body = text.split(" ")
            steps = np.frombuffer(zlib.decompress(base64.b64decode(body, validate=True)), _TICK)
            return cls.of(np.cumsum(steps, dtype=np.int64), Fraction(unit), end=int(end))
        except (zlib.error, binascii.Error, ArithmeticError) as error:
            raise ValueError("the text is not packed frame times") from error
