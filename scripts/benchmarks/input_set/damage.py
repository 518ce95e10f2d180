"""Inputs: damaged videos, and files that are no videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import av

from scripts.benchmarks.input_set.coding import Coding, write_sound_only, write_video
from scripts.benchmarks.input_set.model import Input
from scripts.benchmarks.input_set.painted import painted
from scripts.benchmarks.input_set.videos import AV1, H264, MJPEG, NO_B_FRAMES, VP8, VP9
from tests.fakes.clips import cut

FRONT = replace(H264, muxing={"movflags": "faststart"})
HTML = "<!doctype html><title>Log in</title>"
PLAYLIST = "#EXTM3U\n#EXTINF:1,\na.ts\n"
LATIN_1 = (b"LATIN", b"Caf\xe9s")


def damaged_inputs() -> Iterator[Input]:
    """All of them."""
    for name, file, coding, packet in (
        ("a broken packet in the middle", "a.mp4", H264, 8),
        ("a broken key frame", "a.mp4", NO_B_FRAMES, 6),
        ("a broken packet in Matroska", "a.mkv", H264, 8),
        ("a broken packet, VP8", "a.webm", VP8, 8),
        ("a broken packet, VP9", "a.webm", VP9, 8),
        ("a broken packet, AV1", "a.mp4", AV1, 8),
        ("a broken packet, MJPEG in AVI", "a.avi", MJPEG, 8),
        ("a broken last packet", "a.mp4", H264, 15),
    ):
        yield Input(name, _broken(coding, packet), file)
    for name, file, coding in (
        ("cut in the middle, index first", "a.mp4", FRONT),
        ("cut in the middle, index at the end", "a.mp4", H264),
        ("cut in the middle, WebM", "a.webm", VP9),
        ("cut in the middle, Matroska", "a.mkv", H264),
        ("cut in the middle, MPEG-TS", "a.ts", H264),
        ("cut in the middle, AVI", "a.avi", MJPEG),
    ):
        yield Input(name, _cut(coding), file, intact=_written(coding))
    for name, content in (
        ("an empty file", b""),
        ("text named .mp4", b"The video is on the other disk.\n"),
        ("a web page named .mp4", HTML.encode()),
        ("a playlist named .mp4", PLAYLIST.encode()),
        ("zeros named .mp4", bytes(4096)),
    ):
        yield Input(name, _content(content), "a.mp4", intact=_written(H264))
    yield Input("sound alone", write_sound_only, "a.mp4", intact=_written(H264))
    yield Input("a JPEG named .mp4", _picture, "a.mp4", intact=_written(H264))
    yield Input("hidden frames, VP8", _hidden, "a.webm", [0, 1, 2, 4, 5, 6, 7, 9, 10, 12, 13, 14, 15])
    yield Input("a Latin-1 title in Matroska", _latin_1(b"PLAIN", "a.mkv"), "a.mkv", range(16))
    yield Input("a Latin-1 name of the track in MP4", _latin_1(b"VideoHandler", "a.mp4"), "a.mp4", range(16))


def _written(coding: Coding) -> Callable[[Path], object]:
    return lambda path: write_video(path, coding)


def _broken(coding: Coding, number: int) -> Callable[[Path], object]:
    return lambda path: replace_packets(write_video(path, coding), {number: lambda packet: bytes(len(packet))})


def _cut(coding: Coding) -> Callable[[Path], object]:
    return lambda path: cut(write_video(path.with_name(f"whole{path.suffix}"), coding), path, keep=0.6)


def _content(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def _picture(path: Path) -> object:
    from PIL import Image

    Image.fromarray(painted(1)).save(path, format="JPEG")
    return path


def _hidden(path: Path) -> object:
    """VP8 whose flag "show" is taken from some frames, as encoders do for alternate reference frames."""
    hide = {number: lambda packet: bytes([packet[0] & ~0x10]) + packet[1:] for number in (3, 8, 11)}
    return replace_packets(write_video(path, VP8), hide)


def _latin_1(name: bytes, file: str) -> Callable[[Path], object]:
    def write(path: Path) -> object:
        content = write_video(path, replace(H264, metadata={"title": "PLAIN"})).read_bytes()
        assert name in content, file
        return path.write_bytes(content.replace(name, name[:-1] + b"\xe9"))

    return write


def replace_packets(path: Path, changes: dict[int, Callable[[bytes], bytes]]) -> Path:
    """Changes packets of a video in place, by their number in the order of decoding; their lengths stay."""
    with av.open(str(path)) as container:
        packets = [(packet.pos or 0, bytes(packet)) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for number, change in changes.items():
        near, packet = packets[number]
        start = content.index(packet, near)
        content[start : start + len(packet)] = change(packet)
    path.write_bytes(content)
    return path
