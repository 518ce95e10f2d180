"""The report page: its content, no external resources, escaped names."""

from __future__ import annotations

import re

import numpy as np

from backend.adapters.report.page import report_page
from backend.adapters.report.thumbnails import WIDTH_PX, thumbnail
from backend.application.review.next_frames import ReviewFrame, ReviewVideo, next_frames
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import FrameIndex

CAT = ObjectId("cat")


def video(version: str = "masklet-demo-12345678-u87654321", count: int = 4) -> ReviewVideo:
    frames = tuple(
        ReviewFrame(FrameIndex(i), i / count, MaskOrigin.HUMAN if i == 0 else MaskOrigin.PROPAGATED)
        for i in range(count)
    )
    return ReviewVideo("<b>.mp4", count, 24.0, version, {CAT: frames})


def page(shown: ReviewVideo) -> str:
    chosen = next_frames([shown], 2, rng=np.random.default_rng(0))
    return report_page(shown, chosen, labels={CAT: "Cat & co"}, picture=lambda index: f"data:,{index}")


def test_a_page_has_curves_marks_and_pictures() -> None:
    text = page(video())
    (points,) = re.findall(r'<polyline points="([^"]+)"', text)
    assert len(points.split()) == 4
    assert text.count('fill="#222"><title>frame 0, human') == 1
    assert re.findall(r'<img src="data:,(\d)"', text) == ["3", "2"]
    assert "Cat &amp; co" in text
    assert "The probability that" in text


def test_nothing_is_loaded_and_names_are_escaped() -> None:
    text = page(video())
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    assert "<script" not in text
    assert "<b>.mp4" not in text


def test_without_a_calibrator_uncertainty_is_a_rank() -> None:
    text = page(video("masklet-demo-12345678"))
    assert "uncertainty (rank)" in text
    assert "not a probability" in text


def test_a_long_curve_is_drawn_by_its_peaks() -> None:
    (points,) = re.findall(r'<polyline points="([^"]+)"', page(video(count=5000)))
    assert len(points.split()) == 1667


def test_a_thumbnail_has_frame_and_masks() -> None:
    frame, mask = np.zeros((10, 20, 3), np.uint8), np.ones((10, 20), np.bool_)
    assert thumbnail(None, [None]) == ""
    plain, masked = thumbnail(frame, [None]), thumbnail(frame, [mask])
    assert plain.startswith("data:image/jpeg;base64,")
    assert plain != masked
    assert WIDTH_PX == 240


def test_audits_are_on_the_page_if_any() -> None:
    text = report_page(video(), (), labels={}, picture=lambda _: "", audits="3 of 40 <wrong>")
    assert "Audits: 3 of 40 &lt;wrong&gt;." in text
    assert "Audits" not in page(video())
