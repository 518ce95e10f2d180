"""The Ledger contract, on SQLite and on a real PostgreSQL server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.ports.ledger import Ledger
from backend.domain.errors import MediaUnreachable, NotFound, PromptError
from backend.domain.frame_grid import FrameGrid
from backend.domain.geometry import Box, Point
from backend.domain.jobs import (
    Job,
    JobKind,
    JobState,
    PendingWaits,
    PreviewRequest,
    PropagationRequest,
    PushState,
    WaitedJob,
)
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import SEVERAL_USERS, MediaRef, TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.clock import FakeClock

TASK = TaskKey(3, 41)
OTHER_TASK = TaskKey(3, 42)
MEDIA = MediaRef(("/data/upload/3/clip.mp4",), is_pages=False)
CAT = ObjectId("cat")
DOG = ObjectId("dog")


def click(x_rel: float, *, object_id: ObjectId = CAT, frame: int = 0, positive: bool = True) -> FramePrompt:
    return FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(x_rel, 0.5), positive),))


def prompt_set(*prompts: FramePrompt, **labels: str) -> PromptSet:
    return PromptSet.of(prompts, {ObjectId(name): label for name, label in labels.items()})


def propagation(x_rel: float = 0.5, *, task: TaskKey = TASK, version: str = "masklet-demo-1") -> PropagationRequest:
    return PropagationRequest(task, MEDIA, prompt_set(click(x_rel), cat="Cat"), model_version=version)


def of_user(user: str, *x_rels: float) -> PropagationRequest:
    """A request of a user's clicks on one frame."""
    prompts = prompt_set(*(click(x_rel) for x_rel in x_rels), cat="Cat")
    return PropagationRequest(TASK, MEDIA, prompts, model_version="masklet-demo-1", user=user)


def submitted(ledger: Ledger, x_rel: float = 0.5, *, task: TaskKey = TASK) -> Job:
    return ledger.submit(JobKind.PROPAGATE, propagation(x_rel, task=task))[0]


def running(ledger: Ledger, x_rel: float = 0.5, *, task: TaskKey = TASK) -> Job:
    job = submitted(ledger, x_rel, task=task)
    started = ledger.start(job.job_id, job.attempt, "worker-1")
    assert started is not None
    return started


def done(ledger: Ledger, x_rel: float = 0.5, *, task: TaskKey = TASK) -> Job:
    job = running(ledger, x_rel, task=task)
    assert ledger.finish(job.job_id, job.attempt, JobState.DONE, masks_run=f"{job.job_id}-a{job.attempt}", push=True)
    return ledger.job(job.job_id)


class TestPrompts:
    def test_an_unknown_task_has_no_prompts(self, ledger: Ledger) -> None:
        assert not ledger.prompts(TASK)

    def test_clicks_of_one_object_add_up(self, ledger: Ledger) -> None:
        ledger.record_prompts(TASK, prompt_set(click(0.1), cat="Cat"))
        merged = ledger.record_prompts(TASK, prompt_set(click(0.2, positive=False), click(0.3, frame=4), cat="Cat"))
        expected = prompt_set(click(0.1), click(0.2, positive=False), click(0.3, frame=4), cat="Cat")
        assert merged.digest() == expected.digest()
        assert ledger.prompts(TASK).digest() == expected.digest()

    def test_recording_twice_changes_nothing(self, ledger: Ledger) -> None:
        said = prompt_set(click(0.1), click(0.2, object_id=DOG), cat="Cat", dog="Dog")
        first = ledger.record_prompts(TASK, said)
        assert ledger.record_prompts(TASK, said).digest() == first.digest() == ledger.prompts(TASK).digest()

    def test_the_newest_box_counts_even_if_it_equals_an_earlier_one(self, ledger: Ledger) -> None:
        first, second = (FramePrompt(CAT, FrameIndex(0), box=Box(0.1, 0.1, x, 0.5)) for x in (0.5, 0.6))
        for prompt in (first, second, first):
            ledger.record_prompts(TASK, prompt_set(prompt))
        assert [prompt.box for prompt in ledger.prompts(TASK)] == [first.box]

    def test_a_mask_replaces_clicks_and_is_read_back_unchanged(self, ledger: Ledger) -> None:
        mask = np.zeros((48, 64), dtype=np.bool_)
        mask[3:20, 5:9] = True
        mask[40, 63] = True
        ledger.record_prompts(TASK, prompt_set(click(0.1)))
        ledger.record_prompts(TASK, prompt_set(FramePrompt(CAT, FrameIndex(0), mask=mask)))
        (prompt,) = ledger.prompts(TASK)
        assert prompt.points == ()
        assert prompt.mask is not None
        np.testing.assert_array_equal(prompt.mask, mask)

    def test_users_and_tasks_have_their_own_prompts(self, ledger: Ledger) -> None:
        ledger.record_prompts(TASK, prompt_set(click(0.1)), user="ann")
        ledger.record_prompts(TASK, prompt_set(click(0.2)), user="bob")
        ledger.record_prompts(OTHER_TASK, prompt_set(click(0.3)), user="ann")
        assert ledger.prompts(TASK, user="ann").digest() == prompt_set(click(0.1)).digest()
        assert ledger.prompts(TASK, user="bob").digest() == prompt_set(click(0.2)).digest()
        assert not ledger.prompts(TASK)

    def test_objects_keep_the_order_of_their_first_prompts(self, ledger: Ledger) -> None:
        ledger.record_prompts(TASK, prompt_set(click(0.2, object_id=DOG, frame=9)))
        ledger.record_prompts(TASK, prompt_set(click(0.1), click(0.1, object_id=DOG, frame=2)))
        assert ledger.prompts(TASK).object_ids == (DOG, CAT)
        assert [prompt.frame_index for prompt in ledger.prompts(TASK)] == [2, 9, 0]

    def test_a_new_label_of_the_same_object_counts(self, ledger: Ledger) -> None:
        ledger.record_prompts(TASK, prompt_set(click(0.1), cat="Cat"))
        ledger.record_prompts(TASK, prompt_set(click(0.1), cat="Tiger"))
        assert ledger.prompts(TASK).labels == {CAT: "Tiger"}

    def test_prompts_past_the_end_are_withdrawn_from_every_user(self, ledger: Ledger) -> None:
        ledger.record_prompts(TASK, prompt_set(click(0.1), click(0.2, frame=9)), user="ann")
        ledger.record_prompts(TASK, prompt_set(click(0.3, frame=10)), user="ben")
        ledger.record_prompts(OTHER_TASK, prompt_set(click(0.3, frame=10)), user="ben")
        assert ledger.withdraw_prompts(TASK, from_frame=9) == 2
        assert ledger.prompts(TASK, user="ann").prompted_frames == (0,)
        assert not ledger.prompts(TASK, user="ben")
        assert ledger.prompts(OTHER_TASK, user="ben").prompted_frames == (10,)

    def test_replacing_prompts_deletes_the_old_ones(self, ledger: Ledger) -> None:
        ledger.record_prompts(TASK, prompt_set(click(0.1), click(0.2, object_id=DOG), cat="Cat", dog="Dog"))
        ledger.replace_prompts(TASK, prompt_set(click(0.9), cat="Lion"))
        assert ledger.prompts(TASK).digest() == prompt_set(click(0.9), cat="Lion").digest()
        ledger.replace_prompts(TASK, PromptSet(()))
        assert not ledger.prompts(TASK)

    def test_a_stopped_job_is_listed_until_it_ends_or_opens_again(self, ledger: Ledger) -> None:
        job = running(ledger)
        ledger.stop(job.job_id)
        ledger.stop(job.job_id)
        assert ledger.pending_waits() == PendingWaits(stopped=frozenset([job.job_id]))
        again = ledger.requeue(job.job_id, job.attempt, reason="x", max_attempts=3, forgiven=True)
        assert job.job_id in ledger.pending_waits().stopped
        ledger.finish(job.job_id, again.attempt, JobState.DONE, masks_run="run")
        assert ledger.pending_waits().stopped == frozenset()
        ledger.reopen(job.job_id, again.attempt)
        assert ledger.pending_waits().stopped == frozenset()

    def test_a_cancelled_job_that_is_asked_for_again_is_not_stopped(self, ledger: Ledger) -> None:
        job = running(ledger)
        ledger.stop(job.job_id)
        ledger.cancel(job.job_id)
        assert submitted(ledger).job_id == job.job_id
        assert ledger.pending_waits().stopped == frozenset()

    def test_a_final_job_is_not_stopped(self, ledger: Ledger) -> None:
        job = done(ledger)
        assert ledger.stop(job.job_id).state is JobState.DONE
        ledger.reopen(job.job_id, job.attempt)
        assert ledger.pending_waits().stopped == frozenset()

    def test_every_change_of_prompts_changes_their_version(self, ledger: Ledger) -> None:
        versions = [ledger.prompts_version(TASK, user="ann")]
        ledger.record_prompts(TASK, prompt_set(click(0.1), click(0.2, frame=4), cat="Cat"), user="ann")
        versions.append(ledger.prompts_version(TASK, user="ann"))
        ledger.edit_prompts(TASK, lambda known: PromptSet.of(known, {CAT: "Lion"}), user="ann")
        versions.append(ledger.prompts_version(TASK, user="ann"))
        ledger.edit_prompts(TASK, lambda known: PromptSet.of(known.on_frame(0), known.labels), user="ann")
        versions.append(ledger.prompts_version(TASK, user="ann"))
        ledger.replace_prompts(TASK, prompt_set(click(0.1), cat="Lion"), user="ann")
        versions.append(ledger.prompts_version(TASK, user="ann"))
        assert len(set(versions)) == len(versions)
        ledger.record_prompts(TASK, prompt_set(click(0.5), cat="Cat"), user="bob")
        ledger.record_prompts(TASK, prompt_set(click(0.1), cat="Lion"), user="ann")
        assert ledger.prompts_version(TASK, user="ann") == versions[-1]

    def test_an_edit_replaces_the_prompts_of_one_frame(self, ledger: Ledger) -> None:
        ledger.record_prompts(TASK, prompt_set(click(0.1), click(0.2, frame=4), cat="Cat"), user="ann")

        def edit(known: PromptSet) -> PromptSet:
            return PromptSet.of([*known.on_frame(4), click(0.9)], {CAT: "Lion"})

        edited = ledger.edit_prompts(TASK, edit, user="ann")
        assert ledger.prompts(TASK, user="ann").digest() == edited.digest()
        assert edited.digest() == prompt_set(click(0.9), click(0.2, frame=4), cat="Lion").digest()

    def test_an_edit_that_raises_changes_nothing(self, ledger: Ledger) -> None:
        before = ledger.record_prompts(TASK, prompt_set(click(0.1), cat="Cat"))

        def edit(_: PromptSet) -> PromptSet:
            raise NotFound("no such object")

        with pytest.raises(NotFound):
            ledger.edit_prompts(TASK, edit)
        assert ledger.prompts(TASK).digest() == before.digest()

    def test_an_edit_without_an_object_forgets_its_label(self, ledger: Ledger) -> None:
        ledger.record_prompts(TASK, prompt_set(click(0.1), click(0.2, object_id=DOG), cat="Cat", dog="Dog"))
        ledger.edit_prompts(TASK, lambda known: known.without([DOG]))
        again = ledger.record_prompts(TASK, prompt_set(click(0.3, object_id=DOG)))
        assert again.labels == {CAT: "Cat", DOG: "dog"}


