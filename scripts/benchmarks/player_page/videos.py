"""Videos of five discs that move in a loop, of any length: one group of pictures, coded once and repeated."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from backend.domain.geometry import BoolMask, FrameSize, RgbFrame

SIZE = FrameSize(960, 540)
RATE = 30
GROUP = 60
"""Frames of the loop, which is one group of pictures: a decoder that seeks decodes at most so many."""

RADIUS = SIZE.height // 9
COLORS = ((230, 40, 40), (40, 200, 60), (50, 90, 235), (240, 220, 40), (235, 60, 220))
"""RGB of the discs."""

OBJECTS = tuple(f"Disc {number}" for number in range(1, len(COLORS) + 1))
NOISE_SCALE = 60


def center(disc: int, frame: int) -> tuple[int, int]:
    """A disc's centre (x, y) on a frame, in pixels. The discs never overlap."""
    phase = 2 * np.pi * (frame % GROUP) / GROUP + disc
    x = SIZE.width * (disc + 0.5) / len(COLORS) + 20 * np.cos(phase)
    return round(float(x)), round(float(SIZE.height / 2 + 120 * np.sin(phase)))


def disc_mask(disc: int, frame: int) -> BoolMask:
    """The true mask of a disc, bool [H, W]."""
    mask = np.zeros((SIZE.height, SIZE.width), np.uint8)
    cv2.circle(mask, center(disc, frame), RADIUS, 1, -1)
    return mask.astype(bool)


def write_loop(path: Path, frames: int) -> Path:
    """Writes an H.264 file of that many frames at RATE and SIZE; returns the path."""
    packets = _group()
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = _stream(container)
        for frame in range(frames):
            content, is_key = packets[frame % GROUP]
            packet = av.Packet(content)
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = frame
            packet.duration = 1
            packet.is_keyframe = is_key
            container.mux(packet)
    return path


def _group() -> list[tuple[bytes, bool]]:
    """The coded frames of the loop: the content of each packet, and whether it is a keyframe. No B-frames."""
    background = _background()
    with av.open("group.h264", "w", format="null") as container:
        stream = _stream(container)
        packets = [packet for frame in range(GROUP) for packet in stream.encode(_picture(background, frame))]
        packets += stream.encode()
    assert len(packets) == GROUP
    return [(bytes(packet), packet.is_keyframe) for packet in packets]


def _stream(container: av.container.OutputContainer) -> VideoStream:
    coding = {"crf": "20", "preset": "fast", "bf": "0", "g": str(GROUP), "x264-params": "scenecut=0"}
    stream = container.add_stream("libx264", rate=RATE, options=coding)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = SIZE.width, SIZE.height, "yuv420p"
    stream.codec_context.time_base = Fraction(1, RATE)
    return stream


def _picture(background: NDArray[np.uint8], frame: int) -> av.VideoFrame:
    pixels: RgbFrame = background.copy()
    for disc, color in enumerate(COLORS):
        cv2.circle(pixels, center(disc, frame), RADIUS, color, -1)
    picture = av.VideoFrame.from_ndarray(pixels, "rgb24")
    picture.time_base, picture.pts = Fraction(1, RATE), frame
    return picture


def _background() -> NDArray[np.uint8]:
    shape = (SIZE.height // NOISE_SCALE, SIZE.width // NOISE_SCALE, 3)
    noise = np.random.default_rng(0).integers(60, 200, shape).astype(np.uint8)
    return cv2.resize(noise, (SIZE.width, SIZE.height), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
