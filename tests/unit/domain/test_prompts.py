"""Prompts add up per object and frame, and equal sets have equal digests."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.domain.errors import PromptError
from backend.domain.geometry import Box, Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import FrameIndex

CAT, DOG = ObjectId("cat"), ObjectId("dog")


def click(object_id: ObjectId, frame: int, x: float, *, positive: bool = True) -> FramePrompt:
    return FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(x, 0.5), positive),))


def test_clicks_on_one_frame_add_up_and_repeats_do_not() -> None:
    prompts = PromptSet.of([click(CAT, 0, 0.1), click(CAT, 0, 0.2, positive=False), click(CAT, 0, 0.1)], {})
    (prompt,) = prompts
    assert [(p.point.x_rel, p.positive) for p in prompt.points] == [(0.1, True), (0.2, False)]


def test_a_later_box_replaces_the_earlier_and_keeps_the_points() -> None:
    first, second = Box(0, 0, 0.5, 0.5), Box(0, 0, 1, 1)
    (prompt,) = PromptSet.of(
        [
            FramePrompt(CAT, FrameIndex(0), box=first),
            click(CAT, 0, 0.3),
            FramePrompt(CAT, FrameIndex(0), box=second),
        ],
        {},
    )
    assert prompt.box == second
    assert len(prompt.points) == 1


def test_a_mask_replaces_all_earlier_prompts() -> None:
    mask = np.ones((4, 4), np.bool_)
    (prompt,) = PromptSet.of([click(CAT, 0, 0.3), FramePrompt(CAT, FrameIndex(0), mask=mask)], {})
    assert prompt.mask is mask
    assert prompt.points == ()


def test_order_is_by_object_then_frame() -> None:
    prompts = PromptSet.of([click(DOG, 7, 0.1), click(CAT, 2, 0.1), click(DOG, 1, 0.1)], {CAT: "Cat"})
    assert [(p.object_id, p.frame_index) for p in prompts] == [("dog", 1), ("dog", 7), ("cat", 2)]
    assert prompts.prompted_frames == (1, 2, 7)
    assert dict(prompts.labels) == {"dog": "dog", "cat": "Cat"}


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(PromptError, match="has no points, box or mask"):
        FramePrompt(CAT, FrameIndex(0))


def test_a_mask_with_clicks_is_refused() -> None:
    with pytest.raises(PromptError, match="give either"):
        FramePrompt(CAT, FrameIndex(0), (PointPrompt(Point(0, 0)),), mask=np.ones((2, 2), np.bool_))


def test_a_negative_click_alone_is_refused() -> None:
    assert not click(CAT, 0, 0.5, positive=False).has_positive
    assert click(CAT, 0, 0.5).has_positive


def test_the_digest_depends_on_every_part_of_a_prompt() -> None:
    mask = np.zeros((4, 4), np.bool_)
    other = mask.copy()
    other[0, 0] = True
    sets = [
        PromptSet.of([click(CAT, 0, 0.5)], {CAT: "Cat"}),
        PromptSet.of([click(CAT, 0, 0.5)], {CAT: "Kitten"}),
        PromptSet.of([click(CAT, 1, 0.5)], {CAT: "Cat"}),
        PromptSet.of([click(CAT, 0, 0.5, positive=False)], {CAT: "Cat"}),
        PromptSet.of([FramePrompt(CAT, FrameIndex(0), box=Box(0, 0, 1, 1))], {CAT: "Cat"}),
        PromptSet.of([FramePrompt(CAT, FrameIndex(0), mask=mask)], {CAT: "Cat"}),
        PromptSet.of([FramePrompt(CAT, FrameIndex(0), mask=other, automatic=0.5)], {CAT: "Cat"}),
        PromptSet.of([FramePrompt(CAT, FrameIndex(0), mask=other)], {CAT: "Cat"}),
    ]
    assert len({prompts.digest() for prompts in sets}) == len(sets)
    again = PromptSet.of([FramePrompt(CAT, FrameIndex(0), mask=other.copy())], {CAT: "Cat"})
    assert again.digest() == sets[-1].digest()


def test_a_persons_click_makes_an_automatic_prompt_a_persons() -> None:
    found = FramePrompt(CAT, FrameIndex(0), mask=np.ones((4, 4), np.bool_), automatic=0.7)
    assert found.merged_with(click(CAT, 0, 0.5)).automatic is None
    guessed = FramePrompt(CAT, FrameIndex(0), box=Box(0, 0, 1, 1), automatic=0.7)
    assert guessed.merged_with(replace(click(CAT, 0, 0.5), automatic=0.4)).automatic == 0.4
    with pytest.raises(PromptError, match=r"within 0\.\.1, got 1\.5"):
        replace(guessed, automatic=1.5)
