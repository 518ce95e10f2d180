"""The list of `masklet next`: pages of tasks count from 1, frames of files from 0."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from backend.application.review.next_frames import NextFrame, ReviewFrame, ReviewVideo
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.uncertainty.prioritization import Choice, Reason
from backend.domain.video import FrameIndex
from backend.interfaces.cli.next_ import _show

OBJECT = ObjectId("r1")


@pytest.mark.parametrize(
    ("task", "heading", "number"), [(TaskKey(7, 12), "page", "5"), (None, "frame", "4")], ids=["task", "file"]
)
def test_clip_object_and_page_are_named(task: TaskKey | None, heading: str, number: str) -> None:
    seen = (ReviewFrame(FrameIndex(4), 0.31, MaskOrigin.PROPAGATED),)
    video = ReviewVideo("cats[1].mp4", 9, 24.0, "m", {OBJECT: seen}, task, labels={OBJECT: "Cat"})
    frame = NextFrame(video, Choice(FrameIndex(4), Reason.GAIN, 1.0), OBJECT, 0.31, 1.0)
    text = io.StringIO()
    _show(Console(file=text, width=100), [frame], is_done=False)
    lines = [
        [cell.strip() for cell in line.strip("┃│").replace("┃", "│").split("│")] for line in text.getvalue().split("\n")
    ]
    assert lines[1][:3] == ["clip", heading, "object"]
    assert lines[3][:3] == ["cats[1].mp4", number, "Cat"]
