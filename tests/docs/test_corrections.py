"""The picture of docs/semantics.md agrees with the pass plan, frame by frame."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.replan import EarlierRun, Scope, incremental_pass_plan
from backend.domain.video import Direction, FrameIndex, FrameRange

PICTURE = Path(__file__).parents[2] / "docs" / "corrections.svg"
SVG = "{http://www.w3.org/2000/svg}"
FRAMES = 24
REUSED, RECOMPUTED, PROMPTED, CORRECTED = "#d7dde5", "#f4a259", "#2f6690", "#b23a48"
CAT = ObjectId("cat")


def rows() -> list[list[str]]:
    """The colours of the picture's rows of frames."""
    by_row: dict[str, list[str]] = {}
    for shape in ElementTree.parse(PICTURE).iter(f"{SVG}rect"):
        by_row.setdefault(shape.get("y", ""), []).append(shape.get("fill", ""))
    return [colours for colours in by_row.values() if len(colours) == FRAMES]


def clicks(frames: dict[int, float]) -> PromptSet:
    """One click of the cat per frame. frames: frame index -> x, relative to the frame."""
    prompts = (FramePrompt(CAT, FrameIndex(f), (PointPrompt(Point(x, 0.5)),)) for f, x in frames.items())
    return PromptSet.of(prompts, {})


@pytest.mark.parametrize(
    ("row", "prompted", "scope"),
    [
        (0, {4: 0.5, 15: 0.5}, Scope.ONWARD),
        (1, {4: 0.5, 9: 0.5, 15: 0.5}, Scope.ONWARD),
        (2, {4: 0.5, 15: 0.5, 19: 0.5}, Scope.ONWARD),
        (3, {4: 0.5, 15: 0.9}, Scope.ONWARD),
        (4, {1: 0.5, 4: 0.5, 15: 0.5}, Scope.ONWARD),
        (5, {4: 0.5}, Scope.ONWARD),
        (6, {4: 0.5, 9: 0.5, 15: 0.5}, Scope.AROUND),
    ],
)
def test_the_picture_agrees_with_the_plan(row: int, prompted: dict[int, float], scope: Scope) -> None:
    whole = FrameRange(FrameIndex(0), FrameIndex(FRAMES))
    before = EarlierRun(clicks({4: 0.5, 15: 0.5}), {CAT: (whole,)})
    plan = incremental_pass_plan(
        clicks(prompted), before, frame_count=FRAMES, direction=Direction.BOTH, requested=whole, scope=scope
    )
    planned = [
        (PROMPTED if frame in prompted else REUSED)
        if plan.keeps(CAT, frame)
        else (CORRECTED if frame in prompted else RECOMPUTED)
        for frame in range(FRAMES)
    ]
    assert rows()[row] == planned


def test_every_row_is_tested() -> None:
    assert len(rows()) == 7
