"""Jobs that wait for media: others run meanwhile, and every wait ends."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.application.worker.scheduling.media_waits import MAX_WAITS, MediaWaits
from backend.domain.errors import MediaUnreachable
from backend.domain.jobs import Job, JobState, PreviewRequest
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.fetches import FetchedMedia
from tests.unit.application.builders import USER_TASK, Parts, click_on

SLOW = MediaRef(("https://slow/clip.mp4",), is_pages=False)


class Waiting:
    """A worker, a click on slow media, and a click on media that are here."""

    def __init__(self) -> None:
        self.media = FetchedMedia()
        self.media.slow = set(SLOW.addresses)
        self.ended: list[str] = []
        self.parts = Parts(media=self.media)
        self.waits = MediaWaits(ended=self.ended.append)
        self.parts.runner = replace(self.parts.runner, media_waits=self.waits)
        self.slow = self.click(1, SLOW)

    def click(self, task_id: int, media: MediaRef) -> Job:
        request = PreviewRequest(TaskKey(3, task_id), media, click_on(0), FrameIndex(0), USER_TASK.model_version)
        return self.parts.submitter.submit(request)

    def state(self, job: Job) -> JobState:
        return self.parts.ledger.job(job.job_id).state


def test_it_is_told_whether_a_job_waits() -> None:
    waiting = Waiting()
    assert not waiting.waits.wait_for_some(0.01)
    waiting.parts.run(waiting.slow)
    waiting.parts.run(waiting.click(2, SLOW))
    assert waiting.waits.wait_for_some(0.0)
    waiting.media.fetches[0].is_done = True
    assert waiting.waits.poll() == 1
    assert waiting.waits.wait_for_some(0.0)
    waiting.media.fetches[1].is_done = True
    assert waiting.waits.poll() == 0
    assert not waiting.waits.wait_for_some(0.01)


def test_a_click_on_cached_media_does_not_wait_for_a_download() -> None:
    waiting = Waiting()
    assert waiting.parts.run(waiting.slow).state is JobState.RUNNING
    assert waiting.parts.run(waiting.click(2, USER_TASK.media)).state is JobState.DONE
    assert len(waiting.media.opened) == 1
    assert waiting.waits.poll() == 1


def test_the_job_goes_on_when_its_media_are_here_and_no_attempt_counts() -> None:
    waiting = Waiting()
    for _ in range(5):
        waiting.parts.run(waiting.parts.ledger.job(waiting.slow.job_id))
        waiting.media.fetches[-1].is_done = True
        assert waiting.waits.poll() == 0
        assert waiting.state(waiting.slow) is JobState.QUEUED
    waiting.media.arrive()
    assert waiting.parts.run(waiting.parts.ledger.job(waiting.slow.job_id)).state is JobState.DONE
    assert waiting.ended == [waiting.slow.job_id] * 5


def test_a_job_that_waits_has_a_heartbeat() -> None:
    waiting = Waiting()
    waiting.parts.run(waiting.slow)
    for _ in range(10):
        waiting.parts.clock.advance(30.0)
        waiting.waits.poll()
        waiting.parts.reconciler.reconcile()
    assert waiting.state(waiting.slow) is JobState.RUNNING
    assert waiting.parts.ledger.job(waiting.slow.job_id).attempt == 1


def test_a_cancelled_job_cancels_its_download() -> None:
    waiting = Waiting()
    waiting.parts.run(waiting.slow)
    waiting.parts.ledger.cancel(waiting.slow.job_id)
    waiting.parts.clock.advance(2.0)
    assert waiting.waits.poll() == 0
    assert waiting.state(waiting.slow) is JobState.CANCELLED
    assert waiting.media.fetches[0].is_cancelled


def test_a_download_that_fails_is_recorded_and_told() -> None:
    waiting = Waiting()
    waiting.parts.run(waiting.slow)
    waiting.media.fetches[0].error = MediaUnreachable("slow sends 1.0 KiB a second")
    waiting.media.fetches[0].is_done = True
    waiting.waits.poll()
    job = waiting.parts.ledger.job(waiting.slow.job_id)
    assert (job.state, job.attempt) == (JobState.QUEUED, 2)
    assert job.reason == "MediaUnreachable: slow sends 1.0 KiB a second"
    assert waiting.ended == [waiting.slow.job_id]


def test_a_stopping_worker_puts_its_waiting_jobs_back() -> None:
    waiting = Waiting()
    waiting.parts.run(waiting.slow)
    waiting.parts.stopping = True
    assert waiting.waits.poll() == 0
    assert waiting.state(waiting.slow) is JobState.QUEUED


def test_the_jobs_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.application.worker.scheduling.media_waits.MAX_WAITS", 1)
    assert MAX_WAITS == 256
    waiting = Waiting()
    waiting.parts.run(waiting.slow)
    second = waiting.parts.run(waiting.click(2, SLOW))
    assert second.state is JobState.QUEUED
    assert "jobs of this worker wait for media already" in second.reason
