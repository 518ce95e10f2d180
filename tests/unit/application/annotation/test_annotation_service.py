"""The annotation service's clicks, propagations, submitted annotations and batch calls."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.application.annotation.mask_selection import frame_of
from backend.domain.errors import MediaError, PromptError, ServiceUnavailable
from backend.domain.geometry import Point
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import FrameIndex
from tests.fakes.engine import FakeCodec
from tests.fakes.stores import damage
from tests.unit.application.builders import CAT, TASK, USER_TASK, Parts, click_on

NEGATIVE = PromptSet((FramePrompt(CAT, FrameIndex(2), (PointPrompt(Point(0.5, 0.5), positive=False),)),))
ANN, BEN = (replace(USER_TASK, user=user) for user in ("ann", "ben"))


def test_a_click_is_answered_with_the_mask_of_its_frame() -> None:
    parts = Parts()
    answer = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert answer.run is not None
    (masklet,) = answer.run.masklets
    (frame,) = masklet.frames
    assert (masklet.object_id, masklet.label, frame.frame_index) == ("cat", "Cat", 4)
    assert FakeCodec().decode(frame.mask)[:, 4].all()


def test_a_click_also_submits_a_propagation() -> None:
    parts = Parts()
    parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    kinds = {job.kind: job for job in parts.ledger.jobs(task=TASK)}
    assert kinds[JobKind.PROPAGATE].state is JobState.DONE
    assert kinds[JobKind.PROPAGATE].done == 10


def test_earlier_prompts_of_the_object_count_in_a_later_click() -> None:
    parts = Parts()
    parts.service.answer_click(USER_TASK, click_on(1, 0.2), FrameIndex(1), deadline_s=5)
    parts.service.answer_click(USER_TASK, click_on(4, 0.6), FrameIndex(4), deadline_s=5)
    newest = next(job for job in parts.ledger.jobs(task=TASK) if job.kind is JobKind.INTERACTIVE)
    assert parts.ledger.request(newest.job_id).prompts.prompted_frames == (1, 4)


def test_other_objects_prompts_are_in_the_propagation_only() -> None:
    parts = Parts()
    parts.service.answer_click(USER_TASK, click_on(1), FrameIndex(1), deadline_s=5)
    parts.service.answer_click(USER_TASK, click_on(2, 0.9, ObjectId("dog")), FrameIndex(2), deadline_s=5)
    newest = {job.kind: parts.ledger.request(job.job_id) for job in reversed(parts.ledger.jobs(task=TASK))}
    assert newest[JobKind.INTERACTIVE].prompts.object_ids == ("dog",)
    assert newest[JobKind.PROPAGATE].prompts.object_ids == ("cat", "dog")


def test_two_equal_clicks_are_one_job_and_one_prompt() -> None:
    parts = Parts()
    first = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    second = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert first.job.job_id == second.job.job_id
    assert len(parts.ledger.jobs(task=TASK)) == 2
    assert len(parts.ledger.prompts(TASK).prompts) == 1


def test_an_unanswered_click_keeps_the_prompt() -> None:
    parts = Parts()
    parts.clock.work = lambda: None
    with pytest.raises(ServiceUnavailable, match=r"no worker answered within 3 s; the prompt is kept"):
        parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=3)
    assert parts.ledger.prompts(TASK).prompted_frames == (4,)
    parts.clock.work = parts.work_off
    assert parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=3).run is not None


def test_a_click_opens_only_its_own_frames() -> None:
    parts = Parts()
    parts.service.answer_click(USER_TASK, click_on(1, 0.2), FrameIndex(1), deadline_s=5)
    parts.media.asked.clear()
    parts.service.answer_click(USER_TASK, click_on(4, 0.6), FrameIndex(4), deadline_s=5)
    assert parts.media.asked == [[1, 4], None]


def test_a_click_past_the_end_raises_the_worker_s_error() -> None:
    parts = Parts()
    with pytest.raises(PromptError, match="frame 99 is not in the video: it has 10 frames"):
        parts.service.answer_click(USER_TASK, click_on(99), FrameIndex(99), deadline_s=5)


def test_a_click_past_the_end_is_not_recorded() -> None:
    parts = Parts(frame_counts={USER_TASK.media: 10})
    parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    jobs = parts.ledger.jobs(task=TASK)
    with pytest.raises(PromptError, match="frame 99 is not in the video: it has 10 frames"):
        parts.service.answer_click(USER_TASK, click_on(99), FrameIndex(99), deadline_s=5)
    assert parts.ledger.prompts(TASK).prompted_frames == (4,)
    assert parts.ledger.jobs(task=TASK) == jobs


def test_the_worker_withdraws_what_was_recorded_unchecked() -> None:
    """The click was refused and stayed: every later click and propagation of the task failed."""
    parts = Parts()
    with pytest.raises(PromptError):
        parts.service.answer_click(USER_TASK, click_on(99), FrameIndex(99), deadline_s=5)
    assert not parts.ledger.prompts(TASK)
    answer = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert answer.run is not None
    newest = parts.ledger.jobs(task=TASK, kind=JobKind.PROPAGATE, limit=1)[0]
    assert newest.state is JobState.DONE


def test_prompts_of_earlier_builds_past_the_end_are_left_out() -> None:
    parts = Parts(frame_counts={USER_TASK.media: 10})
    parts.ledger.record_prompts(TASK, click_on(99))
    answer = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert answer.run is not None
    assert parts.service.propagate_and_wait(USER_TASK, PromptSet(()), deadline_s=5).job.state is JobState.DONE


def test_negative_clicks_alone_are_not_recorded() -> None:
    parts = Parts()
    with pytest.raises(PromptError, match="'cat' has negative clicks only"):
        parts.service.answer_click(USER_TASK, NEGATIVE, FrameIndex(2), deadline_s=5)
    with pytest.raises(PromptError, match="'cat' has negative clicks only"):
        parts.service.propagate_and_wait(USER_TASK, NEGATIVE, deadline_s=5)
    assert not parts.ledger.prompts(TASK)
    parts.service.answer_click(USER_TASK, click_on(1), FrameIndex(1), deadline_s=5)
    assert parts.service.answer_click(USER_TASK, NEGATIVE, FrameIndex(2), deadline_s=5).run is not None


@pytest.mark.parametrize("bad", ["past the end", "negative"])
def test_unusable_prompts_replace_nothing(bad: str) -> None:
    parts = Parts(frame_counts={USER_TASK.media: 10})
    parts.service.replace_prompts(USER_TASK, click_on(1))
    with pytest.raises(PromptError):
        parts.service.replace_prompts(USER_TASK, NEGATIVE if bad == "negative" else click_on(10))
    assert parts.ledger.prompts(TASK).digest() == click_on(1).digest()


def test_the_frame_count_comes_from_an_earlier_run_too() -> None:
    parts = Parts()
    parts.service.propagate_and_wait(USER_TASK, click_on(1), deadline_s=5)
    assert parts.service.frame_count(USER_TASK) == 10


def test_unusable_media_fail_at_once_and_can_be_retried() -> None:
    parts = Parts()
    parts.media.error = MediaError("the file is a web page")
    with pytest.raises(MediaError, match="the file is a web page"):
        parts.service.answer_click(USER_TASK, click_on(0), FrameIndex(0), deadline_s=5)
    parts.media.error = None
    assert parts.service.answer_click(USER_TASK, click_on(0), FrameIndex(0), deadline_s=5).run is not None


def test_after_the_deadline_the_answer_is_partial() -> None:
    parts = Parts()
    parts.clock.work = lambda: None
    answer = parts.service.propagate_and_wait(USER_TASK, click_on(0), deadline_s=1)
    assert answer.job.state is JobState.QUEUED
    assert answer.run is None


def test_a_finished_track_has_every_frame() -> None:
    parts = Parts()
    answer = parts.service.propagate_and_wait(USER_TASK, click_on(0), deadline_s=5)
    assert answer.run is not None
    assert [frame.frame_index for frame in answer.run.masklets[0].frames] == list(range(10))


def test_a_superseded_track_is_answered_by_the_newer_one() -> None:
    parts = Parts()

    def another() -> None:
        parts.clock.work = parts.work_off
        parts.service.propagate_and_wait(ANN, click_on(4, object_id=ObjectId("dog")), deadline_s=0)

    parts.clock.work = another
    answer = parts.service.propagate_and_wait(ANN, click_on(0), deadline_s=5)
    assert answer.run is not None
    assert {masklet.object_id for masklet in answer.run.masklets} == {CAT, "dog"}
    states = [job.state for job in parts.ledger.jobs(task=TASK)]
    assert states == [JobState.DONE, JobState.SUPERSEDED]


def test_a_track_that_another_user_superseded_runs_again() -> None:
    parts = Parts()
    parts.clock.work = lambda: None
    job = parts.service.propagate_and_wait(BEN, click_on(0), deadline_s=0).job
    parts.ledger.finish(job.job_id, job.attempt, JobState.SUPERSEDED, reason="Superseded: by another user")
    again = parts.service.latest_of(BEN, job)
    assert (again.job_id, again.attempt, again.state, again.user) == (job.job_id, 2, JobState.QUEUED, "ben")


def test_an_answer_has_no_clicks_of_another_user() -> None:
    """Both users know the object on frame 2, so object and frame do not tell whose click it is."""
    parts = Parts()
    parts.service.answer_click(BEN, click_on(2, 0.1), FrameIndex(2), deadline_s=5)
    parts.clock.advance(60)
    parts.service.answer_click(ANN, click_on(2, 0.9), FrameIndex(2), deadline_s=5)
    answer = parts.service.answer_click(BEN, click_on(5, 0.1), FrameIndex(5), deadline_s=5)
    assert answer.run is not None
    assert [frame.frame_index for frame in answer.run.masklets[0].frames] == [5]


def test_a_submitted_annotation_replaces_the_prompts() -> None:
    parts = Parts()
    parts.service.answer_click(USER_TASK, click_on(1), FrameIndex(1), deadline_s=5)
    job = parts.service.replace_prompts(USER_TASK, click_on(7))
    assert job is not None
    request = parts.ledger.request(job.job_id)
    assert isinstance(request, PropagationRequest)
    assert request.prompts.prompted_frames == (7,)
    assert parts.ledger.prompts(TASK).prompted_frames == (7,)


def test_an_annotation_without_prompts_submits_no_job() -> None:
    parts = Parts()
    assert parts.service.replace_prompts(USER_TASK, click_on(1).of_object(ObjectId("nobody"))) is None
    assert parts.ledger.jobs() == ()


def test_pre_annotation_propagates_the_tasks_prompts() -> None:
    parts = Parts()
    first = parts.service.pre_annotate(USER_TASK, click_on(0))
    assert first is not None
    assert first.run is None
    parts.work_off()
    second = parts.service.pre_annotate(USER_TASK, click_on(0))
    assert second is not None
    assert second.run is not None
    assert second.job.job_id == first.job.job_id
    assert len(second.run.masklets[0].frames) == 10


def test_a_batch_call_for_a_task_without_prompts_is_refused() -> None:
    parts = Parts()
    assert parts.service.pre_annotate(USER_TASK, click_on(0).of_object(ObjectId("nobody"))) is None


def test_a_click_with_removed_masks_is_answered_again() -> None:
    parts = Parts()
    first = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    parts.masks.remove(first.job.masks_run)
    again = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert (again.job.job_id, again.job.attempt) == (first.job.job_id, 2)
    assert again.run is not None
    assert first.run is not None
    assert again.run.masklets == first.run.masklets
    assert parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5).job == again.job


def test_a_click_with_damaged_masks_is_answered_again() -> None:
    parts = Parts()
    first = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    damage(parts.masks, first.job.masks_run)
    again = parts.service.answer_click(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert again.job.attempt == 2
    assert again.run is not None
    assert [frame.frame_index for frame in again.run.masklets[0].frames] == [4]


def test_a_preview_with_removed_masks_runs_again() -> None:
    parts = Parts()
    first = parts.service.preview(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    parts.masks.remove(first.job.masks_run)
    again = parts.service.preview(USER_TASK, click_on(4), FrameIndex(4), deadline_s=5)
    assert again.run is not None
    assert again.job.attempt == 2


def test_a_propagation_with_removed_masks_runs_and_pushes_again() -> None:
    parts = Parts()
    first = parts.service.propagate_and_wait(USER_TASK, click_on(4), deadline_s=5)
    parts.pusher.sweep()
    parts.masks.remove(first.job.masks_run)
    again = parts.service.propagate_and_wait(USER_TASK, click_on(4), deadline_s=5)
    assert (again.job.job_id, again.job.attempt, again.job.state) == (first.job.job_id, 2, JobState.DONE)
    assert again.run is not None
    assert len(again.run.masklets[0].frames) == 10
    push = parts.ledger.latest_push(TASK)
    assert push is not None
    assert push.job_id == first.job.job_id


def test_a_batch_call_with_removed_masks_runs_again() -> None:
    parts = Parts()
    first = parts.service.propagate_and_wait(USER_TASK, click_on(4), deadline_s=5)
    parts.masks.remove(first.job.masks_run)
    answer = parts.service.pre_annotate(USER_TASK, click_on(4))
    assert answer is not None
    assert answer.job.state is JobState.QUEUED
    parts.work_off()
    found = parts.service.pre_annotate(USER_TASK, click_on(4))
    assert found is not None
    assert found.run is not None


def test_an_earlier_attempt_s_masks_are_shown_until_new_ones() -> None:
    parts = Parts()
    parts.clock.work = lambda: None
    job = parts.service.propagate_and_wait(USER_TASK, click_on(4), deadline_s=0).job
    parts.segmenter.on_frame = lambda index: setattr(parts, "stopping", index == 3)
    parts.run(job)
    again = parts.ledger.job(job.job_id)
    assert (again.state, again.attempt) == (JobState.QUEUED, 2)
    run = parts.service.masks_of(again)
    assert run is not None
    assert not run.complete
    assert [frame.frame_index for frame in run.masklets[0].frames] == [0, 1, 2, 3]


def test_one_frame_of_a_run_keeps_objects_that_are_not_on_it() -> None:
    parts = Parts()
    run = parts.service.propagate_and_wait(USER_TASK, click_on(0), deadline_s=5).run
    assert run is not None
    assert [f.frame_index for f in frame_of(run, FrameIndex(3)).masklets[0].frames] == [3]
    beyond = frame_of(run, FrameIndex(50)).masklets
    assert [(m.object_id, m.frames) for m in beyond] == [(CAT, ())]