class TestSubmit:
    def test_a_job_id_is_the_digest_of_its_request(self, ledger: Ledger) -> None:
        request = replace(propagation(), frames=FrameRange(FrameIndex(2), FrameIndex(12)))
        job, is_new = ledger.submit(JobKind.PROPAGATE, request)
        assert is_new
        assert job == Job(
            f"p-{request.idempotency_key()[:40]}",
            JobKind.PROPAGATE,
            TASK,
            JobState.QUEUED,
            1,
            total=10,
            model_version="masklet-demo-1",
            created_s=1000.0,
            updated_s=1000.0,
            heartbeat_s=1000.0,
        )
        preview, _ = ledger.submit(JobKind.INTERACTIVE, PreviewRequest(TASK, MEDIA, request.prompts, FrameIndex(0)))
        assert preview.job_id.startswith("i-")

    def test_equal_requests_are_one_job(self, ledger: Ledger) -> None:
        first, _ = ledger.submit(JobKind.PROPAGATE, propagation())
        assert ledger.submit(JobKind.PROPAGATE, propagation()) == (first, False)
        finished = done(ledger, 0.7)
        assert ledger.submit(JobKind.PROPAGATE, propagation(0.7)) == (finished, False)

    def test_a_request_is_read_back_whole(self, ledger: Ledger) -> None:
        mask = np.eye(16, dtype=np.bool_)
        prompts = prompt_set(
            click(1 / 3),
            FramePrompt(DOG, FrameIndex(5), mask=mask, automatic=0.75),
            FramePrompt(CAT, FrameIndex(7), box=Box(0.1, 0.2, 0.30000000000000004, 1.0)),
            cat="Cat",
            dog="犬 \u2028",
        )
        request = PropagationRequest(
            TASK,
            MediaRef(("a.png", "b.png"), is_pages=True),
            prompts,
            Direction.BACKWARD,
            FrameRange(FrameIndex(0), FrameIndex(9)),
            label_config="<View/>",
            model_version="v",
            objects=(DOG,),
            grid=FrameGrid(FrameIndex(7), 5),
        )
        job, _ = ledger.submit(JobKind.PROPAGATE, request)
        kept = ledger.request(job.job_id)
        assert isinstance(kept, PropagationRequest)
        assert kept.idempotency_key() == request.idempotency_key()
        assert (kept.media, kept.frames, kept.label_config) == (request.media, request.frames, "<View/>")
        assert (kept.prompts.labels, kept.objects) == (prompts.labels, (DOG,))
        assert (kept.grid, job.total) == (request.grid, 2)
        for other in (replace(request, objects=None), replace(request, grid=None)):
            assert other.idempotency_key() != request.idempotency_key()
        preview = PreviewRequest(TASK, MEDIA, prompts, FrameIndex(5), "v")
        kept_preview = ledger.request(ledger.submit(JobKind.INTERACTIVE, preview)[0].job_id)
        assert isinstance(kept_preview, PreviewRequest)
        assert kept_preview.idempotency_key() == preview.idempotency_key()

    def test_a_newer_propagation_supersedes_open_ones_of_its_task(self, ledger: Ledger) -> None:
        waiting = submitted(ledger, 0.1)
        elsewhere = submitted(ledger, 0.1, task=OTHER_TASK)
        preview, _ = ledger.submit(
            JobKind.INTERACTIVE, PreviewRequest(TASK, MEDIA, prompt_set(click(0.1)), FrameIndex(0))
        )
        newest = running(ledger, 0.2)
        assert ledger.job(waiting.job_id).state is JobState.SUPERSEDED
        assert ledger.job(waiting.job_id).reason == "Superseded: a newer prompt replaced this run"
        for job in (elsewhere, preview, newest):
            assert ledger.job(job.job_id).state is job.state
        submitted(ledger, 0.3)
        assert ledger.progress(newest.job_id, 1, 5, 10) is JobState.SUPERSEDED
        assert not ledger.finish(newest.job_id, 1, JobState.DONE, push=True)
        assert ledger.latest_push(TASK) is None

    def test_users_of_one_task_do_not_supersede_each_other(self, ledger: Ledger) -> None:
        of_ann, _ = ledger.submit(JobKind.PROPAGATE, of_user("ann", 0.1))
        of_ben, _ = ledger.submit(JobKind.PROPAGATE, of_user("ben", 0.2))
        newer, _ = ledger.submit(JobKind.PROPAGATE, of_user("ben", 0.2, 0.3))
        states = [ledger.job(job.job_id).state for job in (of_ann, of_ben, newer)]
        assert states == [JobState.QUEUED, JobState.SUPERSEDED, JobState.QUEUED]
        assert [job.user for job in (of_ann, of_ben, newer)] == ["ann", "ben", "ben"]

    def test_a_named_user_supersedes_the_own_anonymous_requests(self, ledger: Ledger) -> None:
        own, _ = ledger.submit(JobKind.PROPAGATE, of_user("", 0.1))
        of_another, _ = ledger.submit(JobKind.PROPAGATE, of_user("?2", 0.9))
        ledger.submit(JobKind.PROPAGATE, of_user("ann", 0.1, 0.2))
        assert ledger.job(own.job_id).state is JobState.SUPERSEDED
        assert ledger.job(of_another.job_id).state is JobState.QUEUED

    def test_an_equal_request_of_two_users_is_superseded_by_neither(self, ledger: Ledger) -> None:
        job, _ = ledger.submit(JobKind.PROPAGATE, of_user("ann", 0.1))
        assert ledger.submit(JobKind.PROPAGATE, of_user("ben", 0.1))[0].user == SEVERAL_USERS
        for user in ("ann", "ben"):
            ledger.submit(JobKind.PROPAGATE, of_user(user, 0.1, 0.5))
        assert ledger.job(job.job_id).state is JobState.QUEUED

    def test_an_anonymous_job_gets_the_name_of_its_next_user(self, ledger: Ledger) -> None:
        ledger.submit(JobKind.PROPAGATE, of_user("?2", 0.1))
        assert ledger.submit(JobKind.PROPAGATE, of_user("ann", 0.1))[0].user == "ann"
        assert ledger.submit(JobKind.PROPAGATE, of_user("", 0.1))[0].user == "ann"

    @pytest.mark.parametrize("ending", [JobState.FAILED, JobState.CANCELLED, JobState.SUPERSEDED])
    def test_an_ended_job_submitted_again_opens_its_next_attempt(
        self, ledger: Ledger, clock: FakeClock, ending: JobState
    ) -> None:
        job = running(ledger)
        ledger.progress(job.job_id, 1, 3, 8)
        ledger.finish(job.job_id, 1, ending, reason="MediaError: broken")
        clock.advance(60)
        again, is_new = ledger.submit(JobKind.PROPAGATE, propagation())
        assert is_new
        assert (again.job_id, again.state, again.attempt, again.done) == (job.job_id, JobState.QUEUED, 2, 0)
        assert (again.reason, again.worker, again.created_s) == ("", "", 1060.0)

    def test_an_earlier_request_again_supersedes_the_later_one(self, ledger: Ledger) -> None:
        first = done(ledger, 0.1)
        second = submitted(ledger, 0.2)
        assert ledger.submit(JobKind.PROPAGATE, propagation(0.1)) == (first, False)
        assert ledger.job(second.job_id).state is JobState.SUPERSEDED
        assert [job.job_id for job in ledger.jobs(task=TASK)] == [first.job_id, second.job_id]


