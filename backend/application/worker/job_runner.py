"""One attempt of a job, from claim to result: opens the video, runs the model, stores masks, finishes the job.

Only the current attempt publishes: the ledger refuses a write with the number of an older attempt. An attempt's
snapshot is kept for the next attempt, and removed when the job ends.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.application.jobs.submit import Submitter
from backend.application.ports.clock import Clock
from backend.application.ports.engine import NeverCancelled, Segmenter
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskCodec, MaskStore
from backend.application.ports.measuring.log_fields import logged_with
from backend.application.ports.media import TaskMediaFetcher, TaskMediaLibrary, VideoSource
from backend.application.ports.progress import work_moved
from backend.application.ports.requests.prewarm import Prewarmer
from backend.application.worker.mask_records import encoded, scorer_of
from backend.application.worker.propagate import Propagator, attempts_of
from backend.application.worker.scheduling.engine_turns import EngineQueue, EngineTurn
from backend.application.worker.scheduling.job_control import JobControl
from backend.application.worker.scheduling.media_waits import MediaWait, MediaWaits
from backend.application.worker.shot_cuts import CutDetectingVideo, remember_cuts
from backend.application.worker.timing import Stopwatch, TimedVideo
from backend.domain.errors import (
    Cancelled,
    Interrupted,
    LabelStudioRefused,
    MaskletError,
    MediaRefused,
    MediaUnreachable,
    PromptError,
    ServiceUnavailable,
    StorageFull,
    Superseded,
    reason_of,
)
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest, PropagationRequest, run_name
from backend.domain.prompts import PromptSet
from backend.domain.retries import FailureKind, Failures
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.video import FrameIndex, VideoInfo

logger = logging.getLogger(__name__)

RETRYABLE = (MediaUnreachable, ServiceUnavailable)
"""Causes outside of Masklet: the attempt is not counted, and the next one waits."""

LOOKS_FINAL = (MediaRefused, LabelStudioRefused)
"""Refusals from outside: a propagation is retried for a day."""

Condition = Callable[[], bool]

FETCH_INLINE_S = 0.1
"""The longest that a job waits for media in its place: most are cached, and only asked after."""

FULL_DISK_WAIT_S = 30.0
"""The longest that a worker waits for space to record a job's end; later its heartbeat's end stands for it."""

FULL_DISK_PAUSE_S = 0.5

SNAPSHOT_FRAMES = 200
"""Frames between two snapshots of a propagation: seconds of work, for a few MiB per object."""


@dataclass(frozen=True, slots=True)
class JobRunner:
    """Runs attempts of jobs in a worker process."""

    ledger: Ledger
    masks: MaskStore
    codec: MaskCodec
    media: TaskMediaLibrary
    segmenter: Segmenter
    submitter: Submitter
    clock: Clock
    worker_name: str
    max_attempts: int
    pushes: bool
    """Whether finished propagations are pushed to Label Studio."""
    key_values: KeyValueStore
    """Stores the cuts of videos."""

    calibrator: Calibrator | None = None
    """Makes uncertainty a probability. None: uncertainty is a rank."""

    snapshot_frames: int = SNAPSHOT_FRAMES
    """Frames between two snapshots of a propagation. 0: no snapshots."""

    media_waits: MediaWaits | None = None
    """Jobs whose media are being fetched. None: a job waits for its media in its place."""

    engine_queue: EngineQueue = field(default_factory=EngineQueue)
    """The turns of several propagations in this process."""

    random: Callable[[], float] = random.random
    """0 to 1: shortens the waits before a next attempt."""

    def run(self, job_id: str, attempt: int, is_stopping: Condition, *, is_full: Condition | None = None) -> Job:
        """Runs one attempt and records how it ended. Never raises for a job that fails: the ledger has the reason.

        is_full: of a priority job only: whether other jobs with a waiter found no place in this worker.
        """
        job = self.ledger.start(job_id, attempt, self.worker_name)
        if job is None:
            logger.info("job %s attempt %d is stale; nothing is done", job_id, attempt)
            return self.ledger.job(job_id)
        control = self._job_control(job, is_stopping, is_full)
        with logged_with(job=job_id, task=job.task, attempt=attempt), self._recorded(job):
            request = self.ledger.request(job_id)
            if not self._waits_for_media(control, request):
                self._run(job, request, control)
        return self._final(job)

    @contextmanager
    def _recorded(self, job: Job) -> Iterator[None]:
        """Records in the ledger how an attempt ends that raises inside."""
        job_id, attempt = job.job_id, job.attempt
        try:
            yield
        except Interrupted as error:
            self._requeue(job, error, forgiven=True)
        except Superseded as error:
            self.ledger.finish(job_id, attempt, JobState.SUPERSEDED, reason=reason_of(error))
        except Cancelled as error:
            self.ledger.finish(job_id, attempt, JobState.CANCELLED, reason=reason_of(error))
        except StorageFull as error:
            logger.warning("job %s attempt %d: %s", job_id, attempt, error)
            self._requeue_when_stored(job, reason_of(error))
        except (*RETRYABLE, *LOOKS_FINAL) as error:
            self._postpone(job, error)
        except MaskletError as error:
            logger.warning("job %s failed: %s", job_id, error)
            self.ledger.finish(job_id, attempt, JobState.FAILED, reason=reason_of(error))
        except Exception as error:  # the job boundary: the ledger records any error, and the worker continues
            logger.exception("job %s attempt %d failed unexpectedly", job_id, attempt)
            self._requeue(job, error)

    def _waits_for_media(self, control: JobControl, request: PreviewRequest | PropagationRequest) -> bool:
        """Whether the job left its place to others, because its media are still on their way."""
        if self.media_waits is None or not isinstance(self.media, TaskMediaFetcher):
            return False
        fetch = self.media.fetch(request.media, task=request.task, frames=frames_needed(request))
        if fetch.wait(0.0 if len(self.media_waits) else FETCH_INLINE_S):
            fetch.raise_error()
            return False
        self.media_waits.add(MediaWait(control, fetch, self._recorded))
        return True

    def _job_control(self, job: Job, is_stopping: Condition, is_full: Condition | None) -> JobControl:
        control = JobControl(self.ledger, self.clock, job, is_stopping, engine_turn=EngineTurn(self.engine_queue))
        if is_full is not None and self.snapshot_frames:  # without snapshots, ending early would lose all frames
            control.is_priority, control.is_full = True, is_full
        return control

    def _final(self, job: Job) -> Job:
        """The job as it is now. If it is final, removes the other runs of its attempts."""
        latest = self.ledger.job(job.job_id)
        if latest.state.is_final and latest.attempt == job.attempt:
            for run in attempts_of(job.job_id, below=job.attempt + 1):
                if run != latest.masks_run:
                    self.masks.remove(run)
        return latest

    def _requeue(self, job: Job, error: Exception, *, forgiven: bool = False) -> None:
        reason = reason_of(error)
        self.submitter.requeue(job, reason=reason, max_attempts=self.max_attempts, forgiven=forgiven)

    def _postpone(self, job: Job, error: MaskletError) -> None:
        """Puts the job off until its next attempt, or fails it.

        A click fails after max_attempts failures: a person waits for it and asks again. A propagation fails if a
        refusal has lasted for a day.
        """
        now_s = self.clock.now_s()
        earlier = self.ledger.failed_try(FailureKind.JOB, job.job_id)
        failures = (Failures() if earlier is None else earlier.failures).after(error, now_s)
        looks_final = isinstance(error, LOOKS_FINAL)
        is_over = looks_final and failures.is_given_up(now_s)
        if job.kind is JobKind.INTERACTIVE:
            is_over = looks_final or failures.tries >= self.max_attempts
        if is_over:
            logger.warning("job %s failed: %s", job.job_id, error)
            self.ledger.finish(job.job_id, job.attempt, JobState.FAILED, reason=reason_of(error))
            return
        wait_s = failures.wait_s(now_s, self.random())
        logger.warning("job %s attempt %d: %s; trying again in %.0f s", job.job_id, job.attempt, error, wait_s)
        self.ledger.postpone(job.job_id, job.attempt, failures, next_try_s=now_s + wait_s, reason=reason_of(error))

    def _requeue_when_stored(self, job: Job, reason: str) -> None:
        """Requeues a job that met a full disk; no attempt is counted. The reconciler offers it again, not at once."""
        give_up_s = self.clock.monotonic_s() + FULL_DISK_WAIT_S
        while True:
            try:
                self.ledger.requeue(
                    job.job_id, job.attempt, reason=reason, max_attempts=self.max_attempts, forgiven=True
                )
                return
            except StorageFull:
                if self.clock.monotonic_s() >= give_up_s:
                    raise
                self.clock.sleep(FULL_DISK_PAUSE_S)
                work_moved()

    def _run(self, job: Job, request: PreviewRequest | PropagationRequest, control: JobControl) -> None:
        stopwatch = Stopwatch(self.clock)
        stopwatch.seconds["wait"] = max(self.clock.now_s() - job.created_s, 0.0)
        with stopwatch.time("fetch"):
            source = self.media.open(request.media, task=job.task, frames=frames_needed(request))
        with source as video:
            self._require_frames(job, request.prompts, video.info)
            cut_video = CutDetectingVideo(video)
            timed = TimedVideo(cut_video, stopwatch)
            if isinstance(request, PreviewRequest):
                self._preview(job, request, timed, control=control, stopwatch=stopwatch)
            else:
                try:
                    self._propagator.run(job, request, timed, control=control, stopwatch=stopwatch)
                finally:
                    remember_cuts(self.key_values, video.info.content_hash, cut_video.finder)
        self._publish(job, control, stopwatch.seconds)

    def _require_frames(self, job: Job, prompts: PromptSet, info: VideoInfo) -> None:
        """Withdraws prompts past the end, which were recorded before the frame count was known. Raises PromptError."""
        for prompt in prompts:
            try:
                info.require_frame(prompt.frame_index)
            except PromptError:
                withdrawn = self.ledger.withdraw_prompts(job.task, from_frame=info.frame_count)
                logger.warning("task %s: %d prompts past the end are withdrawn", job.task, withdrawn)
                raise

    @property
    def _propagator(self) -> Propagator:
        return Propagator(
            ledger=self.ledger,
            masks=self.masks,
            codec=self.codec,
            segmenter=self.segmenter,
            clock=self.clock,
            calibrator=self.calibrator,
            snapshot_frames=self.snapshot_frames,
        )

    def _preview(
        self, job: Job, request: PreviewRequest, video: VideoSource, *, control: JobControl, stopwatch: Stopwatch
    ) -> None:
        """One frame. Encoding is timed apart from prompting: the frame may be prewarmed.

        The commit does not wait for the disk: masks that a power cut took are made again
        (AnnotationService.ensure_masks).
        """
        video.info.require_frame(request.frame_index)
        control.total = 1
        run = run_name(job.job_id, job.attempt)
        with self.masks.writer(run, video=video.info, labels=request.prompts.labels) as writer:
            with stopwatch.time("model"):
                if isinstance(self.segmenter, Prewarmer):
                    with stopwatch.time("look"):
                        self.segmenter.prewarm(video, (request.frame_index,), cancel=NeverCancelled())
                masks = self.segmenter.segment(video, request.prompts, request.frame_index)
            with stopwatch.time("encode"):
                for object_id, frame in encoded(masks, video, self.codec, scorer_of(self.calibrator, request.prompts)):
                    writer.append(object_id, frame)
            control.done = 1
            control.raise_if_cancelled()
            with stopwatch.time("store"):
                writer.commit(durable=False)

    def _publish(self, job: Job, control: JobControl, timings_s: dict[str, float]) -> None:
        run = run_name(job.job_id, job.attempt)
        published = self.ledger.finish(
            job.job_id,
            job.attempt,
            JobState.DONE,
            masks_run=run,
            timings_s=timings_s,
            frames=(control.done, control.total),
            push=self.pushes and job.kind is JobKind.PROPAGATE and not job.is_session,
        )
        if not published:
            self.masks.remove(run)


def frames_needed(request: PreviewRequest | PropagationRequest) -> frozenset[FrameIndex] | None:
    """The frames that a request reads; None: all of them. A click does not wait for pages that it does not read."""
    if isinstance(request, PreviewRequest):
        return frozenset((request.frame_index, *request.prompts.prompted_frames))
    return None
