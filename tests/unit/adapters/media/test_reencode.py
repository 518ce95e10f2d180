"""Re-encoded videos: every frame once, in order, at a constant rate."""

from __future__ import annotations

import errno
import json
import os
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from backend.adapters.media import reencode as module
from backend.adapters.media.cache import file_hash
from backend.adapters.media.decode import open_video
from backend.adapters.media.mask_cleanup import clean_mask
from backend.adapters.media.reencode import reencode
from backend.domain.errors import MediaError
from backend.domain.video import FrameIndex
from tests.fakes.clips import ClipSpec, number_of, numbered_frame, write_clip


def test_variable_rate_keeps_frames_and_their_times(tmp_path: Path) -> None:
    times = (0, 1, 5, 6, 7, 20, 21)
    path = write_clip(tmp_path / "in.mp4", ClipSpec(frame_count=7, times=times))
    made = reencode(path, tmp_path / "out")
    with open_video(made.path, file_hash(made.path)) as video:
        assert video.info.frame_count == 7
        assert not video.info.variable_rate
        assert [number_of(video.frame(FrameIndex(i))) for i in range(7)] == list(range(7))
    written = json.loads(made.frame_map.read_text())
    assert written["source"] == "in.mp4"
    assert written["sha256"] == file_hash(path)
    assert written["times_s"] == pytest.approx([t / 30 for t in times], abs=1e-3)


def test_a_codec_that_browsers_lack_and_odd_sides_are_reencoded(tmp_path: Path) -> None:
    path = tmp_path / "in.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=10)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = 65, 47, "yuv444p"
        for number in range(4):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, width=65, height=47), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    made = reencode(path, tmp_path / "out")
    with av.open(str(made.path)) as container:
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt, codec.width, codec.height) == ("h264", "yuv420p", 66, 48)
    with open_video(made.path, file_hash(made.path)) as video:
        assert [number_of(video.frame(FrameIndex(i))) for i in range(4)] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("size", "codec", "pixels"),
    [
        ((1, 1), "rawvideo", "bgr24"),
        ((3, 5), "rawvideo", "gray"),
        ((641, 2), "rawvideo", "bgr24"),
        ((65, 47), "mjpeg", "yuvj420p"),
        ((64, 47), "ffv1", "yuv420p"),
    ],
)
def test_any_odd_size_is_reencoded(tmp_path: Path, size: tuple[int, int], codec: str, pixels: str) -> None:
    width, height = size
    path = write_clip(
        tmp_path / "in.avi", ClipSpec(frame_count=3, codec=codec, pixels=pixels, width=width, height=height)
    )
    made = reencode(path, tmp_path / "out")
    with open_video(path, file_hash(path)) as before, open_video(made.path, file_hash(made.path)) as after:
        assert (before.info.size.width, before.info.size.height) == size
        assert (after.info.size.width, after.info.size.height) == (width + width % 2, height + height % 2)
        assert before.info.frame_count == after.info.frame_count == 3


def test_a_latin_1_title_or_handler_name_does_not_cost_the_copy(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", ClipSpec(frame_count=3))
    content = path.read_bytes()
    for written, foreign in ((b"Lavf", b"caf\xe9"), (b"VideoHandler", b"Vid\xe9oHandler")):
        assert content.count(written) == 1
        path.write_bytes(content.replace(written, foreign))
        assert reencode(path, tmp_path / "out").frame_count == 3
        assert open_video(path, file_hash(path)).info.frame_count == 3


def test_it_is_made_once(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "in.mp4", ClipSpec(frame_count=3))
    first = reencode(path, tmp_path / "out")
    stamp = first.path.stat().st_mtime_ns
    assert reencode(path, tmp_path / "out") == first
    assert first.path.stat().st_mtime_ns == stamp
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [".json", ".mp4"]


@pytest.mark.parametrize("content", [b"#EXTM3U\n#EXTINF:1,\nhttp://host/a.ts\n", b"", bytes(500)])
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(MediaError, match="^a.mp4 "):
        reencode(tmp_path / "a.mp4", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_clip(tmp_path / "in.mp4", ClipSpec(frame_count=3))

    def full(path: Path, body: bytes, *, synced: bool) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(module, "write_atomically", full)
    with pytest.raises(MediaError, match="in.mp4 cannot be re-encoded: no space is left in .*; free some"):
        reencode(path, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_specks_are_removed_and_small_holes_filled() -> None:
    mask = np.zeros((20, 20), np.bool_)
    mask[2:14, 2:14] = True
    mask[6:8, 6:8] = False
    mask[18, 18] = True
    whole = np.zeros((20, 20), np.bool_)
    whole[2:14, 2:14] = True
    assert np.array_equal(clean_mask(mask), whole)
    assert not clean_mask(np.zeros((4, 4), np.bool_)).any()
    assert clean_mask(np.ones((4, 4), np.bool_)).all()
