"""Writes painted pictures as video files of any container, codec, rate and pixel format."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from scripts.benchmarks.input_set.painted import HEIGHT, WIDTH, painted

H264 = {"crf": "12", "preset": "veryfast", "g": "6", "bf": "2", "sc_threshold": "0"}
INTRA = {"qmin": "2", "qmax": "3", "g": "6"}
OPTIONS: Mapping[str, Mapping[str, str]] = {
    "libx264": H264,
    "libx265": {"crf": "12", "preset": "ultrafast", "x265-params": "log-level=none:keyint=6:bframes=2:pools=1"},
    "libvpx": {"crf": "6", "b": "2M", "g": "6", "deadline": "realtime", "cpu-used": "8"},
    "libvpx-vp9": {"crf": "16", "b": "0", "g": "6", "deadline": "realtime", "cpu-used": "8"},
    "libsvtav1": {"crf": "20", "preset": "12", "g": "6"},
}
"""Options by codec; INTRA for the others."""

SOUND_RATE = 48_000
SOUND_STEP = 1024


@dataclass(frozen=True, slots=True)
class Coding:
    """How a video is coded.

    first: the number in its first frame. times: of each frame, in ticks of 1/rate. options: beside the codec's own.
    container: FFmpeg's name; empty: by the file's suffix. muxing: the container's options. sound: start and end of a
    sound track in seconds. metadata: of the container. tag: of the codec in the container.
    """

    codec: str = "libx264"
    pix_fmt: str = "yuv420p"
    rate: Fraction = Fraction(30)
    times: Sequence[int] | None = None
    frames: int = 16
    first: int = 0
    width: int = WIDTH
    height: int = HEIGHT
    options: Mapping[str, str] = field(default_factory=dict)
    container: str = ""
    muxing: Mapping[str, str] = field(default_factory=dict)
    full_range: bool = False
    pixel_aspect: Fraction = Fraction(1)
    sound: tuple[float, float] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""


def write_video(path: Path, coding: Coding) -> Path:
    """Writes a video whose frame n shows the number n."""
    with av.open(str(path), "w", format=coding.container or None, options=dict(coding.muxing)) as container:
        container.metadata.update(coding.metadata)
        stream = _video_stream(container, coding)
        sound = container.add_stream("aac", rate=SOUND_RATE, layout="mono") if coding.sound else None
        for number in range(coding.frames):
            container.mux(stream.encode(_frame(number, coding)))
        container.mux(stream.encode())
        if isinstance(sound, AudioStream) and coding.sound is not None:
            _write_sound(container, sound, *coding.sound)
    return path


def _video_stream(container: OutputContainer, coding: Coding) -> VideoStream:
    options = {**OPTIONS.get(coding.codec, INTRA), **coding.options}
    stream = container.add_stream(coding.codec, rate=coding.rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height, stream.pix_fmt = coding.width, coding.height, coding.pix_fmt
    stream.codec_context.time_base = 1 / coding.rate
    if coding.full_range:
        stream.codec_context.color_range = ColorRange.JPEG
    if coding.pixel_aspect != 1:
        stream.codec_context.sample_aspect_ratio = coding.pixel_aspect
    if coding.tag:
        stream.codec_context.codec_tag = coding.tag
    if coding.codec not in OPTIONS:
        stream.codec_context.bit_rate = 4_000_000
    return stream


def _frame(number: int, coding: Coding) -> VideoFrame:
    pixels = painted(coding.first + number, width=coding.width, height=coding.height)
    frame = VideoFrame.from_ndarray(pixels, "rgb24")
    if coding.pix_fmt != "pal8":
        target = ColorRange.JPEG if coding.full_range else None
        frame = frame.reformat(format=coding.pix_fmt, dst_color_range=target)
    frame.time_base = 1 / coding.rate
    frame.pts = number if coding.times is None else coding.times[number]
    return frame


def _write_sound(container: OutputContainer, stream: AudioStream, start_s: float, end_s: float) -> None:
    for place in range(round(start_s * SOUND_RATE), round(end_s * SOUND_RATE), SOUND_STEP):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, SOUND_STEP), np.float32), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = SOUND_RATE, place, Fraction(1, SOUND_RATE)
        container.mux(stream.encode(frame))
    container.mux(stream.encode())


def write_sound_only(path: Path) -> Path:
    """A file with a sound track alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=SOUND_RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        _write_sound(container, stream, 0.0, 0.5)
    return path


def remux(
    source: Path, target: Path, *, shift_s: float = 0.0, drop: int = 0, muxing: Mapping[str, str] | None = None
) -> Path:
    """The packets of a video in a new container, shifted in time, without the first `drop` packets."""
    with av.open(str(source)) as read, av.open(str(target), "w", options=dict(muxing or {})) as written:
        stream = read.streams.video[0]
        copy = written.add_stream_from_template(stream)
        assert stream.time_base is not None
        shift = round(shift_s / stream.time_base)
        for number, packet in enumerate(each for each in read.demux(stream) if each.size):
            if number < drop:
                continue
            assert packet.pts is not None
            packet.pts += shift
            packet.dts = None if packet.dts is None else packet.dts + shift
            packet.stream = copy
            written.mux(packet)
    return target


def side_by_side(sources: Sequence[Path], target: Path) -> Path:
    """The tracks of several videos in one container."""
    with ExitStack() as stack, av.open(str(target), "w") as written:
        inputs = [stack.enter_context(av.open(str(source))) for source in sources]
        copies = [written.add_stream_from_template(read.streams.video[0]) for read in inputs]
        for read, copy in zip(inputs, copies, strict=True):
            for packet in read.demux(video=0):
                if packet.size:
                    packet.stream = copy
                    written.mux(packet)
    return target
