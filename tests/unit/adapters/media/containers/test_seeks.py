"""Videos that browsers play and in which they do not go exactly to a frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from backend.adapters.media.containers.seeks import KeyOrder, has_edit_list
from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache, build_index
from backend.application.imports.model import Reencode, Source, SourceMedia
from tests.fakes.clips import ClipSpec, cut, numbered_frame, write_clip

TIMES = [0, 100, 130, 230, 330, 360, 460, 560]


def write(path: Path, *, muxing: dict[str, str] | None = None, coding: str = "bframes=2", b_frames: int = 2) -> Path:
    """16 frames of H.264. muxing: options of the container. coding: of x264."""
    with av.open(str(path), "w", options=muxing or {}) as container:
        options = {"g": "6", "bf": str(b_frames), "sc_threshold": "0", "x264-params": coding}
        stream = container.add_stream("libx264", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(16):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 30)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(
    ("muxing", "coding", "b_frames", "inexact"),
    [
        ({}, "", 2, ""),
        ({"movflags": "faststart"}, "", 2, ""),
        ({"use_editlist": "0"}, "", 2, "B-frames and no edit list"),
        ({"use_editlist": "0"}, "", 0, ""),
        ({"movflags": "frag_keyframe+empty_moov"}, "", 2, "B-frames and no edit list"),
        ({"movflags": "frag_keyframe+empty_moov"}, "", 0, ""),
        ({"movflags": "frag_keyframe+delay_moov"}, "", 2, ""),
        ({}, "open-gop=1", 2, "open groups of pictures"),
    ],
)
def test_what_an_mp4_has(tmp_path: Path, muxing: dict[str, str], coding: str, b_frames: int, inexact: str) -> None:
    path = write(tmp_path / "a.mp4", muxing=muxing, coding=coding, b_frames=b_frames)
    assert build_index(path).inexact == inexact


@pytest.mark.parametrize(("suffix", "inexact"), [(".mp4", ""), (".webm", "a variable frame rate in WebM/Matroska")])
def test_a_variable_rate_needs_the_durations_that_mp4_has(tmp_path: Path, suffix: str, inexact: str) -> None:
    codec = "libvpx" if suffix == ".webm" else "libx264"
    spec = ClipSpec(frame_count=8, rate=Fraction(1000), times=TIMES, codec=codec, b_frames=0)
    assert build_index(write_clip(tmp_path / f"a{suffix}", spec)).inexact == inexact
    steady = write_clip(tmp_path / f"b{suffix}", ClipSpec(frame_count=8, codec=codec))
    assert build_index(steady).inexact == ""


def test_an_mp4_that_is_cut_short(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", ClipSpec(frame_count=40))
    assert build_index(cut(whole, tmp_path / "a.mp4", keep=0.7)).inexact == "an end that is missing"


def test_an_edit_list_is_that_of_the_video_track(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4")
    assert has_edit_list(path)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"elst", b"free"))
    assert not has_edit_list(path)
    path.write_bytes(content.replace(b"elst", b"free").replace(b"vide", b"soun"))
    assert has_edit_list(path)


@pytest.mark.parametrize("content", [b"", b"\0\0\0\3moov", b"\0\0\0\x20moov\0\0\0\3trak", b"\0\0\0\x08ftyp", b"x" * 40])
def test_an_index_that_cannot_be_read_is_not_called_inexact(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.mp4").write_bytes(content)
    assert has_edit_list(tmp_path / "a.mp4")
    assert has_edit_list(tmp_path / "missing.mp4")


@pytest.mark.parametrize(
    ("packets", "leads_key", "key_is_later"),
    [
        ("0 2 1 3k 5 4", False, False),
        ("0k 3k 1 2", True, False),
        ("0k ?k 1", False, False),
        ("2+k 4 3", False, True),
    ],
)
def test_the_order_of_key_frames(packets: str, *, leads_key: bool, key_is_later: bool) -> None:
    order = KeyOrder()
    for packet in packets.split():
        pts = None if packet[0] == "?" else int(packet[0])
        if packet.endswith("k"):
            order.add_key(pts, pts if pts is None or "+" not in packet else pts - 1)
        order.add(pts)
    assert (order.leads_key, order.key_is_later) == (leads_key, key_is_later)


def imported(root: Path, path: Path, reencode: Reencode, *, as_video: bool) -> SourceMedia:
    records = ImportRecords(root / "r.sqlite", root / "indices")
    indices = IndexCache(root / "indices")
    return DiskLibrary(root / "out", records, indices, reencode=reencode, as_video=as_video).add(Source("a", path))


def test_an_import_reencodes_them_where_tasks_show_videos(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", muxing={"use_editlist": "0"})
    why = "browsers do not show every frame in its place because of B-frames and no edit list"
    pages = imported(tmp_path, path, Reencode.AUTO, as_video=False)
    assert (pages.path, pages.note) == (path, "")
    video = imported(tmp_path, path, Reencode.AUTO, as_video=True)
    assert (video.path.parent, video.frame_count, video.note) == (tmp_path / "out", 16, f"re-encoded: {why}")
    assert build_index(video.path).inexact == ""
    never = imported(tmp_path, path, Reencode.NEVER, as_video=True)
    assert (never.path, never.note) == (path, f"{why}; leave out --reencode never")


def test_an_index_keeps_what_it_found(tmp_path: Path) -> None:
    path = write(tmp_path / "a.mp4", coding="open-gop=1")
    indices = IndexCache(tmp_path / "indices")
    index = build_index(path)
    indices.save("ab", index)  # type: ignore[arg-type]
    stored = indices.load("ab")  # type: ignore[arg-type]
    assert stored is not None
    assert (stored.inexact, np.array_equal(stored.pts, index.pts)) == (index.inexact, True)
