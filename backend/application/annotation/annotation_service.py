"""What the web process does with a task: take prompts, answer with masks, say how far a job is.

The desk computes nothing itself. It records prompts, hands work to workers and reads what they stored.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import islice

from backend.application.jobs.queries import propagations, recent_clicks
from backend.application.jobs.submit import Submitter
from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.application.ports.notifier import AWAITED, NoNotifier, Notifier
from backend.domain.errors import IntegrityError, MaskletError, NotFound, ServiceUnavailable, error_of
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest, PropagationRequest, run_name
from backend.domain.masklets import Masklet, MaskRun
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.replan import Scope
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange

logger = logging.getLogger(__name__)

FIRST_POLL_S = 0.004
LONGEST_POLL_S = 0.1

SUPERSEDED_ANSWER_S = 5.0
"""How long an answer may be on its way through Label Studio to the page."""

MAX_SUPERSEDED_ANSWERS = 20
"""How many of a canvas's overtaken clicks an answer includes at most."""

FIRST_FRAME = FrameRange(FrameIndex(0), FrameIndex(1))

ATTEMPTS = 3
"""How many of a job's newest attempts are looked at for masks: one that has only begun has none to show yet."""


@dataclass(frozen=True, slots=True)
class UserTask:
    """The task that prompts are for, where its frames are, and whose prompts they are.

    user is empty where Label Studio did not say who is at work.
    """

    task: TaskKey
    media: MediaRef
    label_config: str
    model_version: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class JobMasks:
    """What there is to show: a job and the masks it has made so far (None: none yet)."""

    job: Job
    run: MaskRun | None


