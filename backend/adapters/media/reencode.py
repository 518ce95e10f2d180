"""Re-encodes videos that browsers cannot play, that have a variable rate or odd sides.

The output is H.264, yuv420p, constant rate, even sides, frequent key frames. Every frame becomes exactly one frame:
frame indices are the same in both. A frame that does not decode becomes the last good picture before it. A second file
lists the times of the frames in the original, and those that do not decode. Odd sides are scaled by one pixel: relative
coordinates are the same too.
"""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation
from av.video.stream import VideoStream

from backend.adapters.media.cache import file_hash
from backend.adapters.media.damaged import damage_named
from backend.adapters.media.held_frames import Shown, frames_with_held
from backend.adapters.media.orientation import orientation_of
from backend.adapters.media.packet_times import PacketTimes, read_packet_times
from backend.adapters.media.packets import decoded_frames
from backend.adapters.media.probe import open_stream, require_sane_size
from backend.adapters.media.source_media import is_pictures, open_local_video
from backend.application.ports.media import VideoSource
from backend.application.ports.progress import counted
from backend.codecs.atomic_file import write_atomically
from backend.domain.errors import InvalidInput, MediaError, NotAllowed
from backend.domain.video import FrameIndex

FALLBACK_RATE = Fraction(25)
MOST_RATE = Fraction(240)
KEY_EVERY = 24
CRF = "18"


@dataclass(frozen=True, slots=True)
class Reencoded:
    """The new file and its frame map: {"source", "sha256", "rate", "times_s": [...], "undecodable": [...]}.

    times_s: of the frames in the original. undecodable: the frames that show an earlier picture.
    """

    path: Path
    frame_map: Path
    frame_count: int
    undecodable: tuple[int, ...] = ()


def reencode(path: Path, folder: Path, *, on_frame: Callable[[], None] = lambda: None) -> Reencoded:
    """Write a playable copy in `folder`, named by the original's content hash. An existing copy is used.

    Raises MediaError naming the file if it has no frames or if the disk is full; then no partial video is left.
    """
    open_stream(path)[0].close()

    def write(part: Path) -> _Written:
        with damage_named(path.name):
            return _write(path, part, on_frame)

    return _copy_of(path, file_hash(path), folder, write)


def reencode_pictures(
    path: Path, pictures: VideoSource, folder: Path, *, on_frame: Callable[[], None] = lambda: None
) -> Reencoded:
    """The same of a folder of pictures, FALLBACK_RATE of them a second. path: the folder. pictures: opened."""

    def write(part: Path) -> _Written:
        written = _Written(FALLBACK_RATE)
        numbers = range(pictures.info.frame_count)
        frames = (VideoFrame.from_ndarray(pictures.frame(FrameIndex(number)), "rgb24") for number in numbers)
        with av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as sink:
            _copy(path, (Shown(frame, None) for frame in frames), sink, written, on_frame)
        return written

    return _copy_of(path, pictures.info.content_hash, folder, write)


def reencode_to(path: Path, out: Path) -> Reencoded:
    """`masklet reencode`: writes the copy of a video, or of a folder of pictures, to `out`, its frame map beside it.

    Raises MediaError, InvalidInput for another suffix than .mp4, NotAllowed if `out` exists.
    """
    if out.suffix.lower() != ".mp4":
        raise InvalidInput(f"{out} must end in .mp4: the copy is an MP4 file")
    if out.exists():
        raise NotAllowed(f"{out} exists already; name another file")
    with TemporaryDirectory(dir=out.parent, prefix=".reencode-") as folder:
        if is_pictures(path):
            with open_local_video(path) as pictures:
                copy = reencode_pictures(path, pictures, Path(folder))
        else:
            copy = reencode(path, Path(folder))
        frame_map = out.with_suffix(".frames.json")
        copy.frame_map.replace(frame_map)
        copy.path.replace(out)
    return replace(copy, path=out, frame_map=frame_map)


def _copy_of(path: Path, digest: str, folder: Path, write: Callable[[Path], _Written]) -> Reencoded:
    target = folder / f"video-{digest[:32]}.mp4"
    frame_map = target.with_suffix(".frames.json")
    if target.is_file() and frame_map.is_file():
        known = json.loads(frame_map.read_text())
        return Reencoded(target, frame_map, len(known["times_s"]), tuple(known.get("undecodable", ())))
    part = folder / f".{uuid4().hex}.part.mp4"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        written = write(part)
        body = {"source": path.name, "sha256": digest, "rate": str(written.rate), "times_s": written.times_s}
        body["undecodable"] = written.undecodable
        write_atomically(frame_map, json.dumps(body).encode(), synced=True)
        part.replace(target)
    except OSError as error:
        raise MediaError(_write_failure(path, folder, error)) from error
    finally:
        part.unlink(missing_ok=True)
    return Reencoded(target, frame_map, len(written.times_s), tuple(written.undecodable))


@dataclass(slots=True)
class _Written:
    rate: Fraction
    times_s: list[float] = field(default_factory=list)
    undecodable: list[int] = field(default_factory=list)

    def add(self, shown: Shown) -> None:
        if shown.is_held:
            self.undecodable.append(len(self.times_s))
        first_s = self.times_s[0] if self.times_s else 0.0
        time_s = len(self.times_s) / float(self.rate) if shown.time_s is None else shown.time_s
        self.times_s.append(round(time_s - first_s, 6) if self.times_s else time_s)


def _write(path: Path, part: Path, on_frame: Callable[[], None]) -> _Written:
    times = _packet_times(path)
    source, stream = open_stream(path)
    with source:
        written = _Written(_rate(stream))
        decoded = decoded_frames(source, stream, by_dts=times is not None and times.by_dts)
        frames = frames_with_held(decoded, times, stream.time_base)
        with av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as sink:
            _copy(path, frames, sink, written, on_frame)
    if not written.times_s:
        raise MediaError(f"{path.name} has no frame that decodes")
    written.times_s[0] = 0.0
    return written


def _packet_times(path: Path) -> PacketTimes | None:
    """None if nothing gives the frames an order: then each frame that decodes is a frame."""
    try:
        return read_packet_times(path)
    except MediaError:
        return None


def _copy(
    path: Path, frames: Iterator[Shown], sink: OutputContainer, written: _Written, on_frame: Callable[[], None]
) -> None:
    output: VideoStream | None = None
    for number, shown in enumerate(counted(frames, "frames")):
        if output is None:
            output = _output(path, sink, shown.picture, written.rate)
        written.add(shown)
        even = _unmirrored(shown.picture)
        even = even.reformat(output.width, output.height, "yuv420p", interpolation=Interpolation.BICUBIC)
        even.time_base, even.pts = 1 / written.rate, number
        sink.mux(output.encode(even))
        on_frame()
    if output is not None:
        sink.mux(output.encode())


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
    stored = frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False)
    return VideoFrame.from_ndarray(np.ascontiguousarray(stored[:, ::-1]), format="rgb24")


def _rate(stream: VideoStream) -> Fraction:
    rate = stream.average_rate or stream.guessed_rate or FALLBACK_RATE
    return Fraction(rate).limit_denominator(1001) if 0 < rate <= MOST_RATE else FALLBACK_RATE


def _write_failure(path: Path, folder: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{path.name} cannot be re-encoded: no space is left in {folder}; free some and import it again"
    return f"{path.name} cannot be re-encoded into {folder}: {error.strerror or error}"
