"""Small generated videos and images whose frames contain their own number.

Each frame carries its number as white and black stripes, broad enough to survive lossy coding.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from backend.domain.geometry import RgbFrame

BITS = 8
WIDTH, HEIGHT = 64, 48


@dataclass(frozen=True, slots=True)
class ClipSpec:
    """How a clip is coded. times: presentation time of each frame in ticks of 1/rate; None: one tick each."""

    frame_count: int = 40
    rate: Fraction = Fraction(30)
    codec: str = "libx264"
    b_frames: int = 2
    group: int = 12
    rotation: int = 0
    times: Sequence[int] | None = None
    faststart: bool = True
    width: int = WIDTH
    height: int = HEIGHT
    pixels: str = "yuv420p"


def numbered_frame(number: int, *, width: int = WIDTH, height: int = HEIGHT) -> RgbFrame:
    """[H, W, 3] uint8: one vertical stripe a bit, lowest bit left, white = 1; the top half only, the rest is grey."""
    frame = np.full((height, width, 3), 128, np.uint8)
    stripe = width // BITS
    for bit in range(BITS):
        frame[: height // 2, bit * stripe : (bit + 1) * stripe] = 255 if number >> bit & 1 else 0
    return frame


def number_of(frame: RgbFrame) -> int:
    """The number that `numbered_frame` wrote, read from the middle of each stripe."""
    height, width, _ = frame.shape
    stripe = width // BITS
    row = frame[height // 4, :, 1]
    return sum(1 << bit for bit in range(BITS) if row[bit * stripe + stripe // 2] > 127)


def write_clip(path: Path, spec: ClipSpec | None = None, *, container: str | None = None) -> Path:
    """Write numbered frames as a video. container: FFmpeg's name of it; None: as the file's suffix says."""
    spec = spec or ClipSpec()
    options = {"movflags": "faststart"} if spec.faststart and path.suffix in (".mp4", ".mov") else {}
    with av.open(str(path), "w", format=container, options=options) as file:
        stream = file.add_stream(spec.codec, rate=spec.rate, options=_codec_options(spec))
        assert isinstance(stream, VideoStream)
        stream.codec_context.thread_count = 1  # an encoder's threads wait for each other in busy loops
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, spec.pixels
        stream.codec_context.time_base = 1 / spec.rate
        if spec.rotation:
            stream.set_display_rotation(spec.rotation)
        for number in range(spec.frame_count):
            frame = av.VideoFrame.from_ndarray(numbered_frame(number, width=spec.width, height=spec.height), "rgb24")
            frame.time_base = 1 / spec.rate
            frame.pts = number if spec.times is None else spec.times[number]
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
    return path


ORIENTATIONS = {
    "upright": (1, 0, 0, 1),
    "turned by 90": (0, 1, -1, 0),
    "turned by 180": (-1, 0, 0, -1),
    "turned by 270": (0, -1, 1, 0),
    "mirrored left to right": (-1, 0, 0, 1),
    "mirrored top to bottom": (1, 0, 0, -1),
    "mirrored along the diagonal": (0, 1, 1, 0),
    "mirrored along the other diagonal": (0, -1, -1, 0),
}
"""The numbers a, b, c, d of a display matrix: (x, y) is shown at (a x + c y, b x + d y)."""

MATRIX = struct.Struct(">9i")


def set_matrix(path: Path, orientation: tuple[int, int, int, int]) -> Path:
    """Puts a display matrix into the track of an MP4 file that `write_clip` wrote."""
    content = path.read_bytes()
    start = content.index(_matrix(ORIENTATIONS["upright"]), content.index(b"tkhd"))
    path.write_bytes(content[:start] + _matrix(orientation) + content[start + MATRIX.size :])
    return path


def _matrix(orientation: tuple[int, int, int, int]) -> bytes:
    a, b, c, d = (number << 16 for number in orientation)
    return MATRIX.pack(a, b, 0, c, d, 0, 0, 0, 1 << 30)


def corners_of(frame: RgbFrame) -> str:
    """The corners' shades, row by row: white, black or grey. Of frame 1 they differ in each orientation."""
    shades = ((90, "black"), (170, "grey"), (256, "white"))
    corners = (int(frame[y, x, 1]) for y in (1, -2) for x in (1, -2))
    return " ".join(next(name for limit, name in shades if corner < limit) for corner in corners)


def write_tone(path: Path) -> Path:
    """A file with sound and no picture."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=16_000, layout="mono")
        assert isinstance(stream, AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 16_000
        frame.pts = 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def cut(source: Path, target: Path, *, keep: float) -> Path:
    """The first part of a file, as an interrupted transfer leaves it."""
    content = source.read_bytes()
    target.write_bytes(content[: int(len(content) * keep)])
    return target


def break_packets(path: Path, *numbers: int) -> Path:
    """Puts zeros in the place of packets, numbered in the order of decoding, in an MP4 or AVI file."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for start, size in (places[number] for number in numbers):
        assert start is not None
        content[start : start + size] = bytes(size)
    path.write_bytes(content)
    return path


def _codec_options(spec: ClipSpec) -> dict[str, str]:
    if spec.codec in ("mpeg4", "mpeg2video"):
        return {"bf": str(spec.b_frames), "g": str(spec.group), "b": "800k"}
    if spec.codec == "libx264":
        return {"bf": str(spec.b_frames), "g": str(spec.group), "preset": "veryfast", "crf": "12", "sc_threshold": "0"}
    if spec.codec == "libvpx-vp9":
        return {"g": str(spec.group), "crf": "20", "b": "0", "deadline": "realtime", "cpu-used": "8"}
    return {"g": str(spec.group)}


def with_damage(content: bytes, seed: int) -> bytes:
    """Some bytes of a file changed, most of them in its head and its tail, where containers keep their tables."""
    chance = random.Random(seed)
    damaged = bytearray(content)
    for _ in range(chance.choice((1, 2, 8, 40))):
        place = chance.randrange(min(len(damaged), 1500))
        if chance.random() < 0.6:
            place = len(damaged) - 1 - place
        damaged[place] = chance.choice((0, 255, 127, 128, chance.randrange(256)))
    return bytes(damaged[: chance.randrange(len(damaged))] if chance.random() < 0.1 else damaged)
