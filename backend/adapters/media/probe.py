"""Opens a media file safely; refuses others with a reason and a remedy.

Owns the allow-lists. Only files are opened, never addresses. Only containers that a browser plays are opened: the
annotator and the model then see the same frames. Playlists, which can name other files and hosts, are refused before
FFmpeg opens them.
"""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from backend.adapters.media.damaged import damage_named
from backend.domain.errors import MediaError
from backend.domain.geometry import MAX_FRAME_PX

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm"
CODECS = frozenset({"h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mjpeg", "prores"})
MAX_SIDE_PX = 16_384
REMEDY = "convert it with: ffmpeg -i IN -c:v libx264 -pix_fmt yuv420p OUT.mp4"

_HEAD_BYTES = 512
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"})
_MATROSKA_MAGIC = b"\x1a\x45\xdf\xa3"
_TEXT_KINDS = (
    (b"#extm3u", "an HLS playlist"),
    (b"ffconcat", "a concat list"),
    (b"v=0", "an SDP description"),
    (b"<!doctype html", "an HTML page (the address may need a login)"),
    (b"<html", "an HTML page (the address may need a login)"),
    (b"<mpd", "a DASH playlist"),
    (b"<?xml", "an XML document"),
    (b"{", "a JSON document"),
)


def open_stream(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open a video file and its first real video stream; the caller closes the container.

    Raises MediaError with the file and the remedy.
    """
    _refuse_other_files(path)
    try:
        container = av.open(
            f"file:{path.resolve()}",
            "r",
            metadata_errors="replace",
            container_options={"protocol_whitelist": "file", "format_whitelist": FORMATS},
        )
    except av.FFmpegError as error:
        raise MediaError(_open_failure(path, error)) from error
    try:
        with damage_named(path.name):
            return container, _video_stream(container, path)
    except BaseException:
        container.close()
        raise


def _refuse_other_files(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror}") from error
    if not head:
        raise MediaError(f"{path.name} is empty (0 bytes)")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, kind in _TEXT_KINDS:
        if text.startswith(start):
            raise MediaError(f"{path.name} is {kind}, not a video")
    if head[4:8] not in _MP4_BOXES and not head.startswith(_MATROSKA_MAGIC):
        raise MediaError(f"{path.name} is neither MP4/MOV nor WebM/Matroska; {REMEDY}")


def _open_failure(path: Path, error: av.FFmpegError) -> str:
    boxes = _top_level_boxes(path)
    if boxes & _MP4_BOXES and b"moov" not in boxes:
        return f"{path.name} has no index (its moov box is missing): the recording or upload was cut short"
    return f"{path.name} cannot be opened as a video ({error.strerror}); {REMEDY}"


def _top_level_boxes(path: Path) -> set[bytes]:
    """The kinds of the MP4 boxes at the top level, up to the first invalid size."""
    kinds: set[bytes] = set()
    end = path.stat().st_size
    position = 0
    with path.open("rb") as file:
        while position + 8 <= end:
            file.seek(position)
            header = file.read(16)
            size = int.from_bytes(header[:4], "big")
            if size == 1:
                size = int.from_bytes(header[8:16], "big")
            if size < 8:
                break
            kinds.add(header[4:8])
            position += size
    return kinds


def _video_stream(container: InputContainer, path: Path) -> VideoStream:
    # FFmpeg lists a cover picture as a video stream.
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        kind = "holds sound only" if container.streams.audio else "holds no video stream"
        raise MediaError(f"{path.name} {kind}: there are no frames to label")
    stream = streams[0]
    codec = stream.codec_context.name
    if stream.codec_context.codec.canonical_name not in CODECS:
        raise MediaError(f"{path.name} is coded as {codec!r}, which is not supported; {REMEDY}")
    require_sane_size(path.name, stream.codec_context.width, stream.codec_context.height)
    stream.thread_type = "AUTO"
    return stream


def require_sane_size(name: str, width: int, height: int) -> None:
    """Raises MediaError for a frame size of 0 or over the limits."""
    if width < 1 or height < 1:
        raise MediaError(f"{name} has no frame size: its first frames are damaged")
    if max(width, height) > MAX_SIDE_PX or width * height > MAX_FRAME_PX:
        raise MediaError(
            f"{name} claims frames of {width}x{height} pixels; the limit is {MAX_SIDE_PX} a side "
            f"and {MAX_FRAME_PX:,} in all"
        )
