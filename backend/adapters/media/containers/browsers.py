"""Which videos a browser plays, by their container, codec and pixels.

The rule is that of Chromium without special hardware, as far as other browsers do the same: MP4/MOV or WebM/Matroska
with H.264, VP8, VP9 or AV1 in 4:2:0 with 8 bits a sample, of VP9 and AV1 also 10. Chromium's own decoder shows some
more, which others do not (H.264 in 4:4:4, VP8 in Ogg).
"""

from __future__ import annotations

from av.container import InputContainer
from av.video.stream import VideoStream

FORMATS = frozenset({"mov", "matroska"})
"""FFmpeg's names of the containers, the first of each list: mov is also MP4 and 3GP, matroska also WebM."""

CODECS = frozenset({"h264", "vp8", "vp9", "av1"})
PIXELS = frozenset({"yuv420p", "yuvj420p"})
PIXELS_10_BITS = frozenset({"yuv420p10le"})
CODECS_10_BITS = frozenset({"vp9", "av1"})

CODECS_OF_SOME = frozenset({"hevc", "mpeg4", "mjpeg", "prores"})
"""Codecs in MP4/MOV or Matroska that some browsers play, on some machines."""

NAMES = {
    "mov": "MP4/MOV",
    "matroska": "WebM/Matroska",
    "avi": "AVI",
    "mpegts": "MPEG-TS",
    "mpeg": "MPEG-PS",
    "asf": "WMV/ASF",
    "ogg": "Ogg",
    "flv": "FLV",
    "mxf": "MXF",
    "dv": "DV",
    "rm": "RealMedia",
    "gif": "GIF",
}
"""The containers that are read, by FFmpeg's names."""


def not_played(container: InputContainer, stream: VideoStream) -> str:
    """Why some browser does not play the video: what it is, such as "AVI with mpeg4"; empty: all play it."""
    codec, pixels = _codec(stream), stream.codec_context.pix_fmt or "unknown pixels"
    if is_browsers_container(container) and codec in CODECS:
        is_shown = pixels in PIXELS or (codec in CODECS_10_BITS and pixels in PIXELS_10_BITS)
        return "" if is_shown else f"{codec} in {pixels}"
    return _named(container, codec)


def never_played(container: InputContainer, stream: VideoStream) -> str:
    """Why a page cannot count on the video: what it is; empty: at least some browsers on some machines play it.

    VP8 in Ogg counts too: Chromium plays it, others do not.
    """
    codec = _codec(stream)
    plays = is_browsers_container(container) and codec in CODECS | CODECS_OF_SOME
    return "" if plays else _named(container, codec)


def is_browsers_container(container: InputContainer) -> bool:
    return format_of(container) in FORMATS


def _named(container: InputContainer, codec: str) -> str:
    return f"{NAMES.get(format_of(container), format_of(container))} with {codec}"


def format_of(container: InputContainer) -> str:
    """FFmpeg's first name of the container."""
    return container.format.name.partition(",")[0]


def _codec(stream: VideoStream) -> str:
    return stream.codec_context.codec.canonical_name
