"""The prompt file: its objects, and errors that name the place of each fault."""

from __future__ import annotations

import numpy as np
import pytest

from backend.application.annotation.prompt_file import parse_prompts, refuse_masks
from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, Box, Point
from backend.domain.prompts import PointPrompt


def test_points_box_and_label_are_read() -> None:
    prompts = parse_prompts(
        {
            "objects": [
                {
                    "id": "cat",
                    "label": "Cat",
                    "prompts": [{"frame": 3, "points": [[0.25, 0.5, 1], [0.75, 0.5, 0]], "box": [0.1, 0.2, 0.6, 0.8]}],
                }
            ]
        },
        refuse_masks,
    )
    (prompt,) = prompts
    assert prompt.frame_index == 3
    assert prompt.points == (PointPrompt(Point(0.25, 0.5), True), PointPrompt(Point(0.75, 0.5), False))
    assert prompt.box == Box(0.1, 0.2, 0.6, 0.8)
    assert dict(prompts.labels) == {"cat": "Cat"}


def test_a_mask_is_read_by_its_name() -> None:
    asked: list[str] = []

    def read(name: str) -> BoolMask:
        asked.append(name)
        return np.eye(4, dtype=np.bool_)

    prompts = parse_prompts({"objects": [{"id": "a", "prompts": [{"frame": 0, "mask": "first.png"}]}]}, read)
    (prompt,) = prompts
    assert asked == ["first.png"]
    assert prompt.mask is not None
    assert prompt.mask.sum() == 4
    assert dict(prompts.labels) == {"a": "a"}


def _with_prompt(**fields: object) -> object:
    return {"objects": [{"id": "a", "prompts": [fields]}]}


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        ([], "the prompt file must be an object"),
        ({}, "'objects' is missing"),
        ({"objects": []}, "'objects' is empty"),
        ({"objects": [{"prompts": []}]}, "objects[0]: 'id' is missing"),
        ({"objects": [{"id": "a", "prompts": []}]}, "objects[0].prompts is empty"),
        (_with_prompt(frame=-1, points=[[0, 0, 1]]), "objects[0].prompts[0].frame must be a whole number from 0"),
        (_with_prompt(frame=True, points=[[0, 0, 1]]), "frame must be a whole number"),
        (_with_prompt(frame=0), "has no points, box or mask"),
        (_with_prompt(frame=0, points=[[0.5, 1.5, 1]]), "points[0]: coordinate y must lie within the frame"),
        (_with_prompt(frame=0, points=[[0.5, float("nan"), 1]]), "coordinate y must lie within the frame"),
        (_with_prompt(frame=0, points=[[0.5, 0.5, 2]]), "polarity 1 (on the object) or 0"),
        (_with_prompt(frame=0, points=[0.5, 0.5]), "must be a list of numbers"),
        (_with_prompt(frame=0, box=[0.5, 0.1, 0.5, 0.4]), "box needs an area"),
        (_with_prompt(frame=0, box=[0.5, 0.1, 0.6]), "must be [x0, y0, x1, y1]"),
        (_with_prompt(frame=0, mask="m.png"), "prompt file only"),
        (_with_prompt(frame=0, pionts=[[0.5, 0.5, 1]]), "unknown field 'pionts'"),
        (
            {"objects": [{"id": "a", "prompts": [{"frame": 0, "box": [0, 0, 1, 1]}]}] * 2},
            "objects[1].id: 'a' is there twice",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(document: object, sentence: str) -> None:
    with pytest.raises(PromptError) as caught:
        parse_prompts(document, refuse_masks)
    assert sentence in str(caught.value)
