"""Inputs: containers, codecs, pixel formats, sizes, rates, times and orientations of videos."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from scripts.benchmarks.input_set.coding import Coding, remux, side_by_side, write_video
from scripts.benchmarks.input_set.model import Input
from tests.fakes.clips import ORIENTATIONS, set_matrix

H264 = Coding()
NO_B_FRAMES = Coding(options={"bf": "0"})
VP8 = Coding("libvpx")
VP9 = Coding("libvpx-vp9")
AV1 = Coding("libsvtav1")
HEVC = Coding("libx265")
MPEG2 = Coding("mpeg2video", rate=Fraction(25))
MJPEG = Coding("mjpeg", "yuvj420p", full_range=True)
NTSC = Fraction(30_000, 1001)
FRAGMENTS = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
ALT_REF = {"g": "40", "deadline": "good", "cpu-used": "4", "auto-alt-ref": "1", "lag-in-frames": "16"}

CONTAINERS = {
    "H.264 in MP4": ("a.mp4", H264),
    "H.264 in MP4, index at the end": ("a.mp4", H264),
    "H.264 in MP4, index first": ("a.mp4", replace(H264, muxing={"movflags": "faststart"})),
    "H.264 in fragmented MP4": ("a.mp4", replace(H264, muxing=FRAGMENTS)),
    "H.264 in fragmented MP4, no B-frames": ("a.mp4", replace(NO_B_FRAMES, muxing=FRAGMENTS)),
    "H.264 in fragmented MP4, edit list": ("a.mp4", replace(H264, muxing={"movflags": "frag_keyframe+delay_moov"})),
    "H.264 in MP4 without an edit list": ("a.mp4", replace(H264, muxing={"use_editlist": "0"})),
    "H.264 in MOV": ("a.mov", H264),
    "H.264 in M4V": ("a.m4v", replace(H264, container="mp4")),
    "H.264 in 3GP": ("a.3gp", H264),
    "H.264 in Matroska": ("a.mkv", H264),
    "H.264 in AVI": ("a.avi", NO_B_FRAMES),
    "H.264 in MPEG-TS": ("a.ts", H264),
    "H.264 in MPEG-TS of a camera (MTS)": (
        "a.mts",
        replace(H264, container="mpegts", muxing={"mpegts_m2ts_mode": "1"}),
    ),
    "H.264 in FLV": ("a.flv", H264),
    "HEVC in MP4": ("a.mp4", replace(HEVC, tag="hvc1")),
    "HEVC in Matroska": ("a.mkv", HEVC),
    "VP8 in WebM": ("a.webm", VP8),
    "VP8 in Ogg": ("a.ogv", VP8),
    "VP9 in WebM": ("a.webm", VP9),
    "VP9 in MP4": ("a.mp4", VP9),
    "VP9 in Matroska": ("a.mkv", VP9),
    "AV1 in WebM": ("a.webm", AV1),
    "AV1 in MP4": ("a.mp4", AV1),
    "MPEG-4 in MP4": ("a.mp4", Coding("mpeg4")),
    "MPEG-4 in AVI": ("a.avi", Coding("mpeg4")),
    "MPEG-4 in AVI, B-frames": ("a.avi", Coding("mpeg4", options={"bf": "2"})),
    "MPEG-1 in MPEG-PS": ("a.mpg", replace(MPEG2, codec="mpeg1video")),
    "MPEG-2 in MPEG-TS": ("a.ts", MPEG2),
    "MPEG-2 in MPEG-TS, pixels twice as wide": ("a.ts", replace(MPEG2, pixel_aspect=Fraction(2))),
    "MPEG-2 in MXF": ("a.mxf", MPEG2),
    "DV in AVI": ("a.avi", Coding("dvvideo", rate=Fraction(25), frames=6, width=720, height=576)),
    "MJPEG in AVI": ("a.avi", MJPEG),
    "MJPEG in MOV": ("a.mov", MJPEG),
    "raw RGB in AVI": ("a.avi", Coding("rawvideo", "bgr24")),
    "raw 4:2:0 in AVI": ("a.avi", Coding("rawvideo", "yuv420p")),
    "HuffYUV in AVI": ("a.avi", Coding("huffyuv", "yuv422p")),
    "FFV1 in Matroska": ("a.mkv", Coding("ffv1")),
    "ProRes in MOV": ("a.mov", Coding("prores_ks", "yuv422p10le")),
    "WMV2 in WMV": ("a.wmv", Coding("wmv2")),
    "animated GIF": ("a.gif", Coding("gif", "gray", rate=Fraction(10))),
}
PIXELS = {
    "H.264, 10 bits": ("a.mp4", replace(H264, pix_fmt="yuv420p10le")),
    "H.264, 4:2:2": ("a.mp4", replace(H264, pix_fmt="yuv422p")),
    "H.264, 4:2:2, 10 bits": ("a.mp4", replace(H264, pix_fmt="yuv422p10le")),
    "H.264, 4:4:4": ("a.mp4", replace(H264, pix_fmt="yuv444p")),
    "H.264, grey": ("a.mp4", replace(H264, pix_fmt="gray")),
    "H.264, full range": ("a.mp4", replace(H264, pix_fmt="yuvj420p", full_range=True)),
    "H.264, 4:4:4, odd sides": ("a.mp4", replace(H264, pix_fmt="yuv444p", width=125, height=93)),
    "H.264, sides no multiple of 16": ("a.mp4", replace(H264, width=134, height=98)),
    "H.264, pixels twice as wide": ("a.mp4", replace(H264, pixel_aspect=Fraction(2))),
    "H.264, interlaced": ("a.mp4", replace(H264, options={"flags": "+ildct+ilme", "x264-params": "tff=1"})),
    "HEVC, 10 bits": ("a.mkv", replace(HEVC, pix_fmt="yuv420p10le")),
    "VP9, 4:4:4": ("a.webm", replace(VP9, pix_fmt="yuv444p")),
    "VP9, transparent": ("a.webm", replace(VP9, pix_fmt="yuva420p")),
    "VP9, odd sides": ("a.webm", replace(VP9, width=125, height=93)),
    "AV1, 10 bits": ("a.webm", replace(AV1, pix_fmt="yuv420p10le")),
    "MJPEG in AVI, 4:4:4, odd sides": ("a.avi", replace(MJPEG, pix_fmt="yuvj444p", width=125, height=93)),
}
GAPS = 2 * np.random.default_rng(4).integers(4, 70, 15)
VARIABLE = [0, *(int(tick) + 1 for tick in np.cumsum(GAPS))]
"""Milliseconds, never on the page's grid of two, where a browser may show either of two pictures."""

