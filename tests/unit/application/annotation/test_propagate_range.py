"""The propagation of masks over a range of frames."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.propagate_range import TURN_FRAMES, FrameRequest, backward_request, propagate_range
from backend.domain.errors import MediaError, PromptError
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.masklets import MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import MediaRef
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.engine import FakeCodec, FakeSegmenter, FakeVideo
from tests.unit.application.builders import CAT, TASK, USER_TASK, Parts, click_on

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
def test_the_requested_range_is_clipped_to_the_video(
    direction: Direction, frames: int | None, expected: list[int]
) -> None:
    assert list(FrameRequest(AT_4, direction, frames).frame_range(10)) == expected


def test_a_range_is_answered_from_the_clicks_propagation() -> None:
    parts = Parts()
    parts.service.answer_click(USER_TASK, click_on(4), AT_4, deadline_s=5)
    answer = propagate_range(parts.service, USER_TASK, FrameRequest(AT_4, Direction.FORWARD, 2), deadline_s=5)
    assert answer.run is not None
    assert [frame.frame_index for frame in answer.run.masklets[0].frames] == [4, 5, 6]
    assert [job.kind for job in parts.ledger.jobs(task=TASK)].count(JobKind.PROPAGATE) == 1


def test_at_the_deadline_the_answer_has_the_finished_frames() -> None:
    parts = Parts()
    parts.ledger.record_prompts(TASK, click_on(4))
    parts.clock.work = lambda: None
    answer = propagate_range(parts.service, USER_TASK, FrameRequest(AT_4, Direction.FORWARD, 2), deadline_s=5)
    assert (answer.run, answer.job.state) == (None, JobState.QUEUED)


def test_the_worker_s_error_is_raised() -> None:
    parts = Parts()
    parts.ledger.record_prompts(TASK, click_on(4))
    parts.media.error = MediaError("the file is a web page")
    with pytest.raises(MediaError, match="the file is a web page"):
        propagate_range(parts.service, USER_TASK, FrameRequest(AT_4, Direction.FORWARD, 2), deadline_s=5)


def test_a_superseded_range_is_answered_by_the_newer_prompt() -> None:
    parts = Parts()
    parts.ledger.record_prompts(TASK, click_on(4))

    def another() -> None:
        parts.clock.work = parts.work_off
        parts.service.propagate_and_wait(USER_TASK, click_on(0, object_id=ObjectId("dog")), deadline_s=0)

    parts.clock.work = another
    answer = propagate_range(parts.service, USER_TASK, FrameRequest(AT_4, Direction.FORWARD, 2), deadline_s=5)
    assert answer.run is not None
    assert {m.object_id: len(m.frames) for m in answer.run.masklets} == {CAT: 3, "dog": 3}
    assert parts.ledger.pending_waits().jobs == ()


def test_a_range_without_prompts_is_refused() -> None:
    with pytest.raises(PromptError, match="click an object first"):
        propagate_range(Parts().service, USER_TASK, FrameRequest(AT_4, Direction.FORWARD, 2), deadline_s=5)


def test_reused_masks_do_not_count_as_computed() -> None:
    """The dog's masks are complete at once; the answer still waits for the cat's."""
    parts = Parts()
    dog = ObjectId("dog")
    first = parts.service.propagate_and_wait(USER_TASK, click_on(0, object_id=dog), deadline_s=5).job
    both = parts.ledger.record_prompts(TASK, click_on(4))
    parts.clock.work = lambda: None
    job = parts.service.propagate_and_wait(USER_TASK, both, deadline_s=0).job
    parts.ledger.start(job.job_id, 1, "worker-1")
    parts.clock.slept.clear()
    labels = {CAT: "Cat", dog: "Cat"}
    with parts.masks.writer(f"{job.job_id}-a1", video=parts.media.video.info, labels=labels) as writer:
        writer.copy_run(first.masks_run, lambda *_: True)
        writer.flush()
        answer = propagate_range(parts.service, USER_TASK, FrameRequest(AT_4, Direction.FORWARD, 2), deadline_s=5)
        assert sum(parts.clock.slept) >= 5
        assert answer.run is not None
        assert {m.object_id: len(m.frames) for m in answer.run.masklets} == {CAT: 0, dog: 3}
        parts.clock.slept.clear()
        propagate_range(parts.service, USER_TASK, FrameRequest(FrameIndex(3), Direction.BACKWARD, 3), deadline_s=5)
        assert parts.clock.slept == []  # the cat was prompted later: its masks of these pages come last


PAGES = replace(USER_TASK, media=MediaRef(tuple(f"/{page}.png" for page in range(40)), is_pages=True))


@pytest.mark.parametrize(
    ("prompted", "frame_request", "expected"),
    [
        ([20], FrameRequest(FrameIndex(20), Direction.BACKWARD, 5), (15, 20 + TURN_FRAMES)),
        ([20], FrameRequest(FrameIndex(20), Direction.BACKWARD), (0, 20 + TURN_FRAMES)),
        ([20, 30], FrameRequest(FrameIndex(22), Direction.BACKWARD, 5), (17, 20 + TURN_FRAMES)),
        ([20], FrameRequest(FrameIndex(38), Direction.BACKWARD, 25), (13, 39)),
        ([35], FrameRequest(FrameIndex(35), Direction.BOTH, 2), (33, 40)),
        ([20], FrameRequest(FrameIndex(20), Direction.FORWARD, 5), None),
        ([10], FrameRequest(FrameIndex(20), Direction.BACKWARD, 5), None),
        ([30], FrameRequest(FrameIndex(20), Direction.BACKWARD, 5), None),
    ],
    ids=["a few", "to the start", "a correction", "far", "both", "forward", "made going forward", "prompted later"],
)
def test_frames_before_the_first_prompt_are_a_separate_job(
    prompted: list[int], frame_request: FrameRequest, expected: tuple[int, int] | None
) -> None:
    prompts = PromptSet.of([prompt for frame in prompted for prompt in click_on(frame)], {CAT: "Cat"})
    request = backward_request(PAGES, prompts, frame_request)
    found = None if request is None or request.frames is None else (request.frames.start, request.frames.stop)
    assert found == expected


def test_a_video_file_has_no_backward_request() -> None:
    assert backward_request(USER_TASK, click_on(20), FrameRequest(FrameIndex(20), Direction.BACKWARD, 5)) is None


def test_a_backward_range_does_not_wait_for_the_end() -> None:
    parts = Parts()
    parts.media.video = FakeVideo(40)
    parts.ledger.record_prompts(TASK, click_on(20))
    whole = parts.service.propagate_and_wait(PAGES, click_on(20), deadline_s=0).job
    parts.ledger.start(whole.job_id, 1, "worker-1")  # it propagates forward
    waited_jobs: list[str] = []

    def work() -> None:
        waited_jobs.extend(one.job_id for one in parts.ledger.pending_waits().jobs)
        parts.work_off()

    parts.clock.work = work
    answer = propagate_range(parts.service, PAGES, FrameRequest(FrameIndex(20), Direction.BACKWARD, 5), deadline_s=5)
    assert answer.run is not None
    assert [frame.frame_index for frame in answer.run.masklets[0].frames] == [15, 16, 17, 18, 19, 20]
    assert parts.ledger.job(whole.job_id).state is JobState.RUNNING
    assert waited_jobs == [answer.job.job_id]
    assert answer.job.is_session
    assert parts.ledger.pending_waits().jobs == ()
    assert parts.ledger.latest_push(TASK) is None


def test_at_the_deadline_the_job_with_more_frames_is_shown() -> None:
    parts = Parts()
    parts.media.video = FakeVideo(40)
    whole = parts.service.propagate_and_wait(PAGES, click_on(20), deadline_s=0).job
    parts.ledger.start(whole.job_id, 1, "worker-1")
    backward = parts.service.submit(_backward_request_of(PAGES, click_on(20)))
    parts.ledger.start(backward.job_id, 1, "worker-1")
    parts.clock.work = lambda: None
    evidence = FakeSegmenter().segment(parts.media.video, click_on(20), FrameIndex(20)).objects[0].evidence
    with (
        parts.masks.writer(f"{whole.job_id}-a1", video=parts.media.video.info, labels={CAT: "Cat"}) as whole_run,
        parts.masks.writer(f"{backward.job_id}-a1", video=parts.media.video.info, labels={CAT: "Cat"}) as backward_run,
    ):
        for writer, frames in ((whole_run, (20,)), (backward_run, (20, 19, 18))):
            for index in frames:
                mask = FakeCodec().encode(np.zeros((8, 16), np.bool_))
                writer.append(CAT, MaskletFrame(FrameIndex(index), mask, evidence, MaskOrigin.PROPAGATED, 0.5))
            writer.flush()
        answer = propagate_range(
            parts.service, PAGES, FrameRequest(FrameIndex(20), Direction.BACKWARD, 5), deadline_s=1
        )
    assert answer.job.job_id == backward.job_id
    assert answer.run is not None
    assert [frame.frame_index for frame in answer.run.masklets[0].frames] == [18, 19, 20]


def _backward_request_of(user_task: UserTask, prompts: PromptSet) -> PropagationRequest:
    request = backward_request(user_task, prompts, FrameRequest(FrameIndex(20), Direction.BACKWARD, 5))
    assert request is not None
    return request


def test_a_waiter_is_recorded_until_the_answer() -> None:
    parts = Parts()
    parts.ledger.record_prompts(TASK, click_on(4))
    waited_jobs: list[str] = []

    def work() -> None:
        waited_jobs.extend(one.job_id for one in parts.ledger.pending_waits().jobs)
        parts.work_off()

    parts.clock.work = work
    answer = propagate_range(parts.service, USER_TASK, FrameRequest(AT_4, Direction.FORWARD, 2), deadline_s=5)
    assert waited_jobs == [answer.job.job_id]
    assert parts.ledger.pending_waits().jobs == ()


def test_a_poll_reads_only_the_requested_range() -> None:
    parts = Parts()
    parts.service.answer_click(USER_TASK, click_on(4), AT_4, deadline_s=5)
    parts.work_off()
    ranges_read: list[FrameRange | None] = []
    partial = parts.masks.partial

    def partial_recorded(run: str, frames: FrameRange | None = None) -> MaskRun | None:
        ranges_read.append(frames)
        return partial(run, frames)

    parts.masks.partial = partial_recorded  # type: ignore[method-assign]
    propagate_range(parts.service, USER_TASK, FrameRequest(AT_4, Direction.FORWARD, 2), deadline_s=5)
    assert {(frames.start, frames.stop) for frames in ranges_read if frames is not None} == {(0, 1), (4, 5), (4, 7)}
    assert None not in ranges_read
