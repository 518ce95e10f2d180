"""Video files: odd sides, the times of frames, no frames, and a disk that is full after some frames."""

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
    """A file on a disk with room for `free_bytes` bytes."""

    free_bytes = 4000

    def write(self, body: object) -> int:
        if self.tell() + len(bytes(body)) > self.free_bytes:  # type: ignore[call-overload]
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(body)  # type: ignore[arg-type]


def small_file(path: Path) -> BinaryIO:
    return cast(BinaryIO, SmallFile(path, "x+"))


def test_odd_sides_grow_by_a_pixel_and_frames_keep_their_times(tmp_path: Path) -> None:
    times = [0.0, 0.04, 1.0, 1.001]
    with target_folder(tmp_path / "out") as target, VideoFile(target, "a.mp4", FrameSize(33, 21), RATE) as video_file:
        for time in times:
            video_file.add(np.full((21, 33, 3), 200, np.uint8), time)
    with av.open(str(tmp_path / "out/a.mp4")) as container:
        frames = list(container.decode(video=0))
    assert [(frame.width, frame.height) for frame in frames] == [(34, 22)] * 4
    assert [frame.time for frame in frames] == pytest.approx(times, abs=1e-3)


def test_without_frames_there_is_no_file(tmp_path: Path) -> None:
    with target_folder(tmp_path / "out") as target, VideoFile(target, "a.mp4", FrameSize(32, 32), RATE):
        pass
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_names_the_video_and_leaves_nothing(tmp_path: Path) -> None:
    noise = np.random.default_rng(1)

    def write() -> None:
        with (
            target_folder(tmp_path / "out", opener=small_file) as target,
            VideoFile(target, "a.mp4", FrameSize(64, 64), RATE) as video_file,
        ):
            for index in range(200):
                video_file.add(noise.integers(0, 256, (64, 64, 3), np.uint8), index / 25)

    with pytest.raises(ServiceUnavailable, match=r"a\.mp4 cannot be written: No space left on device"):
        write()
    assert list(tmp_path.iterdir()) == []
