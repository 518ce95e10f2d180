"""Damage in the middle of a video: numbers do not shift, a broken frame shows the picture before it, time is linear."""

from __future__ import annotations

import io
from pathlib import Path
from unittest.mock import patch

import av
import pytest

from backend.adapters.media import cursor as module
from backend.adapters.media.cache import file_hash
from backend.adapters.media.decode import FileVideo, open_video
from backend.adapters.media.decoder_pool import FRAME, HELD, DecoderPool
from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.packets import decoded_frames
from backend.adapters.media.quarantine import Quarantine
from backend.adapters.media.reencode import reencode
from backend.application.imports.model import Reencode, Source
from backend.application.worker.frame_subset import FrameSubset
from backend.domain.video import ContentHash, FrameIndex, FrameRange
from backend.interfaces.decoder_process import Decoder, serve
from tests.fakes.clips import ClipSpec, break_packets, number_of, write_clip
from tests.fakes.key_value import MemoryKeyValueStore

HASH = ContentHash("ab" * 32)
SPEC = ClipSpec(frame_count=30, b_frames=0, group=10)
BROKEN = (13, 19, 25)
"""A frame in a group of pictures, the last one of it, and a frame in the next one."""


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return break_packets(write_clip(tmp_path / "a.mp4", SPEC), *BROKEN)


def numbers_of(video: FileVideo, *, backward: bool = False) -> dict[int, int]:
    whole = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
    return {int(index): number_of(frame) for index, frame in video.frames(whole, backward=backward)}


def undecodable(video: FileVideo) -> tuple[int, ...]:
    return tuple(index for index in range(video.info.frame_count) if video.is_undecodable(index))


@pytest.mark.parametrize("backward", [False, True])
def test_a_broken_frame_shows_the_picture_before_it(clip: Path, *, backward: bool) -> None:
    with open_video(clip, HASH) as video:
        assert video.info.frame_count == 30
        assert not video.info.truncated
        seen = numbers_of(video, backward=backward)
        assert [seen[index] for index in (*range(13), *range(20, 25))] == [*range(13), *range(20, 25)]
        assert [seen[index] for index in BROKEN] == [seen[index - 1] for index in BROKEN]
        assert undecodable(video) == BROKEN


@pytest.mark.parametrize("backward", [False, True])
def test_after_a_broken_key_frame_nothing_is_guessed(tmp_path: Path, *, backward: bool) -> None:
    clip = break_packets(write_clip(tmp_path / "a.mp4", SPEC), 10)
    with open_video(clip, HASH) as video:
        seen = numbers_of(video, backward=backward)
        held = undecodable(video)
        assert 10 in held
        assert {seen[index] for index in held} == {9}
        assert [seen[index] for index in range(20, 30)] == list(range(20, 30))


@pytest.mark.parametrize("codec", ["libvpx-vp9", "libsvtav1", "libvpx"])
def test_after_a_lost_frame_of_a_codec_without_a_check_nothing_is_guessed(tmp_path: Path, codec: str) -> None:
    name = "a.avi" if codec == "libvpx" else "a.mp4"
    clip = write_clip(tmp_path / name, ClipSpec(codec=codec, frame_count=30, b_frames=0, group=10))
    with open_video(break_packets(clip, 13), HASH) as video:
        seen = numbers_of(video)
        held = undecodable(video)
    assert [seen[index] for index in (*range(13), *range(20, 30))] == [*range(13), *range(20, 30)]
    assert 13 in held
    assert set(held) <= set(range(11, 20))
    assert all(seen[index] == index for index in range(30) if index not in held)
    copy = reencode(clip, tmp_path / "out")
    assert copy.undecodable == held


def test_frames_in_any_order_are_the_same(clip: Path) -> None:
    with open_video(clip, HASH) as video:
        seen = numbers_of(video)
        order = [20, 25, 13, 19, 5, 21, 29, 0, 14]
        assert [number_of(video.frame(FrameIndex(index))) for index in order] == [seen[index] for index in order]
    for index in BROKEN:
        with open_video(clip, HASH) as video:
            assert number_of(video.frame(FrameIndex(index))) == seen[index - 1]
            assert undecodable(video) == (index,)


