"""A person without prompts sees the masks that no person made, and edits them as their own."""

from __future__ import annotations

import pytest

from backend.application.annotation.annotation_service import UserTask
from backend.application.player.prediction_start import PredictionStart
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import PromptSet
from backend.domain.video import FrameIndex, FrameRange
from tests.unit.application.builders import TASK
from tests.unit.application.player.builders import ANN, BOB, CAT, DOG, Player, click, opened_for

WHOLE = FrameRange(FrameIndex(0), FrameIndex(10))


@pytest.fixture
def player() -> Player:
    """A player on a task that a batch has propagated."""
    made = Player()
    unnamed = opened_for("").user_task
    made.parts.service.replace_prompts(unnamed, PromptSet.of([click(0), click(2, DOG)], {CAT: "Cat", DOG: "Dog"}))
    made.parts.work_off()
    return made


def start(player: Player) -> PredictionStart:
    return PredictionStart(player.masks)


def task_of(user: str) -> UserTask:
    return opened_for(user).user_task


def test_the_masks_of_a_batch_are_shown(player: Player) -> None:
    view = start(player).view_of(task_of(ANN))
    shown = player.masks.on(view, WHOLE)
    assert len(shown) == 20
    assert {mask.origin for mask in shown} <= {MaskOrigin.PROPAGATED, MaskOrigin.PROMPTED}
    assert not player.parts.ledger.prompts(TASK, user=ANN)


def test_an_edit_makes_them_the_persons_own(player: Player) -> None:
    before = player.masks.on(task_of(""), WHOLE)
    start(player).take_over(task_of(ANN))
    player.put(click(5, x=0.2))
    assert start(player).view_of(task_of(ANN)) == task_of(ANN)
    assert {(p.object_id, p.frame_index) for p in player.parts.ledger.prompts(TASK, user=ANN)} == {
        (CAT, 0),
        (CAT, 5),
        (DOG, 2),
    }
    shown = player.shown()
    assert len(shown) == 20
    for mask in before:
        key = (mask.object_id, mask.frame_index)
        assert key == (CAT, 5) or shown[key] == mask
    assert len(player.parts.ledger.prompts(TASK, user="").prompts) == 2


def test_what_was_forgotten_stays_away(player: Player) -> None:
    start(player).take_over(task_of(ANN))
    player.edits().forget(CAT)
    assert {key[0] for key in player.shown()} == {DOG}
    player.edits().forget(None)
    start(player).take_over(task_of(ANN))
    assert start(player).view_of(task_of(ANN)) == task_of(ANN)
    assert player.shown() == {}


def test_own_prompts_and_other_peoples_masks_are_no_start(player: Player) -> None:
    player.put(click(1), user=BOB)
    start(player).take_over(task_of(BOB))
    assert start(player).view_of(task_of(BOB)) == task_of(BOB)
    assert len(player.parts.ledger.prompts(TASK, user=BOB).prompts) == 1
    assert set(player.shown(user=BOB)) == {(CAT, 1)}


def test_a_batch_without_finished_masks_is_no_start() -> None:
    player = Player()
    prompts = PromptSet.of([click(0)], {CAT: "Cat"})
    player.parts.service.replace_prompts(task_of(""), prompts)
    assert start(player).view_of(task_of(ANN)) == task_of(ANN)
    assert start(player).view_of(task_of("")) == task_of("")
