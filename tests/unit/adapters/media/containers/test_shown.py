"""A packet is not a frame: VP8 and VP9 have packets without a frame to show, H.264 frames of two packets."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from backend.adapters.media.cache import file_hash
from backend.adapters.media.containers.shown import is_shown
from backend.adapters.media.decode import open_video
from backend.adapters.media.reencode import reencode
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, break_packets, number_of, write_clip
from tests.fakes.field_coded import write_fields

HIDDEN = (5, 16, 29)
SHOWN = [number for number in range(30) if number not in HIDDEN]


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """VP8 of 30 frames. The flag "show" is taken from some, as encoders do for alternate reference frames."""
    path = write_clip(tmp_path / "a.webm", ClipSpec(codec="libvpx", frame_count=30, group=12))
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    end = 0
    for number, packet in enumerate(packets):
        # Frames that an encoder codes alike have equal bytes: a packet is looked for after the one before it.
        start = content.index(packet, end)
        end = start + len(packet)
        if number in HIDDEN:
            content[start] &= ~0x10
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


def numbers_of(path: Path, *, backward: bool = False) -> list[int]:
    with open_video(path, file_hash(path)) as video:
        whole = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
        return [number_of(frame) for _, frame in video.frames(whole, backward=backward)]


@pytest.mark.parametrize(("name", "joined"), [("b.mkv", True), ("b.mkv", False), ("b.avi", False)])
def test_hidden_frames_of_vp9_have_no_number(tmp_path: Path, name: str, *, joined: bool) -> None:
    clip = write_clip(tmp_path / "a.webm", ClipSpec(codec="libvpx-vp9", frame_count=30, group=12))
    # FFmpeg joins them in Matroska by itself, and then marks no key frames: no seek finds one.
    path = hide_key_frames(clip, tmp_path / name, joined=joined)
    shown = [number for number in range(30) if number % 12]
    assert numbers_of(path) == shown
    assert numbers_of(path, backward=True) == shown[::-1]
    copy = reencode(path, tmp_path / "out")
    assert (numbers_of(copy.path), copy.undecodable) == (shown, ())


def hide_key_frames(source: Path, target: Path, *, joined: bool) -> Path:
    """Takes the flag "show" from key frames, as encoders do for alternate references.

    joined: each is in one packet with the next frame, a superframe (VP9's specification, annex B).
    """
    with av.open(str(source)) as container, av.open(str(target), "w") as sink:
        stream = sink.add_stream_from_template(container.streams.video[0])
        hidden = b""
        for packet in container.demux(video=0):
            body = bytes(packet)
            if packet.is_keyframe and packet.size:
                hidden = bytes([body[0] & ~0b10, *body[1:]])
                if joined:
                    continue
                body = hidden
            elif joined and hidden:
                sizes = len(hidden).to_bytes(4, "little") + len(body).to_bytes(4, "little")
                body = hidden + body + b"\xd9" + sizes + b"\xd9"
            if body:
                made = av.Packet(body)
                made.stream, made.time_base = stream, packet.time_base
                made.pts, made.dts = packet.pts, packet.dts
                made.is_keyframe = packet.is_keyframe or (joined and bool(hidden))
                sink.mux(made)
            hidden = b"" if joined else hidden
    return target


@pytest.mark.parametrize("together", [False, True])
@pytest.mark.parametrize("name", ["a.mkv", "a.mp4", "a.ts", "a.avi"])
def test_two_fields_are_one_frame(tmp_path: Path, name: str, *, together: bool) -> None:
    path = write_fields(tmp_path / name, 12, together=together)
    with open_video(path, file_hash(path)) as video:
        assert (video.info.frame_count, float(video.info.frame_rate)) == (12, 25.0)
        assert not any(video.is_undecodable(index) for index in range(12))
    assert numbers_of(path) == list(range(12))
    assert numbers_of(path, backward=True) == list(range(12))[::-1]
    copy = reencode(path, tmp_path / "out")
    assert (copy.frame_count, copy.undecodable) == (12, ())
    assert numbers_of(copy.path) == list(range(12))


def test_a_broken_field_costs_its_frame_alone(tmp_path: Path) -> None:
    path = break_packets(write_fields(tmp_path / "a.mp4", 12), 6)  # the first field of frame 3
    seen = numbers_of(path)
    assert (len(seen), seen[:3], seen[4:]) == (12, [0, 1, 2], list(range(4, 12)))


@pytest.mark.parametrize(
    ("codec", "packet", "shown"),
    [
        ("vp8", b"\x10\x00", True),
        ("vp8", b"\x01\x00", False),
        ("vp8", b"\x00\x00\x00\x9d\x01\x2a", False),
        ("vp8", bytes(20), True),  # damaged
        ("vp9", bytes(20), True),
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
