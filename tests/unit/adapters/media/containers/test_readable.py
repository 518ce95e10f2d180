"""Containers of laboratories and cameras: every frame once and in order, from any side, in linear time."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest
from av.video.frame import VideoFrame

from backend.adapters.media import cursor
from backend.adapters.media.cache import file_hash
from backend.adapters.media.containers.browsers import NAMES
from backend.adapters.media.decode import FileVideo, open_video
from backend.adapters.media.index import IndexCache
from backend.adapters.media.packets import decoded_frames
from backend.adapters.media.probe import REMEDY
from backend.domain.errors import MediaError
from backend.domain.video import ContentHash, FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, break_packets, cut, number_of, write_clip

HASH = ContentHash("ab" * 32)
COUNT = 40

FILES = {
    "mjpeg.avi": ClipSpec(codec="mjpeg", pixels="yuvj422p"),
    "raw.avi": ClipSpec(codec="rawvideo", pixels="bgr24"),
    "grey.avi": ClipSpec(codec="rawvideo", pixels="gray"),
    "huffyuv.avi": ClipSpec(codec="huffyuv", pixels="yuv422p"),
    "mpeg4.avi": ClipSpec(codec="mpeg4", b_frames=2),
    "h264.avi": ClipSpec(b_frames=2),
    "h264.ts": ClipSpec(b_frames=2),
    "hevc.ts": ClipSpec(codec="libx265"),
    "mpeg2.m2ts": ClipSpec(codec="mpeg2video", b_frames=2),
    "mpeg2.mpg": ClipSpec(codec="mpeg2video", b_frames=2),
    "a.wmv": ClipSpec(codec="wmv2"),
    "a.ogg": ClipSpec(codec="libvpx"),
    "a.flv": ClipSpec(codec="flv"),
    "h264.flv": ClipSpec(b_frames=2),
    "ffv1.mkv": ClipSpec(codec="ffv1"),
    "prores.mov": ClipSpec(codec="prores_ks", pixels="yuv422p10le"),
}


def numbers_of(video: FileVideo, *, backward: bool = False) -> list[int]:
    whole = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
    return [number_of(frame) for _, frame in video.frames(whole, backward=backward)]


@pytest.mark.parametrize("name", FILES)
def test_every_frame_has_its_number(tmp_path: Path, name: str) -> None:
    clip = write_clip(tmp_path / name, FILES[name])
    decoded = 0

    def counted(*arguments: object, by_dts: bool) -> Iterator[VideoFrame]:
        nonlocal decoded
        for frame in decoded_frames(*arguments, by_dts=by_dts):  # type: ignore[arg-type]
            decoded += 1
            yield frame

    with open_video(clip, HASH) as video:
        assert video.info.frame_count == COUNT
        assert not video.info.truncated
        assert video.info.variable_rate is False
        assert float(video.info.frame_rate) == pytest.approx(30, rel=1e-3)
        assert video.timestamps_s == pytest.approx([index / 30 for index in range(COUNT)], abs=1e-3)
        assert numbers_of(video) == list(range(COUNT))
        with patch.object(cursor, "decoded_frames", counted):
            assert numbers_of(video, backward=True) == list(range(COUNT))[::-1]
        order = random.Random(7).sample(range(COUNT), COUNT)
        assert [number_of(video.frame(FrameIndex(index))) for index in order] == order
        assert not any(video.is_undecodable(index) for index in range(COUNT))
    # Each group of pictures is decoded from its key frame; a seek that lands before it costs a group.
    assert decoded <= 4 * COUNT


def test_an_index_that_was_decoded_is_kept(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", FILES["h264.avi"])
    indices = IndexCache(tmp_path / "indices")
    with open_video(clip, HASH, indices=indices) as first:
        seen = numbers_of(first)
    with (
        patch("backend.adapters.media.decode.build_index", side_effect=AssertionError),
        open_video(clip, HASH, indices=indices) as again,
    ):
        assert numbers_of(again) == seen == list(range(COUNT))


def test_a_broken_frame_of_an_avi_keeps_its_number(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.avi", ClipSpec(codec="mpeg4", b_frames=0, group=10))
    break_packets(clip, 13)
    with open_video(clip, HASH) as video:
        seen = numbers_of(video)
        assert len(seen) == COUNT
        assert seen[:13] == list(range(13))
        assert seen[13] == 12
        assert seen[20:] == list(range(20, COUNT))
        assert video.is_undecodable(13)


def test_an_avi_that_was_cut_short_ends_early(tmp_path: Path) -> None:
    clip = cut(write_clip(tmp_path / "whole.avi", FILES["h264.avi"]), tmp_path / "a.avi", keep=0.8)
    with open_video(clip, HASH) as video:
        assert video.info.truncated
        assert 8 < video.info.frame_count < COUNT
        assert numbers_of(video) == list(range(video.info.frame_count))


def test_frames_without_a_container_are_refused_with_a_remedy(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "a.h264")
    with pytest.raises(MediaError) as refused:
        open_video(clip, HASH)
    assert str(refused.value) == f"a.h264 does not say in which order its frames are shown; {REMEDY}"


@pytest.mark.parametrize("name", ["mjpeg.avi", "h264.ts", "a.wmv", "a.ogg"])
def test_a_task_with_a_video_that_no_browser_plays_is_refused(tmp_path: Path, name: str) -> None:
    clip = write_clip(tmp_path / name, FILES[name])
    with pytest.raises(MediaError, match=rf"^{name} is .* with \w+, which not every browser plays; make a copy"):
        open_video(clip, file_hash(clip), for_page=True)


def test_the_readable_containers_are_named() -> None:
    assert {"AVI", "MPEG-TS", "WMV/ASF", "Ogg"} <= set(NAMES.values())
