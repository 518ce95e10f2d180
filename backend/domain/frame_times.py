"""When each frame of a video is shown: exact, small enough to travel with what else is known of the video."""

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
    """Presentation times on a player's clock: its 0 is the file's start, which the first frame may come after.

    unit: seconds a tick. ticks: [N] int64, little-endian, ascending, from 0 up, as bytes so that two can be compared.
    end: the tick at which the last frame ends, or the file, if it goes on for longer.
    """

    unit: Fraction
    ticks: bytes = field(repr=False)
    end: int

    @classmethod
    def of(cls, ticks: NDArray[np.int64], unit: Fraction, *, end: int) -> FrameTimes:
        """ticks: [N] int64, ascending, from 0 up."""
        return cls(unit, ticks.astype(_TICK).tobytes(), end)

    @classmethod
    def steady(cls, frame_rate: Fraction, frame_count: int) -> FrameTimes:
        """Of a video whose frames all last as long."""
        return cls.of(np.arange(frame_count, dtype=np.int64), 1 / frame_rate, end=frame_count)

    def __len__(self) -> int:
        return len(self.ticks) // _TICK.itemsize

    @property
    def starts(self) -> NDArray[np.int64]:
        """[N] int64: the ticks, not to be written to."""
        return np.frombuffer(self.ticks, _TICK)

    @property
    def starts_us(self) -> NDArray[np.int64]:
        """[N] int64: when each frame is shown, in whole microseconds."""
        return self._microseconds(self.starts)

    @property
    def end_us(self) -> int:
        return int(self._microseconds(np.asarray([self.end], np.int64))[0])

    def seconds(self) -> tuple[float, ...]:
        """When each frame is shown."""
        return tuple((self.starts * self.unit.numerator / self.unit.denominator).tolist())

    def _microseconds(self, ticks: NDArray[np.int64]) -> NDArray[np.int64]:
        scale = self.unit * 1_000_000  # reduced, so that even nanoseconds of a day do not overflow
        return (2 * ticks * scale.numerator + scale.denominator) // (2 * scale.denominator)

    def packed(self) -> str:
        """As text to keep: steps between frames compress to next to nothing where they repeat."""
        steps = np.diff(self.starts, prepend=0).astype(_TICK)
        body = base64.b64encode(zlib.compress(steps.tobytes(), 1)).decode("ascii")
        return f"{self.unit} {self.end} {body}"

    @classmethod
    def unpacked(cls, text: str) -> FrameTimes:
        """What `packed` wrote. Raises ValueError for anything else."""
        try:
            unit, end, body = text.split(" ")
            steps = np.frombuffer(zlib.decompress(base64.b64decode(body, validate=True)), _TICK)
            return cls.of(np.cumsum(steps, dtype=np.int64), Fraction(unit), end=int(end))
        except (zlib.error, binascii.Error, ArithmeticError) as error:
            raise ValueError("these are no frame times") from error
