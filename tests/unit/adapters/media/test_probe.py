"""Files that are not usable videos: each is refused with the reason."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from backend.adapters.media.index import build_index
from backend.domain.errors import MediaError
from tests.fakes.clips import ClipSpec, cut, write_clip, write_tone

TEXTS = {
    b"": r"is empty \(0 bytes\)",
    b"<!DOCTYPE html><html><body>Log in</body></html>": "is an HTML page",
    b"\n  <html lang=en>": "is an HTML page",
    b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n": "is an HLS playlist",
    b"ffconcat version 1.0\nfile /etc/passwd\n": "is a concat list",
    b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n": "is an SDP description",
    b'{"detail": "not found"}': "is a JSON document",
    b'<?xml version="1.0"?><MPD/>': "is an XML document",
    b'["/etc/passwd"]': "is a list of files",
    b"\x00\x01\x02 any other bytes": r"cannot be opened as a video .*; Masklet reads MP4/MOV, WebM/Matroska, AVI, ",
}


@pytest.mark.parametrize("content", TEXTS)
def test_a_file_that_is_no_video_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=rf"^clip\.mp4 {TEXTS[content]}"):
        build_index(path)


def test_a_playlist_behind_an_mp4_box_reaches_no_other_file(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(struct.pack(">I4s", 8, b"free") + b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n")
    with pytest.raises(MediaError, match="has no index"):
        build_index(path)


def test_an_mp4_without_its_index(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4", ClipSpec(faststart=False))
    with pytest.raises(MediaError, match=r"has no index .* cut short"):
        build_index(cut(whole, tmp_path / "b.mp4", keep=0.6))


def test_sound_only(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds sound only"):
        build_index(write_tone(tmp_path / "a.mp4"))


def test_no_frames_at_all(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "a.mp4")
    start = whole.read_bytes().index(b"mdat") + 4
    path = tmp_path / "b.mp4"
    path.write_bytes(whole.read_bytes()[:start])
    with pytest.raises(MediaError, match="has no frame"):
        build_index(path)


def test_frames_that_do_not_decode_are_refused(tmp_path: Path) -> None:
    content = bytearray(write_clip(tmp_path / "a.mp4").read_bytes())
    start = content.index(b"mdat") + 4
    content[start:] = b"\xff" * (len(content) - start)
    path = tmp_path / "b.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=r"b\.mp4 "):
        build_index(path)


def test_absurd_dimensions(tmp_path: Path) -> None:
    content = bytearray(write_clip(tmp_path / "a.webm", ClipSpec(codec="libvpx-vp9", frame_count=3)).read_bytes())
    # PixelWidth (0xB0) and PixelHeight (0xBA), two bytes each, of the track header.
    at = content.index(b"\xb0\x81\x40")
    assert content[at + 3 : at + 6] == b"\xba\x81\x30"
    content[at : at + 6] = b"\xb0\x81\xff\xba\x81\xff"
    path = tmp_path / "b.webm"
    path.write_bytes(content)
    # The header has a wrong size; the frames keep theirs.
    index = build_index(path)
    assert (index.width, index.height) == (64, 48)


def test_too_large_a_frame_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.adapters.media.probe.MAX_SIDE_PX", 63)
    with pytest.raises(MediaError, match="claims frames of 64x48 pixels; the limit is 63 a side"):
        build_index(write_clip(tmp_path / "a.mp4", ClipSpec(frame_count=3)))


def test_a_codec_outside_the_list_is_refused(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", ClipSpec(codec="snow", frame_count=3))
    with pytest.raises(MediaError, match=r"a\.mkv is coded as 'snow', which Masklet does not read"):
        build_index(path)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="cannot be read: No such file"):
        build_index(tmp_path / "gone.mp4")