class TestAttempts:
    def test_one_claim_wins(self, ledger: Ledger, clock: FakeClock) -> None:
        job = submitted(ledger)
        clock.advance(5)
        started = ledger.start(job.job_id, 1, "worker-1")
        assert started is not None
        assert (started.state, started.worker, started.heartbeat_s) == (JobState.RUNNING, "worker-1", 1005.0)
        assert ledger.start(job.job_id, 1, "worker-2") is None
        assert ledger.job(job.job_id).worker == "worker-1"

    def test_stale_unknown_and_ended_attempts_are_not_claimed(self, ledger: Ledger) -> None:
        job = submitted(ledger)
        assert ledger.start(job.job_id, 2, "w") is None
        assert ledger.start("p-nothing", 1, "w") is None
        ledger.cancel(job.job_id)
        assert ledger.start(job.job_id, 1, "w") is None

    def test_what_jobs_are_prompted_on_is_read_at_once(self, ledger: Ledger) -> None:
        prompts = prompt_set(click(0.1, frame=4), click(0.2, object_id=DOG), cat="Cat", dog="Dog")
        job, _ = ledger.submit(JobKind.PROPAGATE, replace(propagation(), prompts=prompts))
        other = submitted(ledger, task=OTHER_TASK)
        assert ledger.prompted([job.job_id, "p-nothing", other.job_id]) == {
            job.job_id: {(CAT, 4), (DOG, 0)},
            other.job_id: {(CAT, 0)},
        }
        assert ledger.prompted([]) == {}

    def test_progress_is_a_heartbeat(self, ledger: Ledger, clock: FakeClock) -> None:
        job = running(ledger)
        clock.advance(7)
        assert ledger.progress(job.job_id, 1, 12, 90) is JobState.RUNNING
        seen = ledger.job(job.job_id)
        assert (seen.done, seen.total, seen.heartbeat_s, seen.updated_s) == (12, 90, 1007.0, 1007.0)

    def test_progress_reports_cancellation_and_a_newer_attempt(self, ledger: Ledger) -> None:
        job = running(ledger)
        ledger.requeue(job.job_id, 1, reason="silent", max_attempts=3)
        assert ledger.progress(job.job_id, 1, 99, 99) is JobState.SUPERSEDED
        assert ledger.job(job.job_id).done == 0
        ledger.start(job.job_id, 2, "w")
        ledger.cancel(job.job_id)
        assert ledger.progress(job.job_id, 2, 1, 99) is JobState.CANCELLED

    def test_finish_keeps_the_result(self, ledger: Ledger) -> None:
        job = running(ledger)
        assert ledger.finish(
            job.job_id, 1, JobState.DONE, masks_run="run-1", timings_s={"model": 1.25}, reason="truncated"
        )
        seen = ledger.job(job.job_id)
        assert (seen.state, seen.masks_run, seen.timings_s, seen.reason) == (
            JobState.DONE,
            "run-1",
            {"model": 1.25},
            "truncated",
        )

    def test_the_end_counts_the_frames(self, ledger: Ledger) -> None:
        counted, silent = running(ledger), running(ledger, 0.6, task=OTHER_TASK)
        for job in (counted, silent):
            ledger.progress(job.job_id, 1, 12, 90)
        ledger.finish(counted.job_id, 1, JobState.DONE, masks_run="run-1", frames=(90, 90))
        ledger.finish(silent.job_id, 1, JobState.FAILED, reason="no frames")
        assert [(job.done, job.total) for job in map(ledger.job, (counted.job_id, silent.job_id))] == [
            (90, 90),
            (12, 90),
        ]

    def test_only_the_current_attempt_finishes_and_only_once(self, ledger: Ledger) -> None:
        job = running(ledger)
        ledger.requeue(job.job_id, 1, reason="silent", max_attempts=3)
        ledger.start(job.job_id, 2, "w")
        assert not ledger.finish(job.job_id, 1, JobState.DONE, masks_run="old", push=True)
        assert ledger.finish(job.job_id, 2, JobState.DONE, masks_run="new")
        assert not ledger.finish(job.job_id, 2, JobState.FAILED, reason="late")
        assert not ledger.finish("p-nothing", 1, JobState.DONE)
        assert (ledger.job(job.job_id).masks_run, ledger.latest_push(TASK)) == ("new", None)

    def test_an_attempt_does_not_finish_as_open(self, ledger: Ledger) -> None:
        with pytest.raises(ValueError, match="final state"):
            ledger.finish(running(ledger).job_id, 1, JobState.RUNNING)

    def test_requeue_counts_attempts_and_gives_up(self, ledger: Ledger) -> None:
        job = running(ledger)
        second = ledger.requeue(job.job_id, 1, reason="silent", max_attempts=2)
        assert (second.state, second.attempt, second.worker, second.reason) == (JobState.QUEUED, 2, "", "silent")
        assert ledger.requeue(job.job_id, 1, reason="late", max_attempts=2) == second
        failed = ledger.requeue(job.job_id, 2, reason="silent again", max_attempts=2)
        assert (failed.state, failed.attempt, failed.reason) == (JobState.FAILED, 2, "silent again")
        assert ledger.requeue(job.job_id, 2, reason="late", max_attempts=9) == failed

    def test_a_job_opened_again_has_all_its_attempts_again(self, ledger: Ledger) -> None:
        job = running(ledger)
        ledger.requeue(job.job_id, 1, reason="silent", max_attempts=1)
        ledger.submit(JobKind.PROPAGATE, propagation())
        assert ledger.requeue(job.job_id, 2, reason="silent", max_attempts=2).state is JobState.QUEUED
        assert ledger.requeue(job.job_id, 3, reason="silent", max_attempts=2).state is JobState.FAILED

    def test_a_forgiven_attempt_does_not_count(self, ledger: Ledger) -> None:
        job = running(ledger)
        for attempt in (1, 2, 3):
            again = ledger.requeue(job.job_id, attempt, reason="stopping", max_attempts=2, forgiven=True)
            assert (again.state, again.attempt) == (JobState.QUEUED, attempt + 1)
        assert ledger.requeue(job.job_id, 4, reason="silent", max_attempts=2).state is JobState.QUEUED
        assert ledger.requeue(job.job_id, 5, reason="silent", max_attempts=2).state is JobState.FAILED

    def test_a_saved_snapshot_resets_the_attempt_count(self, ledger: Ledger) -> None:
        job = running(ledger)
        ledger.requeue(job.job_id, 1, reason="silent", max_attempts=2)
        ledger.start(job.job_id, 2, "worker-1")
        ledger.reset_attempt_count(job.job_id, 2)
        assert ledger.requeue(job.job_id, 2, reason="silent", max_attempts=2).state is JobState.QUEUED
        assert ledger.requeue(job.job_id, 3, reason="silent", max_attempts=2).state is JobState.QUEUED
        assert ledger.requeue(job.job_id, 4, reason="silent", max_attempts=2).state is JobState.FAILED

    def test_a_stale_attempt_does_not_reset_the_attempt_count(self, ledger: Ledger) -> None:
        job = running(ledger)
        ledger.requeue(job.job_id, 1, reason="silent", max_attempts=2)
        ledger.reset_attempt_count(job.job_id, 1)
        assert ledger.requeue(job.job_id, 2, reason="silent", max_attempts=2).state is JobState.FAILED

    @pytest.mark.parametrize("end", [JobState.DONE, JobState.FAILED])
    def test_a_click_has_a_waiter_until_it_ends(self, ledger: Ledger, end: JobState) -> None:
        ledger.submit(JobKind.PROPAGATE, propagation())
        assert ledger.pending_waits() == PendingWaits()
        job, _ = ledger.submit(JobKind.INTERACTIVE, preview())
        assert ledger.pending_waits() == PendingWaits(has_clicks=True)
        ledger.start(job.job_id, 1, "worker-1")
        assert ledger.pending_waits() == PendingWaits(has_clicks=True)
        ledger.finish(job.job_id, 1, end)
        assert ledger.pending_waits() == PendingWaits()

    def test_a_waiter_counts_until_its_deadline_or_the_job_s_end(self, ledger: Ledger, clock: FakeClock) -> None:
        first, _ = ledger.submit(JobKind.PROPAGATE, propagation())
        second, _ = ledger.submit(JobKind.PROPAGATE, propagation(task=OTHER_TASK))
        now_s = clock.now_s()
        ledger.add_waiter(second.job_id, until_s=now_s + 20)
        clock.advance(1)
        ledger.add_waiter(first.job_id, until_s=now_s + 10, backward=True)
        ledger.start(first.job_id, 1, "worker-1")
        of_first = WaitedJob(first.job_id, 1, JobState.RUNNING, backward=True)
        of_second = WaitedJob(second.job_id, 1, JobState.QUEUED)
        assert ledger.pending_waits() == PendingWaits(jobs=(of_second, of_first))
        clock.advance(10)
        assert ledger.pending_waits() == PendingWaits(jobs=(of_second,))
        ledger.cancel(second.job_id)
        assert ledger.pending_waits() == PendingWaits()

    def test_removing_one_waiter_keeps_the_one_with_a_later_deadline(self, ledger: Ledger, clock: FakeClock) -> None:
        job = running(ledger)
        now_s = clock.now_s()
        ledger.add_waiter(job.job_id, until_s=now_s + 20)
        ledger.add_waiter(job.job_id, until_s=now_s + 10)
        ledger.remove_waiter(job.job_id, until_s=now_s + 10)
        assert [one.job_id for one in ledger.pending_waits().jobs] == [job.job_id]
        ledger.remove_waiter(job.job_id, until_s=now_s + 20)
        assert ledger.pending_waits() == PendingWaits()
        ledger.remove_waiter(job.job_id, until_s=now_s + 20)

    def test_a_waiter_of_an_unknown_job_is_ignored(self, ledger: Ledger, clock: FakeClock) -> None:
        ledger.add_waiter("p-" + "0" * 40, until_s=clock.now_s() + 10)
        assert ledger.pending_waits() == PendingWaits()

    def test_a_job_without_its_masks_is_opened_again(self, ledger: Ledger, clock: FakeClock) -> None:
        job = done(ledger, 0.9)
        clock.advance(5)
        again = ledger.reopen(job.job_id, job.attempt)
        assert (again.state, again.attempt, again.masks_run, again.done) == (JobState.QUEUED, job.attempt + 1, "", 0)
        assert (again.created_s, again.worker) == (clock.now_s(), "")
        assert ledger.reopen(job.job_id, job.attempt) == again
        assert ledger.start(job.job_id, again.attempt, "worker-2") is not None
        assert ledger.reopen(job.job_id, again.attempt).state is JobState.RUNNING
        counted = ledger.requeue(job.job_id, again.attempt, reason="silent", max_attempts=2)
        assert counted.state is JobState.QUEUED

    def test_cancel_ends_open_jobs_only(self, ledger: Ledger) -> None:
        job = running(ledger)
        assert ledger.cancel(job.job_id).state is JobState.CANCELLED
        finished = done(ledger, 0.9)
        assert ledger.cancel(finished.job_id) == finished

    @pytest.mark.parametrize(
        "call",
        [
            lambda ledger: ledger.job("p-nothing"),
            lambda ledger: ledger.request("p-nothing"),
            lambda ledger: ledger.cancel("p-nothing"),
            lambda ledger: ledger.requeue("p-nothing", 1, reason="", max_attempts=3),
            lambda ledger: ledger.progress("p-nothing", 1, 0, 0),
        ],
        ids=["job", "request", "cancel", "requeue", "progress"],
    )
    def test_an_unknown_job_is_not_found(self, ledger: Ledger, call: Callable[[Ledger], object]) -> None:
        with pytest.raises(NotFound, match="there is no job 'p-nothing'"):
            call(ledger)


