"""Real Chromium plays what Masklet imports as it is, and the copies of what it re-encodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from backend.adapters.media.probe import not_played_in
from backend.adapters.media.reencode import reencode
from tests.browser.test_video_orientations import shown
from tests.fakes.clips import ClipSpec, number_of, write_clip

PLAYED = {
    "h264.mp4": ClipSpec(),
    "full_range.mov": ClipSpec(pixels="yuvj420p"),
    "h264.mkv": ClipSpec(),
    "vp8.webm": ClipSpec(codec="libvpx"),
    "vp9.webm": ClipSpec(codec="libvpx-vp9"),
    "vp9.mp4": ClipSpec(codec="libvpx-vp9"),
    "av1.mp4": ClipSpec(codec="libsvtav1"),
    "av1_10_bits.webm": ClipSpec(codec="libsvtav1", pixels="yuv420p10le"),
}
NOT_PLAYED = {
    "mjpeg.avi": ("AVI with mjpeg", ClipSpec(codec="mjpeg", pixels="yuvj420p")),
    "raw.avi": ("AVI with rawvideo", ClipSpec(codec="rawvideo", pixels="bgr24")),
    "h264.avi": ("AVI with h264", ClipSpec()),
    "h264.ts": ("MPEG-TS with h264", ClipSpec()),
    "a.wmv": ("WMV/ASF with wmv2", ClipSpec(codec="wmv2")),
    "a.ogg": ("Ogg with vp8", ClipSpec(codec="libvpx")),
    "hevc.mp4": ("MP4/MOV with hevc", ClipSpec(codec="libx265")),
    "prores.mov": ("MP4/MOV with prores", ClipSpec(codec="prores_ks", pixels="yuv422p10le")),
    "mpeg4.mp4": ("MP4/MOV with mpeg4", ClipSpec(codec="mpeg4", b_frames=0)),
    "ten_bits.mp4": ("h264 in yuv420p10le", ClipSpec(pixels="yuv420p10le")),
    "rgb.mp4": ("h264 in gbrp", ClipSpec(codec="libx264rgb", pixels="rgb24")),
    "odd.mp4": ("h264 in yuv444p", ClipSpec(pixels="yuv444p", width=65, height=47)),
}
SHOWN_TOO = frozenset({"a.ogg", "ten_bits.mp4", "odd.mp4", "rgb.mp4"})
"""What this Chromium plays beyond the rule; it shows the colours of rgb.mp4 wrongly."""


def test_chromium_plays_what_is_imported_as_it_is(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    for name, spec in PLAYED.items():
        clip = write_clip(tmp_path / name, spec)
        assert not_played_in(clip) == "", name
        assert number_of(shown(page, clip)) == 1, name
    page.close()


def test_chromium_plays_the_copies_of_the_others(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    for name, (what, spec) in NOT_PLAYED.items():
        clip = write_clip(tmp_path / name, spec)
        assert not_played_in(clip) == what
        if name not in SHOWN_TOO:
            with pytest.raises(Exception, match="DEMUXER_ERROR"):
                shown(page, clip)
        copy = reencode(clip, tmp_path / "out").path
        assert not_played_in(copy) == ""
        assert number_of(shown(page, copy)) == 1, name
    page.close()
