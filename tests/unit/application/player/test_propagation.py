"""Propagations of the player: their range, the masks while they run, and reading from a cursor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.application.player.propagation import EventPage, WantedRange, planned_range
from backend.domain.errors import NotFound, PromptError
from backend.domain.jobs import Job, JobState
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex
from tests.unit.application.player.builders import BOB, CAT, DOG, Player, click


def wish(start: int, direction: Direction = Direction.FORWARD, count: int | None = None) -> WantedRange:
    return WantedRange(FrameIndex(start), direction, count)


def test_a_range_of_frames_has_masks_and_the_others_have_none() -> None:
    player = Player()
    player.put(click(2))
    player.propagations().start(player.edits().opened, wish(2, count=3))
    player.parts.work_off()
    assert set(player.shown()) == {(CAT, frame) for frame in (2, 3, 4, 5)}


def test_skipped_frames_get_no_masks_until_a_propagation_makes_them() -> None:
    player = Player()
    player.put(click(2))
    skipping = replace(wish(2, count=2), skip=2)
    run = player.propagations().start(player.edits().opened, skipping)
    player.parts.work_off()
    assert run.request.frames is not None
    assert (run.request.frames.start, run.request.frames.stop) == (2, 9)
    assert set(player.shown()) == {(CAT, frame) for frame in (2, 5, 8)}
    player.propagations().start(player.edits().opened, wish(2))
    player.parts.work_off()
    assert set(player.shown()) == {(CAT, frame) for frame in range(2, 10)}


def test_the_open_frame_is_among_the_frames_with_masks() -> None:
    player = Player()
    player.put(click(0))
    player.propagations().start(player.edits().opened, replace(wish(4, count=1), skip=2))
    player.parts.work_off()
    assert set(player.shown()) == {(CAT, frame) for frame in (0, 1, 4, 7)}


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
        ((10,), replace(wish(10, count=5), skip=3), (10, 31)),
        ((10,), replace(wish(10, Direction.BACKWARD, 2), skip=3), (2, 71)),
        ((10,), replace(wish(90, count=None), skip=3), (10, 100)),
    ],
)
def test_the_range_includes_the_frames_that_the_model_needs(
    clicked: tuple[int, ...], wanted: WantedRange, expected: tuple[int, int] | None
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
    wanted = WantedRange(FrameIndex(0), Direction.FORWARD, None, (DOG,))
    unknown = replace(wanted, objects=(DOG, ObjectId("Bat")))
    with pytest.raises(PromptError, match="object 'Bat' has no prompts: click it first"):
        player.propagations().start(player.edits().opened, unknown)
    run = player.propagations().start(player.edits().opened, wanted)
    player.parts.work_off()
    assert player.parts.ledger.job(run.job.job_id).state is JobState.DONE
    assert {key for key in player.shown() if key[1] > 0} == {(DOG, frame) for frame in range(1, 10)}


def propagated(player: Player, *objects: ObjectId) -> Job:
    """The ended job of a propagation of the whole video; of all objects if none is named."""
    wanted = WantedRange(FrameIndex(0), Direction.FORWARD, None, objects or None)
    run = player.propagations().start(player.edits().opened, wanted)
    player.parts.work_off()
    return player.parts.ledger.job(run.job.job_id)


def test_a_propagation_of_chosen_objects_keeps_the_masks_of_the_others() -> None:
    player = Player()
    player.put(click(0))
    player.put(click(0, DOG))
    propagated(player)
    before = player.shown()
    player.put(click(5, DOG))
    job = propagated(player, DOG)
    assert (job.state, job.total) == (JobState.DONE, 5)
    newest = player.parts.masks.read(job.masks_run)
    assert {(masklet.object_id, len(masklet.frames)) for masklet in newest.masklets} == {(CAT, 10), (DOG, 10)}
    after = player.shown()
    assert [after[CAT, frame] for frame in range(10)] == [before[CAT, frame] for frame in range(10)]
    assert propagated(player).total == 0


def test_objects_that_are_not_chosen_stay_through_many_propagations() -> None:
    player = Player()
    player.put(click(0))
    player.put(click(0, DOG))
    propagated(player)
    for frame in range(1, 7):
        player.put(click(frame, DOG))
        propagated(player, DOG)
    assert set(player.shown()) == {(each, frame) for each in (CAT, DOG) for frame in range(10)}


def test_a_changed_prompt_of_an_object_that_is_not_chosen_waits_for_its_own_propagation() -> None:
    player = Player()
    player.put(click(0))
    player.put(click(0, DOG))
    propagated(player)
    player.put(click(4, x=0.2))
    newest = player.parts.masks.read(propagated(player, DOG).masks_run)
    (cat,) = (masklet for masklet in newest.masklets if masklet.object_id == CAT)
    assert [frame.frame_index for frame in cat.frames] == [0, 1, 2, 3]
    assert {frame for each, frame in player.shown() if each == CAT} == set(range(10))
    assert player.shown()[CAT, 4].origin is MaskOrigin.PROMPTED
    assert propagated(player).total == 6


def test_a_choice_of_all_objects_is_no_choice() -> None:
    player = Player()
    player.put(click(0))
    assert propagated(player, CAT).job_id == propagated(player).job_id


def stopping_at(player: Player, frame: int) -> str:
    """Starts a propagation that is stopped while it makes this frame; returns the job's id."""
    player.put(click(0))
    job_id = player.propagations().start(player.edits().opened, wish(0)).job.job_id

    def on_frame(index: int) -> None:
        if index == frame:
            player.propagations().stop(job_id)

    player.parts.segmenter.on_frame = on_frame
    return job_id