class TestLists:
    def test_jobs_are_newest_first_and_can_be_narrowed(self, ledger: Ledger) -> None:
        first, second = submitted(ledger, 0.1), submitted(ledger, 0.2)
        third = running(ledger, 0.3, task=OTHER_TASK)
        assert [job.job_id for job in ledger.jobs()] == [third.job_id, second.job_id, first.job_id]
        assert [job.job_id for job in ledger.jobs(limit=1)] == [third.job_id]
        assert [job.job_id for job in ledger.jobs(task=TASK, states=(JobState.QUEUED,))] == [second.job_id]
        assert ledger.jobs(states=(JobState.QUEUED, JobState.RUNNING), task=OTHER_TASK) == (third,)

    def test_jobs_of_one_kind(self, ledger: Ledger) -> None:
        click_job, _ = ledger.submit(JobKind.INTERACTIVE, preview())
        job = submitted(ledger)
        assert ledger.jobs(kind=JobKind.PROPAGATE, limit=1) == (job,)
        assert ledger.jobs(task=TASK, kind=JobKind.INTERACTIVE) == (click_job,)

    def test_conditions_apply_before_the_limit(self, ledger: Ledger, clock: FakeClock) -> None:
        session, _ = ledger.submit(JobKind.PROPAGATE, replace(propagation(0.1), session="annie"))
        wanted = ledger.submit(JobKind.PROPAGATE, propagation(version="masklet-demo-2"))[0]
        ledger.start(wanted.job_id, wanted.attempt, "worker-2")
        clock.advance(10)
        elsewhere = ledger.submit(JobKind.PROPAGATE, propagation(task=TaskKey(4, 1)))[0]
        for number in range(5):
            done(ledger, number / 10, task=OTHER_TASK)
        (newest,) = ledger.jobs(limit=1)
        assert [job.job_id for job in ledger.jobs(model_version="masklet-demo-2", limit=1)] == [wanted.job_id]
        assert [job.job_id for job in ledger.jobs(worker="worker-2", limit=1)] == [wanted.job_id]
        assert [job.job_id for job in ledger.jobs(project_id=4, limit=1)] == [elsewhere.job_id]
        assert ledger.jobs(task=TASK, project_id=4) == ()
        assert [job.job_id for job in ledger.jobs(sessions=True, limit=1)] == [session.job_id]
        assert [job.job_id for job in ledger.jobs(task=TASK, sessions=True)] == [session.job_id]
        assert session.job_id not in {job.job_id for job in ledger.jobs(sessions=False)}
        assert ledger.jobs(task=OTHER_TASK, active_since_s=1010.0, limit=1) == (newest,)
        assert ledger.jobs(task=OTHER_TASK, active_since_s=1011.0) == ()
        assert [job.job_id for job in ledger.jobs(task=TASK, active_since_s=1011.0)] == [wanted.job_id]

    def test_all_jobs_are_listed_without_a_limit(self, ledger: Ledger) -> None:
        for number in range(120):
            submitted(ledger, number / 120)
        assert len(ledger.jobs(task=TASK)) == 120

    def test_the_newest_propagation_of_each_task(self, ledger: Ledger) -> None:
        done(ledger, 0.1)
        second, other = done(ledger, 0.2), done(ledger, 0.1, task=OTHER_TASK)
        elsewhere = done(ledger, task=TaskKey(2, 90))
        third = submitted(ledger, 0.3)
        ledger.submit(JobKind.INTERACTIVE, preview())
        session, _ = ledger.submit(JobKind.PROPAGATE, replace(propagation(0.4), session="annie"))
        ledger.finish(session.job_id, session.attempt, JobState.DONE, masks_run="r")
        assert ledger.newest_propagations() == (elsewhere, third, other)
        assert ledger.newest_propagations(states=(JobState.DONE,)) == (elsewhere, second, other)
        assert ledger.newest_propagations(project_id=3, states=(JobState.DONE,)) == (second, other)
        assert ledger.newest_propagations(project_id=9) == ()

    def test_counts(self, ledger: Ledger) -> None:
        assert ledger.counts() == {}
        submitted(ledger, 0.1)
        submitted(ledger, 0.2)
        running(ledger, 0.3, task=OTHER_TASK)
        assert ledger.counts() == {
            (JobKind.PROPAGATE, JobState.SUPERSEDED): 1,
            (JobKind.PROPAGATE, JobState.QUEUED): 1,
            (JobKind.PROPAGATE, JobState.RUNNING): 1,
        }

    def test_a_finished_job_submitted_again_counts_as_updated(self, ledger: Ledger, clock: FakeClock) -> None:
        job = done(ledger)
        clock.advance(100)
        again, is_new = ledger.submit(JobKind.PROPAGATE, propagation())
        assert (again.job_id, is_new, again.updated_s) == (job.job_id, False, job.updated_s + 100)

    def test_silent_and_never_enqueued_jobs_are_stale(self, ledger: Ledger, clock: FakeClock) -> None:
        silent, waiting = running(ledger, task=OTHER_TASK), submitted(ledger)
        clock.advance(10)
        recent = running(ledger, task=TaskKey(1, 1))
        found = ledger.stale_jobs(heartbeat_before_s=1010.0, queued_before_s=1010.0)
        assert [job.job_id for job in found] == [silent.job_id, waiting.job_id]
        assert ledger.stale_jobs(heartbeat_before_s=1000.0, queued_before_s=1000.0) == ()
        ledger.progress(silent.job_id, 1, 1, 2)
        assert ledger.stale_jobs(heartbeat_before_s=1010.0, queued_before_s=0.0) == ()
        assert recent.job_id in {
            job.job_id for job in ledger.stale_jobs(heartbeat_before_s=1011.0, queued_before_s=0.0)
        }


