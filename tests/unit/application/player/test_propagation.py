"""Propagations of the player: their range, the masks while they run, and reading from a cursor."""

from __future__ import annotations

import pytest

from backend.application.player.propagation import EventPage, PropagationWish, planned_range
from backend.domain.errors import NotFound, PromptError
from backend.domain.jobs import JobState
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction, FrameIndex
from tests.unit.application.player.builders import BOB, CAT, DOG, Player, click


def wish(start: int, direction: Direction = Direction.FORWARD, count: int | None = None) -> PropagationWish:
    return PropagationWish(FrameIndex(start), direction, count)


def test_a_range_of_frames_has_masks_and_the_others_have_none() -> None:
    player = Player()
    player.put(click(2))
    player.propagations().start(player.edits().opened, wish(2, count=3))
    player.parts.work_off()
    assert set(player.shown()) == {(CAT, frame) for frame in (2, 3, 4, 5)}


def test_the_next_frames_go_on_from_the_last_prompted_frame() -> None:
    player = Player()
    player.put(click(2))
    player.propagations().start(player.edits().opened, wish(2, count=2))
    player.parts.work_off()
    run = player.propagations().start(player.edits().opened, wish(4, count=2))
    player.parts.work_off()
    assert run.request.frames is not None
    assert (run.request.frames.start, run.request.frames.stop) == (2, 7)
    assert set(player.shown()) == {(CAT, frame) for frame in range(2, 7)}


@pytest.mark.parametrize(
    ("clicked", "wanted", "expected"),
    [
        ((10,), wish(10, count=5), (10, 16)),
        ((10, 30), wish(35, count=5), (30, 41)),
        ((10,), wish(10, Direction.BACKWARD, 5), (5, 26)),
        ((10,), wish(50, Direction.BACKWARD, 5), (10, 51)),
        ((10,), wish(10, Direction.BOTH, 20), (0, 31)),
        ((10,), wish(10, Direction.BOTH), None),
        ((10,), wish(5, count=20), (5, 26)),
    ],
)
def test_the_range_includes_the_frames_that_the_model_needs(
    clicked: tuple[int, ...], wanted: PropagationWish, expected: tuple[int, int] | None
) -> None:
    prompts = PromptSet.of([click(frame) for frame in clicked], {})
    frames, _ = planned_range(prompts, wanted, 100)
    assert (None if frames is None else (frames.start, frames.stop)) == expected


def test_a_forward_range_before_the_first_prompt_is_refused() -> None:
    prompts = PromptSet.of([click(50)], {})
    with pytest.raises(PromptError, match="nothing is prompted up to frame 15: the first prompt is on frame 50"):
        planned_range(prompts, wish(10, count=5), 100)


def test_nothing_is_propagated_without_prompts() -> None:
    player = Player()
    with pytest.raises(PromptError, match="nothing is prompted yet"):
        player.propagations().start(player.edits().opened, wish(0))


def test_a_user_does_not_find_the_propagation_of_another() -> None:
    player = Player()
    player.put(click(2))
    run = player.propagations().start(player.edits().opened, wish(2))
    assert player.propagations().find(run.job.job_id).job.job_id == run.job.job_id
    with pytest.raises(NotFound):
        player.propagations(BOB).find(run.job.job_id)
    assert player.propagations(BOB).newest() is None


def test_masks_are_read_once_from_a_cursor() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, wish(0))
    waiting = player.propagations().read("0")
    assert (waiting.masks, waiting.is_over) == ((), False)
    player.parts.work_off()
    first = player.propagations().read(waiting.cursor)
    assert [mask.frame_index for mask in first.masks] == list(range(10))
    again = player.propagations().read(first.cursor)
    assert (again.masks, again.is_over) == ((), True)


def test_a_cursor_of_another_propagation_starts_anew() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, wish(0, count=4))
    player.parts.work_off()
    cursor = player.propagations().read("0").cursor
    player.put(click(5))
    player.propagations().start(player.edits().opened, wish(5))
    player.parts.work_off()
    assert {mask.frame_index for mask in player.propagations().read(cursor).masks} >= {5, 6, 7, 8, 9}


def test_masks_of_a_prompt_that_changed_meanwhile_are_left_out() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, wish(0))
    player.parts.work_off()
    player.put(click(3, x=0.1))
    page: EventPage = player.propagations().read("0")
    assert 3 not in {mask.frame_index for mask in page.masks}


def test_older_masks_show_where_the_newest_run_has_none() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, wish(0))
    player.parts.work_off()
    player.put(click(4))
    player.propagations().start(player.edits().opened, wish(4, count=2))
    player.parts.work_off()
    assert set(player.shown()) == {(CAT, frame) for frame in range(10)}


def test_chosen_objects_alone_are_propagated() -> None:
    player = Player()
    player.put(click(0))
    player.put(click(0, DOG))
    wanted = PropagationWish(FrameIndex(0), Direction.FORWARD, None, (DOG,))
    run = player.propagations().start(player.edits().opened, wanted)
    player.parts.work_off()
    assert player.parts.ledger.job(run.job.job_id).state is JobState.DONE
    assert {key for key in player.shown() if key[1] > 0} == {(DOG, frame) for frame in range(1, 10)}
