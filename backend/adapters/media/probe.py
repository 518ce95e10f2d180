"""Opens a media file safely; refuses others with the reason.

Owns the allow-lists. Only files are opened, never addresses, and only containers that hold their own frames: playlists,
which can name other files and hosts, are refused before FFmpeg opens them. Which of them a browser plays:
containers/browsers.py.
"""

from __future__ import annotations

from pathlib import Path

import av
from av.container import InputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from backend.adapters.media.containers.browsers import NAMES, never_played, not_played
from backend.adapters.media.damaged import damage_named
from backend.domain.errors import MediaError
from backend.domain.geometry import MAX_FRAME_PX

FORMATS = "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,asf,ogg,flv,mxf,dv,rm,gif,mpegvideo,h264,hevc,m4v"
"""No playlist, no list of images, no device, no address. The last four are coded frames without a container."""

# fmt: off
CODECS = frozenset({
    "h264", "hevc", "vp8", "vp9", "av1", "theora", "mpeg4", "mpeg1video", "mpeg2video", "h263", "flv1", "vp6", "vp6f",
    "vp6a", "msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "wmv3", "vc1", "rv10", "rv20", "rv30", "rv40",
    "svq1", "svq3", "mjpeg", "prores", "dnxhd", "cfhd", "dvvideo", "jpeg2000", "jpegls", "png", "gif", "cinepak",
    "indeo3", "indeo4", "indeo5", "rawvideo", "v210", "v410", "r210", "yuv4", "huffyuv", "ffvhuff", "ffv1", "utvideo",
    "magicyuv", "lagarith", "qtrle", "rpza", "msrle", "msvideo1", "zmbv", "tscc", "fraps", "cscd", "targa", "bmp",
})
# fmt: on
MAX_SIDE_PX = 16_384
REMEDY = "make a copy that all browsers play: masklet reencode IN --out OUT.mp4"

_HEAD_BYTES = 512
_MP4_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"styp"})
_TEXT_KINDS = (
    (b"#extm3u", "an HLS playlist"),
    (b"ffconcat", "a concat list"),
    (b"v=0", "an SDP description"),
    (b"<!doctype html", "an HTML page (the address may need a login)"),
    (b"<html", "an HTML page (the address may need a login)"),
    (b"<mpd", "a DASH playlist"),
    (b"<", "an XML document"),
    (b"{", "a JSON document"),
    (b"[", "a list of files"),
)


def open_stream(path: Path) -> tuple[InputContainer, VideoStream]:
    """Open a video file and its first real video stream; the caller closes the container.

    Raises MediaError with the file and the reason.
    """
    _refuse_text(path)
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


def not_played_in(path: Path) -> str:
    """What a video is that some browser does not play; empty: all play it. Raises MediaError if it is no video."""
    container, stream = open_stream(path)
    with container:
        return not_played(container, stream)


def require_played(path: Path) -> None:
    """Raises MediaError for a video that browsers do not play: nobody could annotate it on a page."""
    container, stream = open_stream(path)
    with container:
        what = never_played(container, stream)
    if what:
        raise MediaError(f"{path.name} is {what}, which not every browser plays; {REMEDY}")


def _refuse_text(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        raise MediaError(f"{path.name} cannot be read: {error.strerror}") from error
    if not head:
        raise MediaError(f"{path.name} is empty (0 bytes); copy it again")
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for start, kind in _TEXT_KINDS:
        if text.startswith(start):
            raise MediaError(f"{path.name} is {kind}, not a video; download the video itself")


def _open_failure(path: Path, error: av.FFmpegError) -> str:
    boxes = _top_level_boxes(path)
    if boxes & _MP4_BOXES and b"moov" not in boxes:
        return (
            f"{path.name} has no index (its moov box is missing): the recording or upload was cut short; copy it again"
        )
    known = ", ".join(NAMES.values())
    return f"{path.name} cannot be opened as a video ({error.strerror}); Masklet reads {known}; save it as one of these"


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
        raise MediaError(f"{path.name} {kind}: there are no frames to label; name the file that has the pictures")
    stream = streams[0]
    codec = stream.codec_context.codec.canonical_name
    if codec not in CODECS:
        raise MediaError(f"{path.name} is coded as {codec!r}, which Masklet does not read; save it as H.264")
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