class TestFailedTries:
    def test_a_postponed_job_is_left_alone_until_its_next_try(self, ledger: Ledger, clock: FakeClock) -> None:
        job = running(ledger)
        ledger.add_waiter(job.job_id, until_s=9999.0)
        failures = Failures().after(MediaUnreachable("no answer"), 1000.0)
        again = ledger.postpone(job.job_id, 1, failures, next_try_s=1030.0, reason="MediaUnreachable: no answer")
        assert (again.state, again.attempt, again.reason) == (JobState.QUEUED, 2, "MediaUnreachable: no answer")
        clock.advance(29)
        assert ledger.stale_jobs(heartbeat_before_s=0.0, queued_before_s=clock.now_s()) == ()
        assert ledger.pending_waits() == PendingWaits()
        clock.advance(1)
        assert ledger.stale_jobs(heartbeat_before_s=0.0, queued_before_s=clock.now_s()) == (again,)
        assert [waited.job_id for waited in ledger.pending_waits().jobs] == [job.job_id]

    def test_a_stale_attempt_postpones_nothing(self, ledger: Ledger) -> None:
        job = running(ledger)
        ledger.requeue(job.job_id, 1, reason="silent", max_attempts=3)
        assert ledger.postpone(job.job_id, 1, Failures(), next_try_s=9999.0, reason="late").reason == "silent"
        assert ledger.failed_tries() == ()

    def test_postponed_attempts_are_not_counted(self, ledger: Ledger) -> None:
        job = running(ledger)
        for attempt in range(1, 6):
            ledger.postpone(job.job_id, attempt, Failures("X", attempt, 1000.0), next_try_s=0.0, reason="X: y")
            ledger.start(job.job_id, attempt + 1, "worker-1")
        assert ledger.requeue(job.job_id, 6, reason="silent", max_attempts=2).state is JobState.QUEUED

    @pytest.mark.parametrize("end", ["finish", "cancel", "supersede", "forget"])
    def test_the_end_of_a_job_removes_its_failed_tries(self, ledger: Ledger, end: str) -> None:
        job = running(ledger)
        ledger.postpone(job.job_id, 1, Failures("X", 1, 1000.0), next_try_s=9999.0, reason="X: y")
        assert [failed.subject for failed in ledger.failed_tries(project_id=3)] == [job.job_id]
        assert ledger.failed_tries(project_id=4) == ()
        if end == "finish":
            ledger.finish(job.job_id, 2, JobState.FAILED)
        elif end == "supersede":
            submitted(ledger, 0.9)
        else:
            ledger.cancel(job.job_id)
        if end == "forget":
            ledger.record_failure(FailedTry(FailureKind.ADOPTION, "3/41", TASK))
            ledger.forget_task(TASK)
        assert ledger.failed_tries() == ()

    def test_hasten_takes_no_other_project(self, ledger: Ledger, clock: FakeClock) -> None:
        done(ledger)
        for kind, task in ((FailureKind.JOB, TASK), (FailureKind.ADOPTION, OTHER_TASK)):
            ledger.record_failure(FailedTry(kind, str(task), task, Failures("X", 2, 900.0), 9999.0, reason="X: y"))
        ledger.postpone_pushes(5000.0)
        assert (ledger.due_pushes(clock.now_s()), ledger.pending_pushes()) == ((), 1)
        assert (ledger.hasten(project_id=4), ledger.hasten(task=OTHER_TASK)) == (0, 1)
        assert ledger.due_pushes(clock.now_s()) == ()
        assert ledger.hasten(project_id=3) == 1
        assert len(ledger.due_pushes(clock.now_s())) == 1
        assert {failed.next_try_s for failed in ledger.failed_tries()} == {clock.now_s()}
        assert {failed.failures.tries for failed in ledger.failed_tries()} == {2}

    def test_a_refused_push_is_pushed_when_asked_for_again(self, ledger: Ledger, clock: FakeClock) -> None:
        job = done(ledger)
        (push,) = ledger.due_pushes(1000.0)
        failures = Failures("LabelStudioRefused", 9, 900.0)
        refused = replace(push, state=PushState.REFUSED, tries=9, failures=failures, reason="LabelStudioRefused: 401")
        ledger.settle_push(refused)
        assert (ledger.latest_push(TASK), ledger.pending_pushes()) == (refused, 0)
        assert ledger.failure_counts() == {(FailureKind.PUSH, "LabelStudioRefused", True): 1}
        assert ledger.submit(JobKind.PROPAGATE, propagation()) == (ledger.job(job.job_id), False)
        (again,) = ledger.due_pushes(clock.now_s())
        assert (again.state, again.tries, again.failures) == (PushState.PENDING, 0, Failures())
        assert ledger.failed_tries() == ()


