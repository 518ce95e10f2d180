"""Re-encodes videos that browsers cannot play, that have a variable rate or odd sides.

The output is H.264, yuv420p, constant rate, even sides, frequent key frames. Every decoded frame becomes exactly one
frame: frame indices are the same in both. A second file lists the times of the frames in the original. Odd sides are
scaled by one pixel: relative coordinates are the same too.

The original is untrusted: only plain containers are opened, no file that names other files.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from uuid import uuid4

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from backend.adapters.media.cache import file_hash
from backend.adapters.media.damaged import damage_named
from backend.adapters.media.index import decoded_frames
from backend.adapters.media.orientation import orientation_of
from backend.adapters.media.probe import require_sane_size
from backend.codecs.atomic_file import write_atomically
from backend.domain.errors import MediaError
from backend.domain.geometry import RgbFrame

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,asf,flv,ogg,h264,hevc,m4v,gif,mxf,dv,rm"
"""Containers that hold their own frames: no playlist, no list of images, no device, no address."""

TEXT_STARTS = (b"#extm3u", b"ffconcat", b"v=0", b"<", b"{", b"[")
FALLBACK_RATE = Fraction(25)
MOST_RATE = Fraction(240)
KEY_EVERY = 24
CRF = "18"


@dataclass(frozen=True, slots=True)
class Reencoded:
    """The new file and its frame map: {"source", "sha256", "rate", "times_s": [...]}, times in the original."""

    path: Path
    frame_map: Path
    frame_count: int


def reencode(path: Path, folder: Path, *, on_frame: Callable[[], None] = lambda: None) -> Reencoded:
    """Write a playable copy in `folder`, named by the original's content hash. An existing copy is used.

    Raises MediaError naming the file if it has no frames or if the disk is full; then no partial video is left.
    """
    _refuse_text(path)
    digest = file_hash(path)
    target = folder / f"video-{digest[:32]}.mp4"
    frame_map = target.with_suffix(".frames.json")
    if target.is_file() and frame_map.is_file():
        times = json.loads(frame_map.read_text())["times_s"]
        return Reencoded(target, frame_map, len(times))
    part = folder / f".{uuid4().hex}.part.mp4"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with damage_named(path.name):
            rate, times_s = _write(path, part, on_frame)
        body = {"source": path.name, "sha256": digest, "rate": str(rate), "times_s": times_s}
        write_atomically(frame_map, json.dumps(body).encode(), synced=True)
        part.replace(target)
    except OSError as error:
        raise MediaError(_write_failure(path, folder, error)) from error
    finally:
        part.unlink(missing_ok=True)
    return Reencoded(target, frame_map, len(times_s))


def _write(path: Path, part: Path, on_frame: Callable[[], None]) -> tuple[Fraction, list[float]]:
    with _opened(path) as source:
        if not source.streams.video:
            raise MediaError(f"{path.name} holds no video stream: there are no frames to label")
        stream = source.streams.video[0]
        stream.thread_type = "AUTO"
        rate = _rate(stream)
        with av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as sink:
            times_s = _copy(path, decoded_frames(source, stream), sink, rate, on_frame)
    if not times_s:
        raise MediaError(f"{path.name} has no frame that decodes")
    return rate, times_s


def _copy(
    path: Path, frames: Iterator[VideoFrame], sink: OutputContainer, rate: Fraction, on_frame: Callable[[], None]
) -> list[float]:
    output: VideoStream | None = None
    times_s: list[float] = []
    for number, frame in enumerate(frames):
        if output is None:
            output = _output(path, sink, frame, rate)
        shown_s = float(frame.time) if frame.time is not None else number / float(rate)
        times_s.append(round(shown_s - (times_s[0] if times_s else 0.0), 6) if times_s else shown_s)
        even = _unmirrored(frame).reformat(output.width, output.height, "yuv420p", interpolation=Interpolation.BICUBIC)
        even.time_base, even.pts = 1 / rate, number
        sink.mux(output.encode(even))
        on_frame()
    if output is not None:
        sink.mux(output.encode())
        times_s[0] = 0.0
    return times_s


def _output(path: Path, sink: OutputContainer, first: VideoFrame, rate: Fraction) -> VideoStream:
    require_sane_size(path.name, first.width, first.height)
    options = {"crf": CRF, "preset": "veryfast", "g": str(KEY_EVERY), "bf": "0"}
    stream = sink.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height = first.width + first.width % 2, first.height + first.height % 2
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = 1 / rate
    turn = orientation_of(first).rotation
    if turn:
        stream.set_display_rotation(-turn)  # which counts counterclockwise
    return stream


def _unmirrored(frame: VideoFrame) -> VideoFrame:
    """The frame's picture, mirrored if the original's matrix mirrors it: the copy's matrix only turns."""
    if not orientation_of(frame).mirrored:
        return frame
    stored: RgbFrame = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    return VideoFrame.from_ndarray(np.ascontiguousarray(stored[:, ::-1]), format="rgb24")


def _rate(stream: VideoStream) -> Fraction:
    rate = stream.average_rate or stream.guessed_rate or FALLBACK_RATE
    return Fraction(rate).limit_denominator(1001) if 0 < rate <= MOST_RATE else FALLBACK_RATE


def _opened(path: Path) -> InputContainer:
    try:
        return av.open(
            f"file:{path.resolve()}",
            "r",
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file", "format_whitelist": FORMATS},
        )
    except av.FFmpegError as error:
        raise MediaError(f"{path.name} cannot be opened as a video ({error.strerror})") from error


def _refuse_text(path: Path) -> None:
    """Refuses text before FFmpeg opens it: playlists and lists name other files."""
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror}") from error
    if not head:
        raise MediaError(f"{path.name} is empty (0 bytes)")
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(TEXT_STARTS):
        raise MediaError(f"{path.name} is text (a playlist or a list of files), not a video")


def _write_failure(path: Path, folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path.name} cannot be re-encoded: no space is left in {folder}; free some and import it again"
    return f"{path.name} cannot be re-encoded into {folder}: {error.strerror or error}"
