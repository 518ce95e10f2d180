"""Decoding in child processes: the same frames, and what a file costs that kills its decoder."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.decode import open_video
from backend.adapters.media.decoder_pool import DecoderPool
from backend.adapters.media.index import IndexCache
from backend.adapters.media.pages import open_some_pages
from backend.adapters.media.quarantine import FORGET_S, MAX_TRIES, Quarantine
from backend.domain.errors import MediaError, MediaUnreachable, PromptError
from backend.domain.video import ContentHash, FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, write_clip
from tests.fakes.key_value import MemoryKeyValueStore

HASH = ContentHash("a" * 64)
DIES = (sys.executable, "-S", "-c", "import os, sys; sys.stdin.readline(); os.abort()")
HANGS = (sys.executable, "-S", "-c", "import time; time.sleep(600)")


class Clock:
    def __init__(self) -> None:
        self.wall_s = 1000.0

    def now_s(self) -> float:
        return self.wall_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def quarantine(clock: Clock) -> Quarantine:
    return Quarantine(MemoryKeyValueStore(), clock.now_s)


@pytest.fixture
def pool(quarantine: Quarantine, tmp_path: Path) -> Iterator[DecoderPool]:
    opened = DecoderPool(quarantine, tmp_path / "indices")
    yield opened
    opened.close()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", ClipSpec())


def test_a_reader_that_becomes_garbage_gives_its_child_back_usable(
    pool: DecoderPool, clip: Path, tmp_path: Path
) -> None:
    """As after an error in the middle of a video, whose traceback holds the reader in a cycle."""
    with pool.open_video(clip, HASH, indices=IndexCache(tmp_path / "indices")) as video:
        cycle: list[object] = [video.frames(FrameRange(FrameIndex(0), FrameIndex(9)))]
        first = next(cycle[0])  # type: ignore[call-overload]
        cycle.append(cycle)
        (child,) = pool._lent
        del cycle, child
        gc.collect()
        assert not pool._lent
        assert len(pool._idle) == 1
        assert np.array_equal(video.frame(FrameIndex(0)), first[1])


def test_frames_are_those_of_this_process(pool: DecoderPool, clip: Path, tmp_path: Path) -> None:
    here = open_video(clip, HASH)
    with pool.open_video(clip, HASH, indices=IndexCache(tmp_path / "indices")) as video:
        assert video.info == here.info
        assert list(video.timestamps_s) == list(here.timestamps_s)
        for backward in (False, True):
            frames = FrameRange(FrameIndex(1), FrameIndex(5))
            pairs = zip(video.frames(frames, backward=backward), here.frames(frames, backward=backward), strict=True)
            for (index, frame), (expected_index, expected) in pairs:
                assert index == expected_index
                assert np.array_equal(frame, expected)
        stream = video.frames(FrameRange(FrameIndex(0), FrameIndex(5)))
        next(stream)
        assert np.array_equal(video.frame(FrameIndex(3)), here.frame(FrameIndex(3)))
        assert next(stream)[0] == 1
        with pytest.raises(PromptError):
            video.frame(FrameIndex(10_000))
    here.close()


def test_a_damaged_file_is_named_and_costs_no_decoder(
    pool: DecoderPool, quarantine: Quarantine, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(500))
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        pool.open_video(broken, HASH, indices=IndexCache(tmp_path / "indices"))
    assert quarantine.suspects() == ()


def test_a_page_is_decoded_in_a_child(pool: DecoderPool, tmp_path: Path) -> None:
    path = tmp_path / ("b" * 64)
    Image.new("RGB", (6, 4), (10, 20, 30)).save(path, "PNG")
    with open_some_pages({2: path}, HASH, page_count=3, read=pool.read_page) as video:
        assert video.frame(FrameIndex(2))[0, 0].tolist() == [10, 20, 30]
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(MediaError, match="page 3 is not an image"):
        video.frame(FrameIndex(2))


def test_a_file_that_kills_its_decoder_is_refused_after_three_tries(
    quarantine: Quarantine, clip: Path, tmp_path: Path
) -> None:
    pool = DecoderPool(quarantine, tmp_path, command=DIES)
    indices = IndexCache(tmp_path / "indices")
    for time in range(1, MAX_TRIES):
        with pytest.raises(MediaUnreachable, match=rf"the decoder died of clip\.mp4 \(time {time}\)"):
            pool.open_video(clip, HASH, indices=indices)
    for _ in range(2):
        with pytest.raises(MediaError, match=r"killed the decoder 3 times .* masklet jobs retry --file clip.mp4"):
            pool.open_video(clip, HASH, indices=indices)
    assert len(quarantine.suspects()[0].deaths_s) == MAX_TRIES
    with pytest.raises(MediaUnreachable):
        pool.open_video(clip, ContentHash("b" * 64), indices=indices)


def test_a_refusal_is_lifted_by_a_person(quarantine: Quarantine, clock: Clock) -> None:
    for _ in range(MAX_TRIES):
        quarantine.count_death(HASH, "clip.mp4")
    clock.wall_s += 100 * FORGET_S
    with pytest.raises(MediaError):
        quarantine.require_allowed(HASH, "clip.mp4")
    assert quarantine.lift("bbb") == ()
    assert [one.name for one in quarantine.lift("clip.mp4")] == ["clip.mp4"]
    quarantine.require_allowed(HASH, "clip.mp4")


def test_old_deaths_do_not_add_up(quarantine: Quarantine, clock: Clock) -> None:
    for _ in range(2 * MAX_TRIES):
        quarantine.count_death(HASH, "clip.mp4")
        if quarantine.suspects()[0].is_refused:
            raise AssertionError("refused for deaths of different days")
        clock.wall_s += FORGET_S


def test_a_decoder_that_hangs_is_killed(quarantine: Quarantine, clip: Path, tmp_path: Path) -> None:
    pool = DecoderPool(quarantine, tmp_path, command=HANGS, index_s=0.05)
    with pytest.raises(MediaUnreachable, match="it did not answer in time"):
        pool.open_video(clip, HASH, indices=IndexCache(tmp_path / "indices"))


def test_a_task_with_a_video_that_no_browser_plays_is_refused(quarantine: Quarantine, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", ClipSpec(codec="mjpeg", pixels="yuvj420p", frame_count=3))
    pool = DecoderPool(quarantine, tmp_path / "indices")
    with pytest.raises(MediaError, match=r"a\.avi is AVI with mjpeg, which not every browser plays; make a copy"):
        pool.open_video(clip, HASH, indices=IndexCache(tmp_path / "indices"))
    pool.close()