class TestPushes:
    def test_a_finished_job_is_pushed_once(self, ledger: Ledger, clock: FakeClock) -> None:
        job = done(ledger)
        (push,) = ledger.due_pushes(1000.0)
        assert (push.task, push.model_version, push.job_id) == (TASK, "masklet-demo-1", job.job_id)
        assert (push.state, push.tries, push.next_try_s, push.prediction_id) == (PushState.PENDING, 0, 1000.0, None)
        assert ledger.claim_push(push, until_s=1060.0)
        assert not ledger.claim_push(push, until_s=1060.0)
        assert ledger.due_pushes(1000.0) == ()
        settled = replace(push, state=PushState.PUSHED, tries=1, prediction_id=77)
        ledger.settle_push(settled)
        assert ledger.latest_push(TASK) == settled
        clock.advance(1000)
        assert ledger.due_pushes(clock.now_s()) == ()
        assert not ledger.claim_push(settled, until_s=9999.0)

    def test_a_claim_ends_with_its_lease(self, ledger: Ledger, clock: FakeClock) -> None:
        done(ledger)
        (push,) = ledger.due_pushes(1000.0)
        ledger.claim_push(push, until_s=1060.0)
        clock.advance(60)
        assert ledger.due_pushes(clock.now_s()) == (push,)
        assert ledger.claim_push(push, until_s=1200.0)

    def test_a_failed_push_is_claimed_again_when_it_is_due(self, ledger: Ledger) -> None:
        done(ledger)
        (push,) = ledger.due_pushes(1000.0)
        ledger.claim_push(push, until_s=1060.0)
        later = replace(push, tries=1, next_try_s=1004.0, reason="LabelStudioUnavailable: 503")
        ledger.settle_push(later)
        assert ledger.due_pushes(1003.9) == ()
        assert ledger.due_pushes(1004.0) == (later,)

    def test_a_newer_job_s_push_waits_for_the_claimed_one(self, ledger: Ledger) -> None:
        done(ledger, 0.1)
        (old,) = ledger.due_pushes(1000.0)
        ledger.claim_push(old, until_s=1060.0)
        newer = done(ledger, 0.2)
        assert ledger.due_pushes(1000.0) == ()
        ledger.settle_push(replace(old, state=PushState.PUSHED, tries=1, prediction_id=77))
        (push,) = ledger.due_pushes(1000.0)
        assert (push.job_id, push.state, push.tries, push.prediction_id) == (newer.job_id, PushState.PENDING, 0, 77)

    def test_each_model_version_has_its_own_push(self, ledger: Ledger) -> None:
        older = done(ledger, 0.1)
        job, _ = ledger.submit(JobKind.PROPAGATE, propagation(0.1, version="masklet-tiny-2"))
        ledger.start(job.job_id, 1, "w")
        ledger.finish(job.job_id, 1, JobState.DONE, push=True)
        assert [push.model_version for push in ledger.due_pushes(1000.0)] == ["masklet-demo-1", "masklet-tiny-2"]
        assert (len(ledger.due_pushes(1000.0, limit=1)), ledger.pending_pushes()) == (1, 2)
        latest = ledger.latest_push(TASK)
        assert latest is not None
        assert latest.model_version == "masklet-tiny-2"
        assert ledger.latest_push(OTHER_TASK) is None
        of_older = ledger.latest_push(TASK, job_id=older.job_id)
        assert of_older is not None
        assert of_older.model_version == "masklet-demo-1"
        assert ledger.latest_push(TASK, job_id="p-other") is None

    def test_refused_pushes_are_those_of_a_project_s_newest_masks(self, ledger: Ledger) -> None:
        done(ledger, 0.1)
        (older,) = ledger.due_pushes(1000.0)
        refused = replace(older, state=PushState.REFUSED, reason="400")
        assert ledger.refused_pushes(TASK.project_id) == ()
        ledger.settle_push(refused)
        assert ledger.refused_pushes(TASK.project_id) == (refused,)
        assert ledger.refused_pushes(TASK.project_id + 1) == ()
        job, _ = ledger.submit(JobKind.PROPAGATE, propagation(0.1, version="masklet-tiny-2"))
        ledger.start(job.job_id, 1, "w")
        ledger.finish(job.job_id, 1, JobState.DONE, push=True)
        assert ledger.refused_pushes(TASK.project_id) == ()

    def test_an_earlier_job_submitted_again_is_pushed_again(self, ledger: Ledger) -> None:
        first, second = done(ledger, 0.1), done(ledger, 0.2)
        (push,) = ledger.due_pushes(1000.0)
        assert push.job_id == second.job_id
        ledger.settle_push(replace(push, state=PushState.PUSHED, prediction_id=5))
        ledger.submit(JobKind.PROPAGATE, propagation(0.1))
        (back,) = ledger.due_pushes(1000.0)
        assert (back.job_id, back.prediction_id) == (first.job_id, 5)
        ledger.settle_push(replace(back, state=PushState.PUSHED))
        ledger.submit(JobKind.PROPAGATE, propagation(0.1))
        assert ledger.due_pushes(1000.0) == ()

    def test_the_end_of_a_replaced_push_leaves_the_newer_unchanged(self, ledger: Ledger) -> None:
        newer = done(ledger, 0.2)
        ledger.settle_push(replace(ledger.due_pushes(1000.0)[0], state=PushState.PUSHED, prediction_id=5))
        latest = ledger.latest_push(TASK)
        assert latest is not None
        ledger.settle_push(replace(latest, job_id="p-older", prediction_id=6, state=PushState.REFUSED))
        kept = ledger.latest_push(TASK)
        assert kept is not None
        assert (kept.job_id, kept.state, kept.prediction_id) == (newer.job_id, PushState.PUSHED, 6)


