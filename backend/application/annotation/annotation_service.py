"""The annotation service of the web process: records prompts, submits jobs, reads the masks that workers stored.

Does not compute masks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import islice

from backend.application.annotation.mask_selection import with_others
from backend.application.annotation.prompt_checks import FrameCounter, require_usable, usable
from backend.application.annotation.superseded import newer_propagation, superseded_clicks
from backend.application.annotation.waiting import wait_for_end
from backend.application.jobs.queries import propagations
from backend.application.jobs.submit import Submitter
from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.application.ports.notifier import WAITER_ADDED, Notifier
from backend.domain.errors import IntegrityError, MaskletError, NotFound, ServiceUnavailable, Superseded
from backend.domain.jobs import Job, JobKind, JobState, PreviewRequest, PropagationRequest, run_name
from backend.domain.masklets import MaskRun
from backend.domain.prompts import PromptSet
from backend.domain.replan import Scope
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange

RUNS_READ = 3
"""How many of a task's newest propagations are read for the frame count."""

EARLIER_WAIT_S = 2.0
"""The longest that a done click waits for earlier ones: newer clicks run first, and these may not run at all."""

FIRST_FRAME = FrameRange(FrameIndex(0), FrameIndex(1))

ATTEMPTS = 3
"""How many of a job's newest attempts are searched for masks: an attempt that has just started has none."""


@dataclass(frozen=True, slots=True)
class UserTask:
    """A task with its media, label config, model version and user.

    user: empty if Label Studio did not name one.
    """

    task: TaskKey
    media: MediaRef
    label_config: str
    model_version: str
    user: str = ""


@dataclass(frozen=True, slots=True)
class JobMasks:
    """A job and its masks so far; run None: no masks yet."""

    job: Job
    run: MaskRun | None


