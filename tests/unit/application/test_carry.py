"""Carrying masks over a few frames."""

from __future__ import annotations

import pytest

from backend.application.carry import Reach, carry
from backend.application.requests import JobKind, JobState
from backend.domain.errors import MediaError, PromptError
from backend.domain.video import Direction, FrameIndex
from tests.unit.application.parts import CANVAS, TASK, Parts, click_on

AT_4 = FrameIndex(4)


@pytest.mark.parametrize(
    ("direction", "frames", "expected"),
    [
        (Direction.FORWARD, 2, [4, 5, 6]),
        (Direction.BACKWARD, 2, [2, 3, 4]),
        (Direction.BOTH, 2, [2, 3, 4, 5, 6]),
        (Direction.FORWARD, None, [4, 5, 6, 7, 8, 9]),
        (Direction.BACKWARD, 99, [0, 1, 2, 3, 4]),
    ],
)
def test_reach_stays_within_the_video(direction: Direction, frames: int | None, expected: list[int]) -> None:
    assert list(Reach(AT_4, direction, frames).span(10)) == expected


def test_frames_within_reach_are_answered_from_the_propagation_that_the_click_began() -> None:
    parts = Parts()
    parts.desk.click(CANVAS, click_on(4), AT_4, deadline_s=5)
    answer = carry(parts.desk, CANVAS, Reach(AT_4, Direction.FORWARD, 2), deadline_s=5)
    assert answer.run is not None
    assert [frame.frame_index for frame in answer.run.masklets[0].frames] == [4, 5, 6]
    assert [job.kind for job in parts.ledger.jobs(task=TASK)].count(JobKind.PROPAGATE) == 1


def test_at_the_deadline_there_is_what_there_is() -> None:
    parts = Parts()
    parts.ledger.record_prompts(TASK, click_on(4))
    parts.clock.work = lambda: None
    answer = carry(parts.desk, CANVAS, Reach(AT_4, Direction.FORWARD, 2), deadline_s=5)
    assert (answer.run, answer.job.state) == (None, JobState.QUEUED)


def test_what_the_worker_found_wrong_is_raised() -> None:
    parts = Parts()
    parts.ledger.record_prompts(TASK, click_on(4))
    parts.media.error = MediaError("the file is a web page")
    with pytest.raises(MediaError, match="the file is a web page"):
        carry(parts.desk, CANVAS, Reach(AT_4, Direction.FORWARD, 2), deadline_s=5)


def test_nothing_is_carried_before_anything_is_prompted() -> None:
    with pytest.raises(PromptError, match="click an object first"):
        carry(Parts().desk, CANVAS, Reach(AT_4, Direction.FORWARD, 2), deadline_s=5)
