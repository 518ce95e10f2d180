"""One job, from claim to result: open the video, run the model frame by frame, store masks, finish.

Only the current attempt publishes: every write to the ledger carries the attempt number and is refused once a
newer attempt (or a newer prompt) exists. What an attempt noted down stays for the next one; when the job ends, it goes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.application.jobs.submit import Submitter
from backend.application.ports.clock import Clock
from backend.application.ports.engine import NeverCancelled, Segmenter
from backend.application.ports.key_value import KeyValueStore, MemoryKeyValueStore
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskCodec, MaskStore
from backend.application.ports.media import MediaLibrary, VideoSource
from backend.application.ports.prewarm import Prewarmer
from backend.application.worker.mask_records import encoded, scorer_of
from backend.application.worker.propagate import Propagator, attempts_of
from backend.application.worker.scheduling.engine_turns import EngineQueue, EngineTurn
from backend.application.worker.scheduling.job_control import JobControl
from backend.application.worker.shot_cuts import WatchedVideo, remember_cuts
from backend.application.worker.timing import Stopwatch, TimedVideo
from backend.domain.calibration import Calibrator
from backend.domain.errors import (
    Cancelled,
    Interrupted,
    MaskletError,
    MediaUnreachable,
    ServiceUnavailable,
    Superseded,
    reason_of,
)
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest, PropagationRequest, run_name
from backend.domain.video import FrameIndex

logger = logging.getLogger(__name__)

RETRYABLE = (MediaUnreachable, ServiceUnavailable)

Asked = Callable[[], bool]

SNAPSHOT_FRAMES = 200
"""Frames between two notes of how far a propagation is: seconds of work, for a few MiB an object."""


@dataclass(frozen=True, slots=True)
class JobRunner:
    """What a worker process holds to do jobs."""

    ledger: Ledger
    masks: MaskStore
    codec: MaskCodec
    media: MediaLibrary
    segmenter: Segmenter
    submitter: Submitter
    clock: Clock
    worker_name: str
    max_attempts: int
    pushes: bool
    """Whether finished propagations are to reach Label Studio."""

    calibrator: Calibrator | None = None
    """What makes uncertainty a probability; a rank without it."""

    snapshot_frames: int = SNAPSHOT_FRAMES
    """Frames between two snapshots of a propagation; 0: none are taken."""

    key_values: KeyValueStore = field(default_factory=MemoryKeyValueStore)
    """Where a video's cuts are remembered."""

    engine_queue: EngineQueue = field(default_factory=EngineQueue)
    """Whose turn it is with the engine, where several propagations go on at once."""

    def run(self, job_id: str, attempt: int, is_stopping: Asked, *, is_crowded: Asked | None = None) -> Job:
        """Do one attempt and record how it ended. Never raises for a job that fails: the record says why.

        is_crowded: given for a guest (see `guests`): whether others wait for its place.
        """
        job = self.ledger.start(job_id, attempt, self.worker_name)
        if job is None:
            logger.info("job %s attempt %d is stale and left alone", job_id, attempt)
            return self.ledger.job(job_id)
        watch = self._job_control(job, is_stopping, is_crowded)
        try:
            self._do(job, watch)
        except Interrupted as error:
            self._again(job, reason_of(error), forgiven=True)
        except Superseded as error:
            self.ledger.finish(job_id, attempt, JobState.SUPERSEDED, reason=reason_of(error))
        except Cancelled as error:
            self.ledger.finish(job_id, attempt, JobState.CANCELLED, reason=reason_of(error))
        except RETRYABLE as error:
            logger.warning("job %s attempt %d: %s", job_id, attempt, error)
            self._again(job, reason_of(error))
        except MaskletError as error:
            logger.warning("job %s failed: %s", job_id, error)
            self.ledger.finish(job_id, attempt, JobState.FAILED, reason=reason_of(error))
        except Exception as error:  # the job boundary: whatever it is, the record must say so and the worker live
            logger.exception("job %s attempt %d broke", job_id, attempt)
            self._again(job, reason_of(error))
        return self._ended(job)

    def _job_control(self, job: Job, is_stopping: Asked, is_crowded: Asked | None) -> JobControl:
        watch = JobControl(self.ledger, self.clock, job, is_stopping, engine_turn=EngineTurn(self.engine_queue))
        if is_crowded is not None and self.snapshot_frames:  # without snapshots, to leave would be to start afresh
            watch.is_priority, watch.is_full = True, is_crowded
        return watch

    def _ended(self, job: Job) -> Job:
        """The job as it is now; if that is the end of it, what this and earlier attempts left is removed."""
        latest = self.ledger.job(job.job_id)
        if latest.state.is_final and latest.attempt == job.attempt:
            for run in attempts_of(job.job_id, below=job.attempt + 1):
                if run != latest.masks_run:
                    self.masks.remove(run)
        return latest

    def _again(self, job: Job, reason: str, *, forgiven: bool = False) -> None:
        renewed = self.ledger.requeue(
            job.job_id, job.attempt, reason=reason, max_attempts=self.max_attempts, forgiven=forgiven
        )
        if renewed.state is JobState.QUEUED:
            self.submitter.dispatch(renewed)

    def _do(self, job: Job, watch: JobControl) -> None:
        request = self.ledger.request(job.job_id)
        stopwatch = Stopwatch(self.clock)
        stopwatch.seconds["wait"] = max(self.clock.now_s() - job.created_s, 0.0)
        with stopwatch.time("fetch"):
            source = self.media.open(request.media, frames=frames_needed(request))
        with source as video:
            for prompt in request.prompts:
                video.info.require_frame(prompt.frame_index)
            watched = WatchedVideo(video)
            timed = TimedVideo(watched, stopwatch)
            if isinstance(request, PreviewRequest):
                self._preview(job, request, timed, watch=watch, stopwatch=stopwatch)
            else:
                try:
                    self._propagator.run(job, request, timed, watch=watch, stopwatch=stopwatch)
                finally:
                    remember_cuts(self.key_values, video.info.content_hash, watched.finder)
            self.ledger.progress(job.job_id, job.attempt, watch.done, watch.total)
        self._publish(job, stopwatch.seconds)

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
        self, job: Job, request: PreviewRequest, video: VideoSource, *, watch: JobControl, stopwatch: Stopwatch
    ) -> None:
        """One frame. Looking at it is timed apart from prompting on it: the first may have been done ahead.

        The person does not wait for the disk: a click whose masks a power cut took is answered anew (Desk.kept).
        """
        video.info.require_frame(request.frame_index)
        watch.total = 1
        run = run_name(job.job_id, job.attempt)
        with self.masks.writer(run, video=video.info, labels=request.prompts.labels) as writer:
            with stopwatch.time("model"):
                if isinstance(self.segmenter, Prewarmer):
                    with stopwatch.time("look"):
                        self.segmenter.prewarm(video, (request.frame_index,), cancel=NeverCancelled())
                masks = self.segmenter.segment(video, request.prompts, request.frame_index)
            with stopwatch.time("encode"):
                for object_id, frame in encoded(masks, self.codec, scorer_of(self.calibrator, request.prompts)):
                    writer.append(object_id, frame)
            watch.done = 1
            watch.raise_if_cancelled()
            with stopwatch.time("store"):
                writer.commit(durable=False)

    def _publish(self, job: Job, timings_s: dict[str, float]) -> None:
        run = run_name(job.job_id, job.attempt)
        published = self.ledger.finish(
            job.job_id,
            job.attempt,
            JobState.DONE,
            masks_run=run,
            timings_s=timings_s,
            push=self.pushes and job.kind is JobKind.PROPAGATE and not job.is_session,
        )
        if not published:
            self.masks.remove(run)


def frames_needed(request: PreviewRequest | PropagationRequest) -> frozenset[FrameIndex] | None:
    """The frames that a request looks at; None: all of them. A click must not wait for pages that it does not show."""
    if isinstance(request, PreviewRequest):
        return frozenset((request.frame_index, *request.prompts.prompted_frames))
    return None
