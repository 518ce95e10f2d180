"""One job, from claim to result: open the video, run the model frame by frame, store masks, finish.

Only the current attempt publishes: every write to the ledger carries the attempt number and is refused once a
newer attempt (or a newer prompt) exists.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from backend.application.desk import run_name
from backend.application.offline import NeverCancelled, encoded, scorer_of
from backend.application.ports import (
    Clock,
    Ledger,
    MaskCodec,
    MaskStore,
    MaskWriter,
    MediaLibrary,
    Segmenter,
    VideoSource,
)
from backend.application.prewarm import Prewarmer
from backend.application.requests import Job, JobKind, JobState, PreviewRequest, PropagationRequest
from backend.application.submit import Submitter
from backend.application.timing import Stopwatch, TimedVideo
from backend.application.watch import JobWatch
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
from backend.domain.masklets import FrameMasks
from backend.domain.scoring import Scorer
from backend.domain.video import Direction, FrameIndex, VideoInfo

logger = logging.getLogger(__name__)

RETRYABLE = (MediaUnreachable, ServiceUnavailable)
FLUSH_EVERY_S = 1.0
"""How often a running propagation shows readers what it has."""


@dataclass(frozen=True, slots=True)
class Workbench:
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

    def run(self, job_id: str, attempt: int, is_stopping: Callable[[], bool]) -> Job:
        """Do one attempt and record how it ended. Never raises for a job that fails: the record says why."""
        job = self.ledger.start(job_id, attempt, self.worker_name)
        if job is None:
            logger.info("job %s attempt %d is stale and left alone", job_id, attempt)
            return self.ledger.job(job_id)
        watch = JobWatch(self.ledger, self.clock, job, is_stopping)
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
        return self.ledger.job(job_id)

    def _again(self, job: Job, reason: str, *, forgiven: bool = False) -> None:
        renewed = self.ledger.requeue(
            job.job_id, job.attempt, reason=reason, max_attempts=self.max_attempts, forgiven=forgiven
        )
        if renewed.state is JobState.QUEUED:
            self.submitter.dispatch(renewed)

    def _do(self, job: Job, watch: JobWatch) -> None:
        request = self.ledger.request(job.job_id)
        stopwatch = Stopwatch(self.clock)
        stopwatch.seconds["wait"] = max(self.clock.now_s() - job.created_s, 0.0)
        with stopwatch.time("fetch"):
            source = self.media.open(request.media, frames=frames_needed(request))
        with source as video:
            for prompt in request.prompts:
                video.info.require_frame(prompt.frame_index)
            watch.total = total_frames(request, video.info)
            with self.masks.writer(
                run_name(job.job_id, job.attempt), video=video.info, labels=request.prompts.labels
            ) as writer:
                self._write(
                    self._frames(request, TimedVideo(video, stopwatch), watch, stopwatch),
                    writer,
                    watch=watch,
                    stopwatch=stopwatch,
                    scorer=scorer_of(self.calibrator, request.prompts),
                )
                with stopwatch.time("store"):
                    writer.commit()
            self.ledger.progress(job.job_id, job.attempt, watch.done, watch.total)
        self._publish(job, stopwatch.seconds)

    def _frames(
        self, request: PreviewRequest | PropagationRequest, video: VideoSource, watch: JobWatch, stopwatch: Stopwatch
    ) -> Iterator[FrameMasks]:
        if isinstance(request, PreviewRequest):
            return self._preview(request, video, stopwatch)
        return self.segmenter.propagate(
            video, request.prompts, direction=request.direction, span=request.frames, cancel=watch
        )

    def _preview(self, request: PreviewRequest, video: VideoSource, stopwatch: Stopwatch) -> Iterator[FrameMasks]:
        """One frame. Looking at it is timed apart from prompting on it: the first may have been done ahead."""
        video.info.require_frame(request.frame_index)
        if isinstance(self.segmenter, Prewarmer):
            with stopwatch.time("look"):
                self.segmenter.prewarm(video, (request.frame_index,), cancel=NeverCancelled())
        yield self.segmenter.segment(video, request.prompts, request.frame_index)

    def _write(
        self,
        frames: Iterator[FrameMasks],
        writer: MaskWriter,
        *,
        watch: JobWatch,
        stopwatch: Stopwatch,
        scorer: Scorer,
    ) -> None:
        flushed_s = self.clock.monotonic_s()
        while True:
            with stopwatch.time("model"):
                masks = next(frames, None)
            if masks is None:
                return
            with stopwatch.time("encode"):
                for object_id, frame in encoded(masks, self.codec, scorer):
                    writer.append(object_id, frame)
            watch.done += 1
            watch.raise_if_cancelled()
            if self.clock.monotonic_s() - flushed_s > FLUSH_EVERY_S:
                writer.flush()
                flushed_s = self.clock.monotonic_s()

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


def total_frames(request: PreviewRequest | PropagationRequest, video: VideoInfo) -> int:
    """How many frames a request will yield, for the progress bar."""
    if isinstance(request, PreviewRequest):
        return 1
    start = request.frames.start if request.frames else 0
    stop = min(request.frames.stop, video.frame_count) if request.frames else video.frame_count
    first = max(min(request.prompts.prompted_frames), start)
    return {
        Direction.FORWARD: stop - first,
        Direction.BACKWARD: first - start + 1,
        Direction.BOTH: stop - start,
    }[request.direction]