def test_a_stopped_propagation_keeps_the_masks_it_has() -> None:
    player = Player()
    job_id = stopping_at(player, 3)
    player.parts.work_off()
    job = player.parts.ledger.job(job_id)
    assert (job.state, job.done, job.total) == (JobState.DONE, 4, 10)
    assert set(player.shown()) == {(CAT, frame) for frame in range(4)}
    page = player.propagations().read("0")
    assert ([mask.frame_index for mask in page.masks], page.is_over) == ([0, 1, 2, 3], True)


def test_a_stopped_propagation_runs_again_when_it_is_asked_for() -> None:
    player = Player()
    job_id = stopping_at(player, 3)
    player.parts.work_off()
    player.parts.segmenter.on_frame = lambda _: None
    run = player.propagations().start(player.edits().opened, wish(0))
    assert (run.job.job_id, run.job.state) == (job_id, JobState.QUEUED)
    player.parts.work_off()
    assert set(player.shown()) == {(CAT, frame) for frame in range(10)}


def test_the_masks_of_a_stopped_run_stay_while_it_runs_again() -> None:
    player = Player()
    stopping_at(player, 3)
    player.parts.work_off()
    player.parts.segmenter.on_frame = lambda _: None
    player.propagations().start(player.edits().opened, wish(0))
    assert set(player.shown()) == {(CAT, frame) for frame in range(4)}


def test_a_worker_that_restarts_keeps_the_promise_to_stop() -> None:
    player = Player()
    player.parts.runner = replace(player.parts.runner, snapshot_frames=2)
    player.put(click(0))
    job = player.propagations().start(player.edits().opened, wish(0)).job

    def on_frame(index: int) -> None:
        player.parts.stopping = index == 4

    player.parts.segmenter.on_frame = on_frame
    player.parts.run(job)
    queued = player.propagations().stop(job.job_id).job
    assert (queued.state, queued.attempt) == (JobState.QUEUED, 2)
    player.parts.stopping = False
    player.parts.segmenter.on_frame = lambda _: None
    player.parts.work_off()
    ended = player.parts.ledger.job(job.job_id)
    assert (ended.state, ended.done < 10) == (JobState.DONE, True)
    assert {(CAT, frame) for frame in range(4)} <= set(player.shown())


def test_a_propagation_that_no_worker_began_is_cancelled() -> None:
    player = Player()
    player.put(click(0))
    run = player.propagations().start(player.edits().opened, wish(0))
    assert player.propagations().stop(run.job.job_id).job.state is JobState.CANCELLED


def test_a_correction_after_a_stop_keeps_the_frames_before_it() -> None:
    player = Player()
    job_id = stopping_at(player, 5)
    player.parts.work_off()
    before = player.shown()
    player.parts.segmenter.on_frame = lambda _: None
    player.put(click(4))
    run = player.propagations().start(player.edits().opened, wish(4))
    player.parts.work_off()
    assert run.job.job_id != job_id
    assert player.parts.ledger.job(run.job.job_id).total == 6
    after = player.shown()
    assert [after[CAT, frame] for frame in range(4)] == [before[CAT, frame] for frame in range(4)]
    assert len(after) == 10