@dataclass(frozen=True, slots=True)
class AnnotationService:
    ledger: Ledger
    masks: MaskStore
    submitter: Submitter
    clock: Clock
    notifier: Notifier
    known_frame_count: FrameCounter
    propagate_on_prompt: bool = True

    def answer_click(
        self, user_task: UserTask, prompts: PromptSet, frame_index: FrameIndex, *, deadline_s: float
    ) -> JobMasks:
        """Adds prompts to the user task and returns the masks of the prompted objects on one frame.

        All earlier prompts of those objects count. The propagation of the whole video runs in the background. Label
        Studio's page drops an answer that a newer click superseded, so this answer has the masks of superseded clicks
        too. Raises PromptError for unusable prompts, which are not recorded, the worker's error, or ServiceUnavailable
        if no worker answered in time: the prompts are kept, and the same call again returns the answer.
        """
        frame_count = self.frame_count(user_task)

        def requests_for(recorded: PromptSet) -> list[PreviewRequest | PropagationRequest]:
            require_usable(prompts, frame_count, known=recorded)  # an error undoes the recording
            known = usable(recorded, frame_count)
            preview = _preview(user_task, known.only(prompts.object_ids), frame_index)
            return [preview, _whole_video(user_task, known)] if self.propagate_on_prompt else [preview]

        superseded = superseded_clicks(self.ledger, user_task.task, user_task.user, now_s=self.clock.now_s())
        job, *_ = self.submitter.accept(user_task.task, prompts, requests_for, user=user_task.user, wait_s=deadline_s)
        job = self.ensure_masks(job)
        read = {earlier.job_id: run for earlier in superseded if (run := self._read(earlier)) is not None}
        finished = self._wait(job.job_id, deadline_s)
        if not finished.state.is_final:
            raise ServiceUnavailable(
                f"no worker answered within {deadline_s:g} s; the prompt is kept, ask again (job {job.job_id})"
            )
        run = self.masks.read(finished.masks_run)
        pending = [earlier for earlier in superseded if earlier.job_id not in read]
        read |= {earlier.job_id: found for earlier, found in self._answers(pending, min(deadline_s, EARLIER_WAIT_S))}
        return JobMasks(finished, with_others(run, [read[one.job_id] for one in superseded if one.job_id in read]))

    def propagate_and_wait(
        self,
        user_task: UserTask,
        prompts: PromptSet,
        *,
        direction: Direction = Direction.BOTH,
        deadline_s: float,
        frames: FrameRange | None = None,
    ) -> JobMasks:
        """Adds prompts and propagates all prompts of the user task through the video.

        Returns the finished masks, or after the deadline the masks so far; the prediction has the rest. After a newer
        prompt of the user, these are the masks of that prompt's propagation.
        frames: only masks on these are read; the propagation covers the whole video.
        """
        known = self.record(user_task, prompts)
        job = self.submit(_whole_video(user_task, known, direction))
        latest = self._wait_for_propagation(user_task, job, deadline_s)
        return JobMasks(latest, self.masks_of(latest, frames))

    def propagate(self, user_task: UserTask) -> Job | None:
        """Submits the propagation of the user task's usable prompts; None without any."""
        prompts = self.usable_prompts(user_task)
        return self.submit(_whole_video(user_task, prompts)) if prompts else None

    def record(self, user_task: UserTask, prompts: PromptSet) -> PromptSet:
        """Adds prompts to the user task and returns all usable ones. Raises PromptError; then nothing is recorded."""
        frame_count = self.frame_count(user_task)
        require_usable(prompts, frame_count, known=self.ledger.prompts(user_task.task, user=user_task.user))
        return usable(self.ledger.record_prompts(user_task.task, prompts, user=user_task.user), frame_count)

    def usable_prompts(self, user_task: UserTask) -> PromptSet:
        """The user task's recorded prompts, without those that a worker would refuse."""
        return usable(self.ledger.prompts(user_task.task, user=user_task.user), self.frame_count(user_task))

    def frame_count(self, user_task: UserTask) -> int | None:
        """The frame count of the media: of the pages, from a worker, or from an earlier run; None if not known yet."""
        media = user_task.media
        count = len(media.addresses) if media.is_pages else self.known_frame_count(media)
        if count is not None:
            return count
        for job in islice(propagations(self.ledger, user_task.task, model_version=user_task.model_version), RUNS_READ):
            run = self.masks_of(job, FIRST_FRAME)
            if run is not None and self.ledger.request(job.job_id).media == media:
                return run.video.frame_count
        return None

    def latest_of(self, user_task: UserTask, job: Job) -> Job:
        """The job as it is now; in place of a superseded one, the propagation that answers the same request.

        Without one, the same request again: another user's request superseded it.
        """
        job = self.ledger.job(job.job_id)
        if job.state is not JobState.SUPERSEDED:
            return job
        newer = newer_propagation(self.ledger, job, user_task.user)
        return newer or self.submit(replace(self.ledger.request(job.job_id), user=user_task.user))

    def _wait_for_propagation(self, user_task: UserTask, job: Job, deadline_s: float) -> Job:
        """The propagation when it is done, or as it is at the deadline; one that is superseded is followed."""
        give_up_s = self.clock.monotonic_s() + deadline_s
        while True:
            left_s = max(give_up_s - self.clock.monotonic_s(), 0.0)
            try:
                with self.waited_for(job, left_s):
                    return self._wait(job.job_id, left_s)
            except Superseded:
                job = self.latest_of(user_task, job)
                if left_s <= 0:
                    return job

    @contextmanager
    def waited_for(self, job: Job, deadline_s: float) -> Iterator[None]:
        """Inside, the job has a waiter, for at most deadline_s: it runs before jobs without a waiter."""
        if job.state.is_final or deadline_s <= 0:
            yield
            return
        until_s = self.add_waiter(job, for_s=deadline_s)
        try:
            yield
        finally:
            self.ledger.remove_waiter(job.job_id, until_s=until_s)

    def add_waiter(self, job: Job, *, for_s: float) -> float:
        """Records a waiter of an open job for for_s seconds; returns the end (the ledger's clock)."""
        until_s = self.clock.now_s() + for_s
        self.ledger.add_waiter(job.job_id, until_s=until_s)
        self.notifier.notify(WAITER_ADDED)
        return until_s

    def preview(
        self, user_task: UserTask, prompts: PromptSet, frame_index: FrameIndex, *, deadline_s: float
    ) -> JobMasks:
        """The masks of these prompts on one frame. Records and propagates nothing. Raises as `answer_click` does."""
        job = self.submit(_preview(user_task, prompts, frame_index), wait_s=deadline_s)
        finished = self._wait(job.job_id, deadline_s)
        if not finished.state.is_final:
            raise ServiceUnavailable(f"no worker answered within {deadline_s:.0f} s; ask again (job {job.job_id})")
        return JobMasks(finished, self.masks.read(finished.masks_run))

    def replace_prompts(self, user_task: UserTask, prompts: PromptSet, *, scope: Scope = Scope.ONWARD) -> Job | None:
        """Replaces the prompts by those of a submitted annotation and propagates them; None without prompts.

        Raises PromptError for unusable prompts; then the earlier ones stay.
        """
        require_usable(prompts, self.frame_count(user_task))
        self.ledger.replace_prompts(user_task.task, prompts, user=user_task.user)
        return self.submit(_whole_video(user_task, prompts, scope=scope)) if prompts else None

    def pre_annotate(self, user_task: UserTask, prompts: PromptSet) -> JobMasks | None:
        """The task's newest masks; without masks, propagates its recorded prompts, or else these prompts.

        None if there are neither masks nor prompts. Raises PromptError for unusable prompts.
        """
        done = self.latest_run(user_task.task, user_task.model_version)
        if done is not None:
            return done
        wanted = self.usable_prompts(user_task) or (self.record(user_task, prompts) if prompts else prompts)
        if not wanted:
            return None
        return JobMasks(self.submit(_whole_video(user_task, wanted)), None)

    def latest_run(self, task: TaskKey, model_version: str) -> JobMasks | None:
        """The newest finished propagation of a task by this model, with its masks."""
        for job in propagations(self.ledger, task, model_version=model_version):
            run = self.masks_of(job)
            if run is not None:
                return JobMasks(job, run)
        return None

    def submit(self, request: PreviewRequest | PropagationRequest, *, wait_s: float = 0.0) -> Job:
        """Submits a request. An equal request is the same job; it runs again if it failed or lost its masks."""
        return self.ensure_masks(self.submitter.submit(request, wait_s=wait_s))

    def ensure_masks(self, job: Job) -> Job:
        """The job, reopened if it is done and its masks were removed or damaged."""
        frames = None if job.kind is JobKind.INTERACTIVE else FIRST_FRAME
        if job.state is not JobState.DONE or self.masks_of(job, frames) is not None:
            return job
        return self.submitter.run_again(job)

    def masks_of(self, job: Job, frames: FrameRange | None = None) -> MaskRun | None:
        """A job's masks so far. frames: only masks on these are read; None: all.

        None for a run that was removed or damaged.
        """
        newest = range(job.attempt, max(job.attempt - ATTEMPTS, 0), -1)
        for run in [job.masks_run] if job.masks_run else [run_name(job.job_id, attempt) for attempt in newest]:
            with suppress(NotFound, IntegrityError):
                found = self.masks.partial(run, frames)
                if found is not None:
                    return found
        return None

    def _answers(self, jobs: Iterable[Job], deadline_s: float) -> Iterator[tuple[Job, MaskRun]]:
        """The masks of superseded clicks; failed ones are left out. deadline_s: for all of them."""
        give_up_s = self.clock.monotonic_s() + deadline_s
        for job in jobs:
            with suppress(MaskletError):
                run = self._read(self._wait(job.job_id, max(give_up_s - self.clock.monotonic_s(), 0.0)))
                if run is not None:
                    yield job, run

    def _read(self, job: Job) -> MaskRun | None:
        """The masks of a done job; None if it is not done or they are gone."""
        with suppress(NotFound, IntegrityError):
            return self.masks.read(job.masks_run) if job.state is JobState.DONE else None
        return None

    def _wait(self, job_id: str, deadline_s: float) -> Job:
        return wait_for_end(self.ledger, self.notifier, self.clock, job_id, deadline_s=deadline_s)


def _preview(user_task: UserTask, prompts: PromptSet, frame_index: FrameIndex) -> PreviewRequest:
    return PreviewRequest(
        user_task.task, user_task.media, prompts, frame_index, user_task.model_version, user_task.user
    )


def _whole_video(
    user_task: UserTask, prompts: PromptSet, direction: Direction = Direction.BOTH, *, scope: Scope = Scope.ONWARD
) -> PropagationRequest:
    return PropagationRequest(
        user_task.task,
        user_task.media,
        prompts,
        direction,
        label_config=user_task.label_config,
        model_version=user_task.model_version,
        scope=scope,
        user=user_task.user,
    )