TIMES = {
    "23.976 frames a second": ("a.mp4", replace(H264, rate=Fraction(24_000, 1001))),
    "25 frames a second": ("a.mp4", replace(H264, rate=Fraction(25))),
    "29.97 frames a second": ("a.mp4", replace(H264, rate=NTSC)),
    "29.97 frames a second, in Matroska's milliseconds": ("a.mkv", replace(H264, rate=NTSC)),
    "59.94 frames a second": ("a.mp4", replace(H264, rate=2 * NTSC)),
    "240 frames a second": ("a.mp4", replace(H264, rate=Fraction(240))),
    "one frame a second": ("a.mp4", replace(H264, rate=Fraction(1), frames=8)),
    "variable rate": ("a.mp4", replace(NO_B_FRAMES, rate=Fraction(1000), times=VARIABLE)),
    "variable rate, B-frames": ("a.mp4", replace(H264, rate=Fraction(1000), times=VARIABLE)),
    "variable rate in MPEG-TS": ("a.ts", replace(NO_B_FRAMES, rate=Fraction(1000), times=VARIABLE)),
    "variable rate in Matroska": ("a.mkv", replace(NO_B_FRAMES, rate=Fraction(1000), times=VARIABLE)),
    "variable rate in WebM": ("a.webm", replace(VP9, rate=Fraction(1000), times=VARIABLE)),
    "first frame at 0.37 s": ("a.mp4", replace(H264, times=list(range(11, 27)))),
    "first frame at 0.37 s, in WebM": ("a.webm", replace(VP9, times=list(range(11, 27)))),
    "a gap of a second in the middle": ("a.mp4", replace(H264, times=[n + 30 * (n > 7) for n in range(16)])),
    "one frame": ("a.mp4", replace(H264, frames=1)),
    "longer sound": ("a.mp4", replace(H264, sound=(0.0, 1.5))),
    "sound before the first frame": ("a.mp4", replace(H264, sound=(0.0, 0.9), times=list(range(11, 27)))),
    "sound from 0.3 s on": ("a.mp4", replace(H264, sound=(0.3, 0.9))),
    "a key frame each second only, many B-frames": ("a.mp4", replace(H264, frames=40, options={"g": "40", "bf": "8"})),
    "open groups of pictures": ("a.mp4", replace(H264, options={"x264-params": "open-gop=1"})),
    "VP9 with hidden frames (alternate references)": ("a.webm", replace(VP9, frames=40, options=ALT_REF)),
    "VP9 with hidden frames, in MP4": ("a.mp4", replace(VP9, frames=40, options=ALT_REF)),
    "a Latin-1 title": ("a.mkv", replace(H264, metadata={"title": "LATIN"})),
}


def video_inputs() -> Iterator[Input]:
    """All of them."""
    for name, (file, coding) in {**CONTAINERS, **PIXELS, **TIMES}.items():
        yield Input(name, _writer(coding), file, range(coding.frames))
    for name, matrix in ORIENTATIONS.items():
        yield Input(f"display matrix: {name}", _turned(matrix, H264), "a.mp4", range(16))
        if name != "upright":
            yield Input(f"display matrix, MPEG-4: {name}", _turned(matrix, Coding("mpeg4")), "a.mp4", range(16))
    yield Input("edit list that cuts the first five frames", _with_edit_list, "a.mp4", range(5, 16))
    yield Input("begins with frames that need an earlier one", _without_key_frame, "a.mkv")
    yield Input("two video tracks", _two_tracks, "a.mp4", range(16))
    yield Input("times that begin at an hour", _an_hour_later, "a.mkv", range(16))


def _writer(coding: Coding) -> Callable[[Path], object]:
    return lambda path: write_video(path, coding)


def _turned(matrix: tuple[int, int, int, int], coding: Coding) -> Callable[[Path], object]:
    return lambda path: set_matrix(write_video(path, coding), matrix)


def _with_edit_list(path: Path) -> object:
    whole = write_video(path.with_name("whole.mkv"), NO_B_FRAMES)
    return remux(whole, path, shift_s=-1 / 6, muxing={"avoid_negative_ts": "disabled"})


def _without_key_frame(path: Path) -> object:
    return remux(write_video(path.with_name("whole.mp4"), H264), path, drop=2)


def _two_tracks(path: Path) -> object:
    paths = [write_video(path.with_name(f"{track}.mp4"), replace(H264, first=40 * track)) for track in (0, 1)]
    return side_by_side(paths, path)


def _an_hour_later(path: Path) -> object:
    return remux(write_video(path.with_name("whole.mp4"), H264), path, shift_s=3600.0)