class TestSessions:
    def session(self, user: str = "annie", *, x_rel: float = 0.5) -> PropagationRequest:
        return replace(propagation(x_rel), session=user)

    def test_a_session_supersedes_nothing_and_is_not_superseded(self, ledger: Ledger) -> None:
        first = running(ledger)
        first_session, is_new = ledger.submit(JobKind.PROPAGATE, self.session())
        second_session, _ = ledger.submit(JobKind.PROPAGATE, self.session("bob", x_rel=0.2))
        assert is_new
        assert first_session.is_session
        assert ledger.job(first.job_id).state is JobState.RUNNING
        submitted(ledger, 0.9)
        assert ledger.job(first.job_id).state is JobState.SUPERSEDED
        assert [ledger.job(job.job_id).state for job in (first_session, second_session)] == [JobState.QUEUED] * 2

    def test_equal_sessions_are_one_job_and_are_read_back_whole(self, ledger: Ledger) -> None:
        job, _ = ledger.submit(JobKind.PROPAGATE, self.session())
        again, is_new = ledger.submit(JobKind.PROPAGATE, self.session())
        assert (again.job_id, is_new) == (job.job_id, False)
        request = ledger.request(job.job_id)
        assert isinstance(request, PropagationRequest)
        assert request.session == "annie"

    def test_a_session_is_not_among_the_tasks_jobs(self, ledger: Ledger) -> None:
        job, _ = ledger.submit(JobKind.PROPAGATE, self.session())
        assert ledger.jobs(task=TASK) == ()
        assert [listed.job_id for listed in ledger.jobs(states=(JobState.QUEUED,))] == [job.job_id]


def test_prompts_and_their_jobs_are_accepted_together(ledger: Ledger) -> None:
    ledger.record_prompts(TASK, prompt_set(click(0.1)))

    def jobs_of(known: PromptSet) -> list[PreviewRequest | PropagationRequest]:
        return [PreviewRequest(TASK, MEDIA, known, FrameIndex(0)), PropagationRequest(TASK, MEDIA, known)]

    (preview, is_new), (whole, _) = ledger.accept(TASK, prompt_set(click(0.2)), jobs_of)
    assert (preview.kind, whole.kind, is_new) == (JobKind.INTERACTIVE, JobKind.PROPAGATE, True)
    assert len(ledger.request(whole.job_id).prompts.prompts[0].points) == 2
    (_, is_new), (_, is_new_too) = ledger.accept(TASK, prompt_set(click(0.2)), jobs_of)
    assert not is_new
    assert not is_new_too


def test_prompts_are_not_stored_if_their_jobs_cannot_be(ledger: Ledger) -> None:
    def jobs_of(known: PromptSet) -> list[PreviewRequest | PropagationRequest]:
        raise NotFound("nothing to ask")

    with pytest.raises(NotFound):
        ledger.accept(OTHER_TASK, prompt_set(click(0.2)), jobs_of)
    assert not ledger.prompts(OTHER_TASK)


def test_claimed_prompts_become_a_user_s_in_their_order(ledger: Ledger) -> None:
    ledger.record_prompts(TASK, prompt_set(click(0.1), click(0.2, object_id=DOG, frame=3), cat="Cat", dog="Dog"))
    ledger.record_prompts(TASK, prompt_set(click(0.3), cat="Cat"), user="ann")

    ledger.claim_prompts(TASK, user="ann", keys={(CAT, FrameIndex(0))})
    (claimed,) = ledger.prompts(TASK, user="ann")
    assert [point.point.x_rel for point in claimed.points] == [0.1, 0.3]
    assert ledger.prompts(TASK).object_ids == (DOG,)

    ledger.claim_prompts(TASK, user="ben", keys={(DOG, FrameIndex(4))})
    assert not ledger.prompts(TASK, user="ben")
    ledger.claim_prompts(TASK, user="ben", keys={(DOG, None)})
    assert dict(ledger.prompts(TASK, user="ben").labels) == {DOG: "Dog"}
    assert not ledger.prompts(TASK)

    ledger.record_prompts(TASK, prompt_set(click(0.7), cat="Cat"))
    ledger.claim_prompts(TASK, user="ben", keys=None)
    assert ledger.prompts(TASK, user="ben").object_ids == (DOG, CAT)