def test_a_long_damaged_part_is_decoded_once_in_a_pass(tmp_path: Path) -> None:
    clip = break_packets(
        write_clip(tmp_path / "a.mp4", ClipSpec(frame_count=120, b_frames=0, group=4)), *range(40, 110)
    )
    decoded = 0

    def counted(*arguments: object, by_dts: bool) -> object:
        nonlocal decoded
        for frame in decoded_frames(*arguments, by_dts=by_dts):  # type: ignore[arg-type]
            decoded += 1
            yield frame

    with patch.object(module, "decoded_frames", counted), open_video(clip, HASH) as video:
        seen = numbers_of(video)
    assert [seen[index] for index in (39, 40, 75, 111, 119)][:3] == [39, 39, 39]
    assert seen[119] == 119
    assert len(seen) == 120
    assert decoded <= 60


def test_what_does_not_decode_is_known_to_the_next_process(clip: Path, tmp_path: Path) -> None:
    indices = IndexCache(tmp_path / "indices")
    with open_video(clip, HASH, indices=indices) as video:
        numbers_of(video)
    with open_video(clip, HASH, indices=indices) as again:
        assert undecodable(again) == BROKEN
        subset = FrameSubset(again, [FrameIndex(12), FrameIndex(13), FrameIndex(25)])
        assert [subset.is_undecodable(position) for position in range(3)] == [False, True, True]
    assert ImportRecords(tmp_path / "r.sqlite", tmp_path / "indices").undecodable(HASH[:32]) == BROKEN
    assert ImportRecords(tmp_path / "r.sqlite", tmp_path / "indices").undecodable("cd" * 16) == ()


def test_a_decoder_process_marks_the_frame(clip: Path, tmp_path: Path) -> None:
    ask = f'{{"ask": "frame", "path": "{clip}", "hash": "{HASH}", "index": %d}}\n'
    stream = f'{{"ask": "stream", "path": "{clip}", "hash": "{HASH}", "start": 12, "stop": 14, "backward": false}}\n'
    questions = (ask % 13 + ask % 5 + stream + '{"ask": "next"}\n' * 3).encode()
    replies: list[tuple[bytes, int]] = []

    def write(answers: object, reply: tuple[bytes, int, object]) -> None:
        replies.append(reply[:2])

    with patch("backend.interfaces.decoder_process._write", write):
        serve(Decoder(IndexCache(tmp_path / "indices")), io.BytesIO(questions), io.BytesIO())
    assert replies == [(HELD, 13), (FRAME, 5), (b"B", 0), (FRAME, 12), (HELD, 13), (b"S", 0)]


def test_a_worker_knows_what_its_decoder_marked(clip: Path, tmp_path: Path) -> None:
    pool = DecoderPool(Quarantine(MemoryKeyValueStore(), lambda: 0.0), tmp_path / "indices")
    video = pool.open_video(clip, HASH, indices=IndexCache(tmp_path / "indices"))
    assert not video.is_undecodable(13)
    assert number_of(video.frame(FrameIndex(13))) == 12
    assert video.is_undecodable(13)
    for _ in video.frames(FrameRange(FrameIndex(18), FrameIndex(22))):
        pass
    assert [video.is_undecodable(index) for index in (18, 19, 20, 21)] == [False, True, False, False]
    pool.close()


def test_a_copy_has_every_number_and_names_the_broken_ones(clip: Path, tmp_path: Path) -> None:
    copy = reencode(clip, tmp_path / "out")
    assert (copy.frame_count, copy.undecodable) == (30, BROKEN)
    with open_video(clip, HASH) as before, open_video(copy.path, file_hash(copy.path)) as after:
        assert numbers_of(after) == numbers_of(before)
    assert reencode(clip, tmp_path / "out") == copy


def test_an_imported_copy_is_marked_as_its_original(clip: Path, tmp_path: Path) -> None:
    records = ImportRecords(tmp_path / "r.sqlite", tmp_path / "indices")
    library = DiskLibrary(tmp_path / "out", records, IndexCache(tmp_path / "indices"), reencode=Reencode.ALWAYS)
    medium = library.add(Source("a.mp4", clip))
    assert records.undecodable(medium.media_id) == BROKEN


def test_a_broken_frame_at_the_end_keeps_its_number(tmp_path: Path) -> None:
    clip = break_packets(write_clip(tmp_path / "a.mp4", SPEC), 29)
    with open_video(clip, HASH) as video:
        assert numbers_of(video)[28] == 28
        assert numbers_of(video)[29] == 28
        assert undecodable(video) == (29,)
    with av.open(str(reencode(clip, tmp_path / "out").path)) as container:
        assert container.streams.video[0].frames == 30
