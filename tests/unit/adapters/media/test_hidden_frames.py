"""A packet is not a frame: VP8 and VP9 have packets without a frame to show."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from backend.adapters.media.cache import file_hash
from backend.adapters.media.containers.shown import is_shown
from backend.adapters.media.decode import open_video
from backend.adapters.media.reencode import reencode
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, number_of, write_clip

HIDDEN = (5, 16, 29)
SHOWN = [number for number in range(30) if number not in HIDDEN]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """VP8 of 30 frames. The flag "show" is taken from some, as encoders do for alternate reference frames."""
    path = write_clip(tmp_path / "a.webm", ClipSpec(codec="libvpx", frame_count=30, group=12))
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    content = path.read_bytes()
    for number in HIDDEN:
        packet = packets[number]
        assert content.count(packet) == 1
        content = content.replace(packet, bytes([packet[0] & ~0x10]) + packet[1:])
    path.write_bytes(content)
    return path


def test_only_shown_frames_have_numbers(clip: Path, tmp_path: Path) -> None:
    copy = reencode(clip, tmp_path / "out")
    assert copy.undecodable == ()
    for path in (clip, copy.path):
        with open_video(path, file_hash(path)) as video:
            whole = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
            assert [number_of(frame) for _, frame in video.frames(whole)] == SHOWN
            assert [number_of(frame) for _, frame in video.frames(whole, backward=True)] == SHOWN[::-1]
            assert not any(video.is_undecodable(index) for index in range(len(SHOWN)))


@pytest.mark.parametrize(
    ("codec", "packet", "shown"),
    [
        ("vp8", b"\x10\x00", True),
        ("vp8", b"\x01\x00", False),
        ("vp9", b"\x82\x00", True),  # a key frame
        ("vp9", b"\x86\x00", True),
        ("vp9", b"\x84\x00", False),
        ("vp9", b"\x88\x00", True),  # a hidden frame of before is shown
        ("vp9", b"\x84\x00\xc9", True),  # a superframe
        ("vp9", b"\xb3\x00", True),  # profile 3
        ("vp9", b"\xb2\x00", False),
        ("h264", b"\x00\x00", True),
        ("vp8", b"", True),
    ],
)
def test_the_flag_in_a_packet(codec: str, packet: bytes, *, shown: bool) -> None:
    assert is_shown(codec, packet) is shown
