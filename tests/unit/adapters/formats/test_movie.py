"""Films: odd sides, times of their own, no frames at all, and a disk that fills up in the middle."""

from __future__ import annotations

import errno
import io
import os
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
import pytest

from backend.adapters.formats.movie import VideoFile
from backend.adapters.formats.shared.target import target_folder
from backend.domain.errors import ServiceUnavailable
from backend.domain.geometry import FrameSize

RATE = Fraction(25)


class SmallFile(io.FileIO):
    """A file on a disk that has room for so many bytes."""

    room = 4000

    def write(self, body: object) -> int:
        if self.tell() + len(bytes(body)) > self.room:  # type: ignore[call-overload]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(body)  # type: ignore[arg-type]


def small_file(path: Path) -> BinaryIO:
    return cast(BinaryIO, SmallFile(path, "x+"))


def test_odd_sides_grow_by_a_pixel_and_frames_keep_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 1.0, 1.001]
    with target_folder(tmp_path / "out") as target, VideoFile(target, "a.mp4", FrameSize(33, 21), RATE) as movie:
        for time in times:
            movie.add(np.full((21, 33, 3), 200, np.uint8), time)
    with av.open(str(tmp_path / "out/a.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(34, 22)] * 4
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)


def test_a_film_without_frames_is_no_file(tmp_path: Path) -> None:
    with target_folder(tmp_path / "out") as target, VideoFile(target, "a.mp4", FrameSize(32, 32), RATE):
        pass
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_that_fills_up_in_the_middle_of_a_film_names_it_and_leaves_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)

    def film() -> None:
        with (
            target_folder(tmp_path / "out", opener=small_file) as target,
            VideoFile(target, "a.mp4", FrameSize(64, 64), RATE) as movie,
        ):
            for index in range(200):
                movie.add(noise.integers(0, 256, (64, 64, 3), np.uint8), index / 25)

    with pytest.raises(ServiceUnavailable, match=r"a\.mp4 cannot be written: No space left on device"):
        film()
    assert list(tmp_path.iterdir()) == []
