"""Edits of prompts in the player: what is kept, what is refused, and which masks they give."""

from __future__ import annotations

import numpy as np
import pytest

from backend.application.player.propagation import WantedRange
from backend.domain.errors import MediaError, NotFound, PromptError, ServiceUnavailable
from backend.domain.jobs import JobKind
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import FramePrompt, ObjectId
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.unit.application.builders import TASK
from tests.unit.application.player.builders import ANN, BOB, CAT, DOG, Player, click

WHOLE = WantedRange(FrameIndex(0), Direction.BOTH)


def drawn(frame: int, *, height: int = 8, width: int = 16) -> FramePrompt:
    mask = np.zeros((height, width), np.bool_)
    mask[0] = True
    return FramePrompt(CAT, FrameIndex(frame), mask=mask)


def test_a_click_gives_the_mask_of_its_frame() -> None:
    player = Player()
    (mask,) = player.put(click(4)).masks
    assert (mask.object_id, mask.frame_index, mask.origin) == (CAT, 4, MaskOrigin.PROMPTED)
    assert player.shown()[CAT, 4].mask == mask.mask
    assert [job.kind for job in player.parts.ledger.jobs(task=TASK)] == [JobKind.INTERACTIVE]


def test_a_prompt_replaces_the_earlier_one_of_its_frame() -> None:
    player = Player()
    player.put(click(4, x=0.2))
    (prompt,) = player.put(click(4, x=0.8)).prompts
    assert [point.point.x_rel for point in prompt.points] == [0.8]


@pytest.mark.parametrize(
    ("prompt", "label", "sentence"),
    [
        (click(10), "Cat", "frame 10 is not in the video"),
        (click(4), "Horse", "label 'Horse' is not in the label config; it has Cat, Dog"),
        (click(4, positive=False), "Cat", "'Cat' has negative clicks only"),
        (drawn(4, height=9), "Cat", "the mask is 16x9 pixels; the video is 16x8"),
    ],
)
def test_a_refused_prompt_is_not_kept(prompt: FramePrompt, label: str, sentence: str) -> None:
    player = Player()
    with pytest.raises(PromptError, match=sentence):
        player.put(prompt, label=label)
    assert not player.parts.ledger.prompts(TASK, user=ANN)
    assert player.parts.ledger.jobs(task=TASK) == ()


def test_a_prompt_that_the_worker_refuses_is_not_kept() -> None:
    player = Player()
    player.put(click(1))
    player.parts.media.error = MediaError("the file is a web page")
    with pytest.raises(MediaError):
        player.put(click(4))
    assert player.parts.ledger.prompts(TASK, user=ANN).prompted_frames == (1,)


def test_an_unanswered_prompt_is_not_kept() -> None:
    player = Player()
    player.parts.clock.work = lambda: None
    with pytest.raises(ServiceUnavailable, match="no worker answered"):
        player.put(click(4))
    assert not player.parts.ledger.prompts(TASK, user=ANN)


def test_each_user_has_prompts_and_masks_of_their_own() -> None:
    player = Player()
    player.put(click(4))
    player.put(click(6, DOG), user=BOB)
    assert set(player.shown()) == {(CAT, 4)}
    assert set(player.shown(user=BOB)) == {(DOG, 6)}


def test_a_drawn_mask_is_a_human_frame_without_a_job() -> None:
    player = Player()
    (mask,) = player.put(drawn(4)).masks
    assert (mask.origin, mask.uncertainty) == (MaskOrigin.HUMAN, 0.0)
    assert player.shown()[CAT, 4].origin is MaskOrigin.HUMAN
    assert player.parts.ledger.jobs(task=TASK) == ()


def test_a_propagation_does_not_replace_a_human_mask() -> None:
    player = Player()
    player.put(click(0))
    (human,) = player.put(drawn(4)).masks
    player.propagations().start(player.edits().opened, WHOLE)
    player.parts.work_off()
    assert player.shown()[CAT, 4] == human
    assert player.shown()[CAT, 5].origin is MaskOrigin.PROPAGATED


def test_a_changed_prompt_shows_its_preview_until_the_next_run() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, WHOLE)
    player.parts.work_off()
    player.put(click(5))
    assert player.shown()[CAT, 5].origin is MaskOrigin.PROMPTED
    assert player.shown()[CAT, 6].origin is MaskOrigin.PROPAGATED


def test_a_deleted_prompt_leaves_the_mask_of_the_others() -> None:
    player = Player()
    player.put(click(0))
    player.put(click(5))
    result = player.edits().delete(CAT, FrameIndex(5), deadline_s=5)
    assert result.prompts.prompted_frames == (0,)
    assert [mask.origin for mask in result.masks] == [MaskOrigin.PROPAGATED]
    assert player.shown()[CAT, 5].origin is MaskOrigin.PROPAGATED


def test_the_last_prompt_takes_the_object_with_it() -> None:
    player = Player()
    player.put(click(5))
    result = player.edits().delete(CAT, FrameIndex(5), deadline_s=5)
    assert (result.masks, result.prompts.object_ids) == ((), ())
    assert player.shown() == {}


def test_a_forgotten_object_does_not_come_back_with_a_new_click() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, WHOLE)
    player.parts.work_off()
    player.parts.clock.advance(1)
    player.edits().forget(CAT)
    player.put(click(3))
    assert set(player.shown()) == {(CAT, 3)}


def test_forgetting_all_cancels_the_open_propagation() -> None:
    player = Player()
    player.put(click(0))
    player.put(click(0, DOG))
    run = player.propagations().start(player.edits().opened, WHOLE)
    assert not player.edits().forget(None).prompts
    assert player.parts.ledger.job(run.job.job_id).state == "cancelled"


def test_a_renamed_object_keeps_its_prompts() -> None:
    player = Player()
    player.put(click(0))
    result = player.edits().rename(CAT, "Dog")
    assert result.prompts.labels == {CAT: "Dog"}
    assert player.parts.ledger.prompts(TASK, user=ANN).labels == {CAT: "Dog"}
    with pytest.raises(NotFound):
        player.edits().rename(ObjectId("Cat 2"), "Dog")


def test_approved_masks_become_human_frames() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, WHOLE)
    player.parts.work_off()
    before = player.shown()
    result = player.edits().approve(None, FrameRange(FrameIndex(2), FrameIndex(4)))
    assert [(mask.frame_index, mask.origin) for mask in result.masks] == [(2, MaskOrigin.HUMAN), (3, MaskOrigin.HUMAN)]
    assert result.prompts.prompted_frames == (0, 2, 3)
    assert player.shown()[CAT, 2].mask == before[CAT, 2].mask


def test_every_edit_raises_the_revision() -> None:
    player = Player()
    revisions = [player.put(click(0)).revision, player.put(click(1)).revision, player.edits().forget(CAT).revision]
    assert revisions == [1, 2, 3]
