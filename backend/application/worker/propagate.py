"""One attempt at a propagation: pass by pass, noted down now and then, so that the next attempt can go on from there.

What is stored is the same to the bit whether or not the work was interrupted: the engine goes on from its own
snapshot, the masks stored by then are taken over, and the scorer recalls their evidence, as it does that of frames
which are kept from an earlier run.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from backend.application.ports.clock import Clock
from backend.application.ports.engine import Propagation, Segmenter
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskCodec, MaskStore, MaskWriter
from backend.application.ports.media import VideoSource
from backend.application.worker.mask_records import masklet_frame, scorer_of
from backend.application.worker.propagation_plan import PropagationPlan, full_plan, incremental_plan
from backend.application.worker.resume_point import ResumePoint
from backend.application.worker.scheduling.job_control import JobControl
from backend.application.worker.score_history import ScoreHistory
from backend.application.worker.timing import Stopwatch
from backend.domain.calibration import Calibrator
from backend.domain.errors import IntegrityError, Interrupted, NotFound, SnapshotMismatch
from backend.domain.jobs import Job, PropagationRequest, run_name
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.replan import Pass, yields
from backend.domain.scoring import Scorer

logger = logging.getLogger(__name__)

FLUSH_EVERY_S = 1.0
"""How often a running propagation shows readers what it has."""

SNAPSHOT_EVERY_S = 30.0
"""How much work a killed worker costs at most, however slow its frames are."""

NO_START = (SnapshotMismatch, IntegrityError, NotFound)
"""What there is to go on from is damaged or gone: everything can be made anew."""


@dataclass(frozen=True, slots=True)
class Propagator:
    """What a worker process holds to propagate. snapshot_frames: frames between two snapshots; 0: none are taken."""

    ledger: Ledger
    masks: MaskStore
    codec: MaskCodec
    segmenter: Segmenter
    clock: Clock
    calibrator: Calibrator | None
    snapshot_frames: int

    def run(
        self, job: Job, request: PropagationRequest, video: VideoSource, *, watch: JobControl, stopwatch: Stopwatch
    ) -> None:
        """Store and commit the masks that are asked for, from as far as an earlier attempt came.

        Raises what the engine raises, and what `watch` does; then there is a snapshot, if one was taken, to go on from.
        """
        with stopwatch.time("store"):
            errand = incremental_plan(job, request, video.info, ledger=self.ledger, masks=self.masks)
        starts: list[tuple[PropagationPlan, tuple[str, ResumePoint] | None]] = [(errand, None)]
        if errand.base:
            starts.append((full_plan(request, video.info), None))
        left = self._left_behind(job, errand, video)
        if left is not None:
            starts.insert(0, (errand, left))
        for remaining, (chosen, start) in zip(reversed(range(len(starts))), starts, strict=True):
            try:
                _Attempt(self, job, chosen, video, watch, stopwatch).run(start)
                return
            except NO_START as error:
                if not remaining:
                    raise
                logger.warning("job %s attempt %d: %s; it starts afresh", job.job_id, job.attempt, error)

    def _left_behind(self, job: Job, errand: PropagationPlan, video: VideoSource) -> tuple[str, ResumePoint] | None:
        """The newest snapshot of an earlier attempt, with the run that it is of; None if none is of this errand."""
        for run in attempts_of(job.job_id, below=job.attempt):
            try:
                state = self.masks.snapshot(run)
                point = None if state is None else ResumePoint.load(state)
            except NO_START as error:
                logger.warning("job %s attempt %d: run %s: %s", job.job_id, job.attempt, run, error)
                continue
            if point is None:
                continue
            if (point.errand, point.video) == (errand.digest(), video.info.content_hash):
                return run, point
            logger.warning("job %s attempt %d: run %s is of another errand", job.job_id, job.attempt, run)
        return None


def attempts_of(job_id: str, *, below: int) -> tuple[str, ...]:
    """The names of the runs of a job's attempts before that one, newest first; few of them are there."""
    return tuple(run_name(job_id, attempt) for attempt in range(below - 1, 0, -1))