@dataclass(frozen=True, slots=True)
class AnnotationService:
    ledger: Ledger
    masks: MaskStore
    submitter: Submitter
    clock: Clock
    propagate_on_prompt: bool = True
    notifier: Notifier = field(default_factory=NoNotifier)

    def answer_click(
        self, canvas: UserTask, prompts: PromptSet, frame_index: FrameIndex, *, deadline_s: float
    ) -> JobMasks:
        """Add prompts to the canvas and return the masks of the prompted objects on one frame.

        All earlier prompts of those objects count. The whole video follows in the background. Label Studio's page
        drops an answer that a newer click overtook, so what such a click asked for is in this answer too.
        Raises what the worker raised (PromptError, MediaError, ...), ServiceUnavailable if no worker answered
        in time: the prompts are kept and asking again picks the answer up.
        """

        def asked(known: PromptSet) -> list[PreviewRequest | PropagationRequest]:
            here = _only(known, prompts.object_ids)
            preview = PreviewRequest(canvas.task, canvas.media, here, frame_index, canvas.model_version)
            return [preview, _whole_video(canvas, known)] if self.propagate_on_prompt else [preview]

        overtaken = self._superseded_clicks(canvas)
        job, *_ = self.submitter.accept(canvas.task, prompts, asked, user=canvas.user)
        job = self.ensure_masks(job)
        read = {earlier.job_id: run for earlier in overtaken if (run := self._read(earlier)) is not None}  # meanwhile
        finished = self._wait(job.job_id, deadline_s)
        if not finished.state.is_final:
            raise ServiceUnavailable(
                f"no worker answered within {deadline_s:g} s; the prompt is kept, ask again (job {job.job_id})"
            )
        run = self.masks.read(finished.masks_run)
        late = [earlier for earlier in overtaken if earlier.job_id not in read]
        read |= {earlier.job_id: found for earlier, found in self._answers(late, deadline_s)}
        return JobMasks(finished, with_others(run, [read[one.job_id] for one in overtaken if one.job_id in read]))

    def propagate_and_wait(
        self,
        canvas: UserTask,
        prompts: PromptSet,
        *,
        direction: Direction = Direction.BOTH,
        deadline_s: float,
        frames: FrameRange | None = None,
    ) -> JobMasks:
        """Add prompts and carry all of the canvas's prompts through the video.

        Returns the finished masks, or after the deadline those made so far: the rest comes as a prediction.
        frames: the masks on these are read, whatever is carried.
        """
        known = self.ledger.record_prompts(canvas.task, prompts, user=canvas.user)
        job = self.submit(_whole_video(canvas, known, direction))
        with self.waited_for(job, deadline_s):
            latest = self._wait(job.job_id, deadline_s)
        return JobMasks(latest, self.masks_of(latest, frames))

    @contextmanager
    def waited_for(self, job: Job, deadline_s: float) -> Iterator[None]:
        """Have workers know that a person waits for a job, so long at most: it goes before what nobody waits for."""
        if job.state.is_final or deadline_s <= 0:
            yield
            return
        until_s = self.add_waiter(job, for_s=deadline_s)
        try:
            yield
        finally:
            self.ledger.remove_waiter(job.job_id, until_s=until_s)

    def add_waiter(self, job: Job, *, for_s: float) -> float:
        """Note that a person waits for an open job for so long; returns until when (wall clock)."""
        until_s = self.clock.now_s() + for_s
        self.ledger.add_waiter(job.job_id, until_s=until_s)
        self.notifier.notify(AWAITED)
        return until_s

    def preview(self, canvas: UserTask, prompts: PromptSet, frame_index: FrameIndex, *, deadline_s: float) -> JobMasks:
        """The masks of these prompts on one frame, for who keeps prompts himself: nothing is recorded or carried on.

        Raises as `click` does.
        """
        request = PreviewRequest(canvas.task, canvas.media, prompts, frame_index, canvas.model_version)
        job = self.submit(request)
        finished = self._wait(job.job_id, deadline_s)
        if not finished.state.is_final:
            raise ServiceUnavailable(f"no worker answered within {deadline_s:.0f} s; ask again (job {job.job_id})")
        return JobMasks(finished, self.masks.read(finished.masks_run))

    def replace_prompts(self, canvas: UserTask, prompts: PromptSet, *, scope: Scope = Scope.ONWARD) -> Job | None:
        """Take a submitted annotation as the task's new truth and propagate from it; None if it prompts nothing."""
        self.ledger.replace_prompts(canvas.task, prompts, user=canvas.user)
        return self.submit(_whole_video(canvas, prompts, scope=scope)) if prompts else None

    def pre_annotate(self, canvas: UserTask, prompts: PromptSet) -> JobMasks | None:
        """The masks a task has already, or else start on the prompts that came with it.

        None if there are neither masks nor prompts: nothing can be said about this task yet.
        """
        done = self.latest_run(canvas.task, canvas.model_version)
        if done is not None:
            return done
        known = self.ledger.prompts(canvas.task, user=canvas.user)
        wanted = known or prompts
        if not wanted:
            return None
        if not known:
            self.ledger.record_prompts(canvas.task, wanted, user=canvas.user)
        return JobMasks(self.submit(_whole_video(canvas, wanted)), None)

    def latest_run(self, task: TaskKey, model_version: str) -> JobMasks | None:
        """The newest finished propagation of a task by this model, with its masks."""
        for job in propagations(self.ledger, task, model_version=model_version):
            run = self.masks_of(job)
            if run is not None:
                return JobMasks(job, run)
        return None

    def submit(self, request: PreviewRequest | PropagationRequest) -> Job:
        """Submit a request; the same one again is the same job, begun again only if it failed or its masks are gone."""
        return self.ensure_masks(self.submitter.submit(request))

    def ensure_masks(self, job: Job) -> Job:
        """The job, begun again if it is done and its masks were removed or damaged since."""
        frames = None if job.kind is JobKind.INTERACTIVE else FIRST_FRAME
        if job.state is not JobState.DONE or self.masks_of(job, frames) is not None:
            return job
        again = self.ledger.reopen(job.job_id, job.attempt)
        if again.state is JobState.QUEUED:
            logger.info("job %s: its masks are gone and are made again", job.job_id)
            self.submitter.dispatch(again)
        return again

    def masks_of(self, job: Job, frames: FrameRange | None = None) -> MaskRun | None:
        """What a job has stored so far (on these frames, at the cost of these).

        A run that was removed or damaged reads as none: it can be made again.
        """
        newest = range(job.attempt, max(job.attempt - ATTEMPTS, 0), -1)
        for run in [job.masks_run] if job.masks_run else [run_name(job.job_id, attempt) for attempt in newest]:
            with suppress(NotFound, IntegrityError):
                found = self.masks.partial(run, frames)
                if found is not None:
                    return found
        return None

    def _superseded_clicks(self, canvas: UserTask) -> list[Job]:
        """The canvas's clicks whose answers the page may not have seen when the next click was made, oldest first."""
        recent = recent_clicks(self.ledger, canvas.task, since_s=self.clock.now_s() - SUPERSEDED_ANSWER_S)
        if not recent:
            return []
        said = {(p.object_id, p.frame_index) for p in self.ledger.prompts(canvas.task, user=canvas.user)}
        asked = ((job, self.ledger.request(job.job_id).prompts) for job in recent)
        own = (job for job, prompts in asked if said.issuperset((p.object_id, p.frame_index) for p in prompts))
        return list(islice(own, MAX_SUPERSEDED_ANSWERS))[::-1]

    def _answers(self, jobs: Iterable[Job], deadline_s: float) -> Iterator[tuple[Job, MaskRun]]:
        """What became of clicks, where anything did; they were asked earlier and so are mostly done."""
        for job in jobs:
            with suppress(MaskletError):
                run = self._read(self._wait(job.job_id, deadline_s))
                if run is not None:
                    yield job, run

    def _read(self, job: Job) -> MaskRun | None:
        """The masks of a job that is done; None if it is not, or they are gone."""
        with suppress(NotFound, IntegrityError):
            return self.masks.read(job.masks_run) if job.state is JobState.DONE else None
        return None

    def _wait(self, job_id: str, deadline_s: float) -> Job:
        """The job once it ended, or as it is at the deadline. Raises what the worker recorded if it failed."""
        give_up_s = self.clock.monotonic_s() + deadline_s
        pause_s = FIRST_POLL_S
        if (job := self.ledger.job(job_id)).state is JobState.DONE:
            return job
        with self.notifier.subscribed(job_id, self.clock.sleep) as wait:
            while True:
                job = self.ledger.job(job_id)
                if job.state is JobState.DONE:
                    return job
                if job.state.is_final:
                    raise error_of(job.reason or f"Cancelled: the job is {job.state}")
                if self.clock.monotonic_s() >= give_up_s:
                    return job
                wait(pause_s)
                pause_s = min(pause_s * 1.25, LONGEST_POLL_S)


