"""One attempt of a propagation, pass by pass. Snapshots let the next attempt resume.

A resumed propagation stores the same bits as an uninterrupted one: the engine resumes from its own snapshot, the masks
stored by then are reused, and the scorer recalls their evidence, as it does for frames kept from an earlier run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from backend.application.ports.clock import Clock
from backend.application.ports.engine import Propagation, Segmenter
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskCodec, MaskStore, MaskWriter
from backend.application.ports.measuring.measures import frame_made
from backend.application.ports.media import VideoSource
from backend.application.worker.mask_records import masklet_frame, scorer_of
from backend.application.worker.propagation_plan import PropagationPlan, full_plan, incremental_plan
from backend.application.worker.resume_point import ResumePoint
from backend.application.worker.scheduling.job_control import JobControl
from backend.application.worker.score_history import ScoreHistory
from backend.application.worker.timing import Stopwatch
from backend.application.worker.visited_frames import propagate_pass
from backend.domain.errors import IntegrityError, Interrupted, NotFound, SnapshotMismatch
from backend.domain.jobs import Job, PropagationRequest, run_name
from backend.domain.masklets import FrameMasks
from backend.domain.replan import Pass, total_frames
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.uncertainty.scoring import Scorer

logger = logging.getLogger(__name__)

FLUSH_EVERY_S = 1.0
"""Seconds between two flushes, which show readers the masks so far."""

WAITED_FLUSH_EVERY_S = 0.2
"""The same while a person waits."""

SNAPSHOT_EVERY_S = 30.0
"""The longest time between two snapshots: the most work that a killed worker loses."""

NO_START = (SnapshotMismatch, IntegrityError, NotFound)
"""The snapshot or the earlier run is damaged or gone: everything can be computed again."""


@dataclass(frozen=True, slots=True)
class Propagator:
    """Runs propagations in a worker process; one that is stopped keeps the masks it has made.

    snapshot_frames: frames between two snapshots; 0: no snapshots.
    """

    ledger: Ledger
    masks: MaskStore
    codec: MaskCodec
    segmenter: Segmenter
    clock: Clock
    calibrator: Calibrator | None
    snapshot_frames: int

    def run(
        self, job: Job, request: PropagationRequest, video: VideoSource, *, control: JobControl, stopwatch: Stopwatch
    ) -> None:
        """Stores and commits the requested masks. Resumes from an earlier attempt's snapshot if there is one.

        Raises what the engine and `control` raise; the last snapshot is kept then.
        """
        with stopwatch.time("store"):
            plan = incremental_plan(job, request, video.info, ledger=self.ledger, masks=self.masks)
        starts: list[tuple[PropagationPlan, tuple[str, ResumePoint] | None]] = [(plan, None)]
        if plan.base:
            starts.append((full_plan(request, video.info), None))
        resumed = self._resume_point(job, plan, video)
        if resumed is not None:
            starts.insert(0, (plan, resumed))
        for remaining, (chosen, start) in zip(reversed(range(len(starts))), starts, strict=True):
            try:
                _Attempt(self, job, chosen, video, control, stopwatch).run(start)
                return
            except NO_START as error:
                if not remaining:
                    raise
                logger.warning("job %s attempt %d: %s; starting over", job.job_id, job.attempt, error)

    def _resume_point(self, job: Job, plan: PropagationPlan, video: VideoSource) -> tuple[str, ResumePoint] | None:
        """The newest resume point of an earlier attempt, with its run; None if there is none of this plan."""
        for run in attempts_of(job.job_id, below=job.attempt):
            try:
                state = self.masks.snapshot(run)
                point = None if state is None else ResumePoint.load(state)
            except NO_START as error:
                logger.warning("job %s attempt %d: run %s: %s", job.job_id, job.attempt, run, error)
                continue
            if point is None:
                continue
            if (point.plan_digest, point.video) == (plan.digest(), video.info.content_hash):
                return run, point
            logger.warning("job %s attempt %d: run %s is of another plan", job.job_id, job.attempt, run)
        return None


def attempts_of(job_id: str, *, below: int) -> tuple[str, ...]:
    """The run names of a job's attempts before attempt `below`, newest first. Most of these runs do not exist."""
    return tuple(run_name(job_id, attempt) for attempt in range(below - 1, 0, -1))