@dataclass(slots=True)
class _Attempt:
    """An attempt under way, and its place in the errand."""

    parts: Propagator
    job: Job
    errand: PropagationPlan
    video: VideoSource
    watch: JobControl
    stopwatch: Stopwatch
    position: int = 0
    noted_done: int = 0
    noted_s: float = 0.0
    flushed_s: float = 0.0

    def run(self, start: tuple[str, ResumePoint] | None) -> None:
        """start: an earlier attempt's run and how far it was. Raises NO_START if it is not to be gone on from."""
        run = run_name(self.job.job_id, self.job.attempt)
        self.watch.total = self.errand.total
        earlier, point = start or (None, None)
        labels = self.errand.prompts.labels
        with self.parts.masks.writer(run, video=self.video.info, labels=labels, resume=earlier, shown=False) as writer:
            self._begin(writer, point)
            for one in self.errand.passes.passes[self.position :]:
                self._make(one, writer, point)
                point = None
                self.position += 1
            with self.stopwatch.time("store"):
                writer.commit()

    def _begin(self, writer: MaskWriter, point: ResumePoint | None) -> None:
        """Have what need not be made, and show it."""
        self.watch.done = 0 if point is None else point.done
        if point is not None:
            self.position = point.position
            logger.info("job %s attempt %d goes on at frame %d", self.job.job_id, self.job.attempt, point.done)
        elif self.errand.base:
            with self.stopwatch.time("store"):
                writer.carry(self.errand.base, self.errand.passes.keeps)
        writer.flush()
        for leftover in attempts_of(self.job.job_id, below=self.job.attempt):
            self.parts.masks.remove(leftover)
        self.noted_done = self.watch.done
        self.noted_s = self.flushed_s = self.parts.clock.monotonic_s()
        self.watch.heartbeat()

    def _make(self, one: Pass, writer: MaskWriter, point: ResumePoint | None) -> None:
        prompts = only(self.errand.prompts, one.object_ids)
        scorer = scorer_of(self.parts.calibrator, prompts)
        frames = self.parts.segmenter.propagate(
            self.video,
            prompts,
            direction=one.direction,
            span=one.frames,
            cancel=self.watch,
            resume=None if point is None else point.engine,
        )
        recollection = self._recollection(one, writer, scorer)
        with self.watch.engine_turn:
            while (masks := self._next(frames)) is not None:
                with self.stopwatch.time("encode"):
                    self._store(masks, writer, scorer, recollection)
                self.watch.done += 1
                self._rest(frames, writer)

    def _next(self, frames: Propagation) -> FrameMasks | None:
        with self.stopwatch.time("model"):
            return next(frames, None)

    def _recollection(self, one: Pass, writer: MaskWriter, scorer: Scorer) -> ScoreHistory:
        """What the run has of a pass's surroundings, the scorer having been told what comes before.

        A rank depends on its own frame alone: without a calibrator there is nothing to recall.
        """
        is_new = self.parts.calibrator is None or (not self.errand.base and not self.position)
        recollection = ScoreHistory(self.parts.masks, writer.run, one, self.errand.prompts, is_new)
        if self.parts.calibrator is not None:
            with self.stopwatch.time("store"):
                writer.flush()
                earlier = self.errand.passes.passes[: self.position]
                recollection.prepare(
                    scorer, self.watch.done - sum(yields(made, self.errand.prompts) for made in earlier)
                )
        return recollection

    def _store(self, masks: FrameMasks, writer: MaskWriter, scorer: Scorer, recollection: ScoreHistory) -> None:
        """Store a frame's masks, but for those that are kept as they were."""
        seen, keeps = recollection.seen(masks), self.errand.passes.keeps
        uncertainty = scorer.frame(masks.frame_index, seen, recollection.others(masks.frame_index, tuple(seen)))
        for shown in masks.objects:
            if not keeps(shown.object_id, masks.frame_index):
                frame = masklet_frame(shown, masks.frame_index, self.parts.codec, uncertainty[shown.object_id])
                writer.append(shown.object_id, frame)

    def _rest(self, frames: Propagation, writer: MaskWriter) -> None:
        """Between two frames: see whether to go on, note how far it is if it is time, show what there is."""
        try:
            self.watch.raise_if_cancelled()
            self.watch.raise_if_no_waiter()
        except Interrupted:
            self._note(frames, writer)
            raise
        now_s = self.parts.clock.monotonic_s()
        every = self.parts.snapshot_frames
        if every and (self.watch.done - self.noted_done >= every or now_s - self.noted_s >= SNAPSHOT_EVERY_S):
            self._note(frames, writer)
        elif now_s - self.flushed_s >= FLUSH_EVERY_S:
            writer.flush()
            self.flushed_s = now_s

    def _note(self, frames: Propagation, writer: MaskWriter) -> None:
        """Take a snapshot: what this attempt did so far will outlive it."""
        if not self.parts.snapshot_frames:
            return
        point = ResumePoint(
            self.errand.digest(),
            self.video.info.content_hash,
            self.position,
            self.watch.done,
            frames.snapshot(),
        )
        with self.stopwatch.time("store"):
            writer.snapshot(point.dump())
            self.parts.ledger.reset_attempt_count(self.job.job_id, self.job.attempt)
        self.noted_done = self.watch.done
        self.noted_s = self.flushed_s = self.parts.clock.monotonic_s()


def only(prompts: PromptSet, object_ids: tuple[ObjectId, ...]) -> PromptSet:
    """The prompts of some objects."""
    return PromptSet.of((prompt for prompt in prompts if prompt.object_id in object_ids), prompts.labels)