def frame_of(run: MaskRun, frame_index: FrameIndex) -> MaskRun:
    """The part of a run that lies on one frame; objects without a mask there stay, empty."""
    return replace(
        run,
        masklets=tuple(
            Masklet(m.object_id, m.label, tuple(f for f in m.frames if f.frame_index == frame_index))
            for m in run.masklets
        ),
    )


def with_others(run: MaskRun, others: Iterable[MaskRun]) -> MaskRun:
    """A run with the masks of others of the same video that it does not have itself; the newest of them first."""
    made = {m.object_id: m for m in run.masklets}
    for other in reversed(list(others)):
        for masklet in other.masklets:
            known = made.setdefault(masklet.object_id, replace(masklet, frames=()))
            have = {frame.frame_index for frame in known.frames}
            new = [frame for frame in masklet.frames if frame.frame_index not in have]
            frames = sorted((*known.frames, *new), key=lambda frame: frame.frame_index)
            made[masklet.object_id] = replace(known, frames=tuple(frames))
    return replace(run, masklets=tuple(made.values()))


def _only(prompts: PromptSet, object_ids: Iterable[ObjectId]) -> PromptSet:
    wanted = set(object_ids)
    return PromptSet.of((p for p in prompts if p.object_id in wanted), prompts.labels)


def _whole_video(
    canvas: UserTask, prompts: PromptSet, direction: Direction = Direction.BOTH, *, scope: Scope = Scope.ONWARD
) -> PropagationRequest:
    return PropagationRequest(
        canvas.task,
        canvas.media,
        prompts,
        direction,
        label_config=canvas.label_config,
        model_version=canvas.model_version,
        scope=scope,
        user=canvas.user,
    )