class TestRetention:
    def test_old_jobs_are_deleted_except_the_newest_and_pushed(self, ledger: Ledger, clock: FakeClock) -> None:
        first = done(ledger, 0.1)
        click_job, _ = ledger.submit(JobKind.INTERACTIVE, preview())
        ledger.start(click_job.job_id, 1, "worker-1")
        ledger.finish(click_job.job_id, 1, JobState.DONE)
        second = done(ledger, 0.2)
        failed = running(ledger, 0.3)
        ledger.finish(failed.job_id, 1, JobState.FAILED)
        opened = submitted(ledger, 0.4)
        other = done(ledger, 0.1, task=OTHER_TASK)
        clock.advance(100)
        assert ledger.prune(clock.now_s() - 100, limit=99) == ()
        assert ledger.prune(clock.now_s() - 99, limit=99) == (first.job_id, click_job.job_id, failed.job_id)
        left = {job.job_id for job in ledger.jobs()}
        assert left == {second.job_id, opened.job_id, other.job_id}
        assert ledger.known_jobs({first.job_id, second.job_id, "p-nothing"}) == {second.job_id}
        assert ledger.known_jobs(()) == frozenset()

    def test_the_job_of_a_prediction_is_kept(self, ledger: Ledger, clock: FakeClock) -> None:
        pushed = done(ledger, 0.1)
        unpushed = running(ledger, 0.2)
        ledger.finish(unpushed.job_id, 1, JobState.DONE, masks_run="unpushed")
        clock.advance(100)
        assert ledger.prune(clock.now_s(), limit=99) == ()
        assert {job.job_id for job in ledger.jobs()} == {pushed.job_id, unpushed.job_id}

    def test_a_job_submitted_again_is_kept(self, ledger: Ledger, clock: FakeClock) -> None:
        first = done(ledger, 0.1)
        done(ledger, 0.2)
        clock.advance(100)
        submitted(ledger, 0.1)
        done(ledger, 0.3)
        assert first.job_id not in ledger.prune(clock.now_s() - 50, limit=99)

    def test_one_call_deletes_no_more_than_the_limit(self, ledger: Ledger, clock: FakeClock) -> None:
        jobs = [done(ledger, x / 10) for x in range(1, 5)]
        clock.advance(100)
        assert ledger.prune(clock.now_s(), limit=2) == (jobs[0].job_id, jobs[1].job_id)

    def test_tasks_without_recent_jobs_are_inactive(self, ledger: Ledger, clock: FakeClock) -> None:
        ledger.record_prompts(TaskKey(3, 7), prompt_set(click(0.5)))
        done(ledger, task=OTHER_TASK)
        done(ledger, task=TASK)
        ledger.record_prompts(TASK, prompt_set(click(0.5)))
        clock.advance(100)
        done(ledger, 0.9, task=TaskKey(2, 99))
        before_s = clock.now_s() - 50
        assert ledger.inactive_tasks(before_s, after=None, limit=99) == (TaskKey(3, 7), TASK, OTHER_TASK)
        assert ledger.inactive_tasks(before_s, after=None, limit=2) == (TaskKey(3, 7), TASK)
        assert ledger.inactive_tasks(before_s, after=TASK, limit=2) == (OTHER_TASK,)
        assert ledger.inactive_tasks(before_s, after=TaskKey(4, 0), limit=2) == ()

    def test_forgetting_a_task_deletes_all_its_rows(self, ledger: Ledger) -> None:
        job, other = done(ledger), done(ledger, task=OTHER_TASK)
        for task in (TASK, OTHER_TASK):
            ledger.record_prompts(task, prompt_set(click(0.5), cat="Cat"), user="a@b")
        assert ledger.forget_task(TASK) == (job.job_id,)
        assert not ledger.prompts(TASK, user="a@b")
        assert ledger.latest_push(TASK) is None
        assert [job.job_id for job in ledger.jobs()] == [other.job_id]
        assert ledger.prompts(OTHER_TASK, user="a@b")
        assert ledger.latest_push(OTHER_TASK) is not None

    def test_a_task_with_an_open_job_is_not_forgotten(self, ledger: Ledger) -> None:
        submitted(ledger)
        ledger.record_prompts(TASK, prompt_set(click(0.5)))
        assert ledger.forget_task(TASK) == ()
        assert ledger.prompts(TASK)
        assert len(ledger.jobs()) == 1


def preview() -> PreviewRequest:
    return PreviewRequest(TASK, MEDIA, prompt_set(click(0.5)), FrameIndex(0), "masklet-demo-1")


class TestClock:
    def test_a_boot_has_one_offset(self, ledger: SqlLedger, clock: FakeClock) -> None:
        first_s = ledger.clock_offset_s("boot-1")
        clock.jump_wall(-3600)
        assert ledger.clock_offset_s("boot-1") == first_s

    def test_a_boot_does_not_lie_before_the_newest_heartbeat(self, ledger: SqlLedger, clock: FakeClock) -> None:
        clock.jump_wall(9e9)
        heartbeat_s = running(ledger).heartbeat_s
        clock.jump_wall(-9e9 - 3600)
        assert ledger.clock_offset_s("boot-2") + clock.monotonic_s() == pytest.approx(heartbeat_s, abs=1e-5)


class TestClicks:
    @staticmethod
    def click(ledger: Ledger, user: str, x_rel: float, *, wait_s: float = 0.0, task: TaskKey = TASK) -> Job:
        request = PreviewRequest(task, MEDIA, prompt_set(click(x_rel)), FrameIndex(0), user=user)
        return ledger.accept(task, PromptSet(()), lambda _: [request], user=user, wait_s=wait_s)[0][0]

    def test_queued_clicks_have_their_persons_and_waiters(self, ledger: Ledger) -> None:
        waited = self.click(ledger, "ann", 0.1, wait_s=5)
        unwaited = self.click(ledger, "", 0.2)
        submitted(ledger)
        first, second = ledger.queued_clicks()
        assert (first.job_id, first.person, first.until_s, first.updated_s) == (waited.job_id, "ann", 1005.0, 1000.0)
        assert (second.job_id, second.person, second.until_s) == (unwaited.job_id, f"{TASK} ", float("-inf"))
        assert first.sequence < second.sequence
        assert ledger.pending_waits().jobs == ()

    def test_a_repeated_click_waits_longer(self, ledger: Ledger, clock: FakeClock) -> None:
        self.click(ledger, "ann", 0.1, wait_s=5)
        clock.advance(3)
        self.click(ledger, "ann", 0.1, wait_s=5)
        assert [found.until_s for found in ledger.queued_clicks()] == [1008.0]

    def test_only_queued_clicks_are_dropped(self, ledger: Ledger) -> None:
        queued, started, whole = self.click(ledger, "ann", 0.1), self.click(ledger, "ann", 0.2), submitted(ledger)
        ledger.start(started.job_id, 1, "worker-1")
        assert ledger.drop_clicks([queued.job_id, started.job_id, whole.job_id], reason="Cancelled: late") == 1
        states = [ledger.job(job.job_id).state for job in (queued, started, whole)]
        assert states == [JobState.CANCELLED, JobState.RUNNING, JobState.QUEUED]
        assert ledger.queued_clicks() == ()

    def test_queued_jobs_are_counted_by_kind(self, ledger: Ledger) -> None:
        assert ledger.queued_counts() == {}
        self.click(ledger, "ann", 0.1)
        running(ledger)
        submitted(ledger, task=OTHER_TASK)
        assert ledger.queued_counts() == {JobKind.INTERACTIVE: 1, JobKind.PROPAGATE: 1}

    def test_the_oldest_queued_job_by_kind(self, ledger: Ledger, clock: FakeClock) -> None:
        assert ledger.queued_since() == {}
        first = submitted(ledger)
        clock.advance(5)
        submitted(ledger, task=OTHER_TASK)
        self.click(ledger, "ann", 0.1)
        assert ledger.queued_since() == {JobKind.PROPAGATE: 1000.0, JobKind.INTERACTIVE: 1005.0}
        started = ledger.start(first.job_id, 1, "worker-1")
        assert started is not None
        ledger.postpone(first.job_id, 1, Failures("MediaUnreachable", 1), next_try_s=2000.0, reason="away")
        assert ledger.queued_since()[JobKind.PROPAGATE] == 1005.0

    def test_an_error_of_the_requests_undoes_the_prompts(self, ledger: Ledger) -> None:
        def refuse(_: PromptSet) -> list[PreviewRequest]:
            raise PromptError("frame 99 is not in the video")

        with pytest.raises(PromptError):
            ledger.accept(TASK, prompt_set(click(0.1)), refuse)
        assert not ledger.prompts(TASK)