@dataclass(slots=True)
class _Attempt:
    """A running attempt. position: of the current pass in the plan."""

    parts: Propagator
    job: Job
    plan: PropagationPlan
    video: VideoSource
    control: JobControl
    stopwatch: Stopwatch
    position: int = 0
    snapshot_done: int = 0
    snapshot_s: float = 0.0
    flushed_s: float = 0.0

    def run(self, start: tuple[str, ResumePoint] | None) -> None:
        """start: an earlier attempt's run and its resume point. Raises NO_START if it cannot be resumed."""
        run = run_name(self.job.job_id, self.job.attempt)
        self.control.total = self.plan.total
        earlier, point = start or (None, None)
        labels = self.plan.prompts.labels
        with self.parts.masks.writer(run, video=self.video.info, labels=labels, resume=earlier, shown=False) as writer:
            self._begin(writer, point)
            for each in self.plan.passes.passes[self.position :]:
                if self.control.is_stopped:
                    break
                self._compute(each, writer, point)
                point = None
                self.position += 1
            with self.stopwatch.time("store"):
                writer.commit()

    def _begin(self, writer: MaskWriter, point: ResumePoint | None) -> None:
        """Reuses stored masks and flushes them, so that readers see them."""
        self.control.done = 0 if point is None else point.done
        if point is not None:
            self.position = point.position
            logger.info("job %s attempt %d resumes at frame %d", self.job.job_id, self.job.attempt, point.done)
        elif self.plan.base:
            with self.stopwatch.time("store"):
                writer.copy_run(self.plan.base, self.plan.passes.keeps)
        writer.flush()
        for earlier_run in attempts_of(self.job.job_id, below=self.job.attempt):
            self.parts.masks.remove(earlier_run)
        self.snapshot_done = self.control.done
        self.snapshot_s = self.flushed_s = self.parts.clock.monotonic_s()
        self.control.heartbeat()

    def _compute(self, one: Pass, writer: MaskWriter, point: ResumePoint | None) -> None:
        prompts = self.plan.prompts.only(one.object_ids)
        scorer = scorer_of(self.parts.calibrator, prompts)
        frames = propagate_pass(
            self.parts.segmenter,
            self.video,
            prompts,
            one,
            cancel=self.control,
            resume=None if point is None else point.engine,
        )
        history = self._score_history(one, writer, scorer)
        with self.control.engine_turn:
            while not self.control.is_stopped and (masks := self._next(frames, writer)) is not None:
                with self.stopwatch.time("encode"):
                    self._store(masks, writer, scorer, history)
                self.control.done += 1
                frame_made()
                self._between_frames(frames, writer)

    def _next(self, frames: Propagation, writer: MaskWriter) -> FrameMasks | None:
        """The next frame. The engine asks whether to go on before it begins one: until then all frames are stored."""
        try:
            with self.stopwatch.time("model"):
                return next(frames, None)
        except Interrupted:
            if self.control.done > self.snapshot_done:
                self._snapshot(frames, writer)
            raise

    def _score_history(self, one: Pass, writer: MaskWriter, scorer: Scorer) -> ScoreHistory:
        """The run's evidence around a pass; the scorer has recalled the frames before it.

        Without a calibrator there is nothing to recall: a rank depends on its own frame alone.
        """
        is_new = self.parts.calibrator is None or (not self.plan.base and not self.position)
        history = ScoreHistory(self.parts.masks, writer.run, one, self.plan.prompts, is_new)
        if self.parts.calibrator is not None:
            with self.stopwatch.time("store"):
                writer.flush()
                earlier = self.plan.passes.passes[: self.position]
                history.prepare(
                    scorer, self.control.done - sum(total_frames(made, self.plan.prompts) for made in earlier)
                )
        return history

    def _store(self, masks: FrameMasks, writer: MaskWriter, scorer: Scorer, history: ScoreHistory) -> None:
        """Stores a frame's masks, except those that are kept from the earlier run."""
        seen, keeps = history.seen(masks), self.plan.passes.keeps
        uncertainty = scorer.frame(masks.frame_index, seen, history.others(masks.frame_index, tuple(seen)))
        for shown in masks.objects:
            if not keeps(shown.object_id, masks.frame_index):
                score = uncertainty[shown.object_id]
                frame = masklet_frame(shown, masks.frame_index, self.parts.codec, score, video=self.video)
                writer.append(shown.object_id, frame)

    def _between_frames(self, frames: Propagation, writer: MaskWriter) -> None:
        """Between two frames: checks for cancellation, and takes a snapshot or flushes when due."""
        try:
            self.control.raise_after_frame()
            self.control.raise_if_no_waiter()
        except Interrupted:
            self._snapshot(frames, writer)
            raise
        now_s = self.parts.clock.monotonic_s()
        every = self.parts.snapshot_frames
        if every and (self.control.done - self.snapshot_done >= every or now_s - self.snapshot_s >= SNAPSHOT_EVERY_S):
            self._snapshot(frames, writer)
        elif now_s - self.flushed_s >= (FLUSH_EVERY_S if self.control.waiter is None else WAITED_FLUSH_EVERY_S):
            writer.flush(awaited=False)
            self.flushed_s = now_s

    def _snapshot(self, frames: Propagation, writer: MaskWriter) -> None:
        """Takes a snapshot: the next attempt can resume here."""
        if not self.parts.snapshot_frames:
            return
        point = ResumePoint(
            self.plan.digest(),
            self.video.info.content_hash,
            self.position,
            self.control.done,
            frames.snapshot(),
        )
        with self.stopwatch.time("store"):
            writer.snapshot(point.dump())
            self.parts.ledger.reset_attempt_count(self.job.job_id, self.job.attempt)
        self.snapshot_done = self.control.done
        self.snapshot_s = self.flushed_s = self.parts.clock.monotonic_s()
