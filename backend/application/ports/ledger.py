"""The durable record that the use cases keep, as a protocol. Two databases implement it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypedDict, Unpack

from backend.domain.jobs import Job, JobKind, JobState, PendingPush, PendingWaits, PreviewRequest, PropagationRequest
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex


class JobsWanted(TypedDict, total=False):
    """Conditions on jobs. All must hold; one that is None, empty or absent always holds."""

    task: TaskKey | None
    project_id: int | None
    kind: JobKind | None
    model_version: str | None
    worker: str | None
    states: Sequence[JobState]

    sessions: bool | None
    """True: clients' sessions alone. False: none of them. Absent: none of them if a task is named."""

    active_since_s: float | None
    """The job is open, or was changed at that time (wall clock) or later."""


class Ledger(Protocol):
    """The durable record of prompts, jobs and pushes: the source of truth.

    What people said, what was asked for and what is to be pushed is on disk on return. How far a worker is with it
    (start, progress, a finish without a push) survives every crash but a power cut, after which it is done again.
    """

    def record_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> PromptSet:
        """Add prompts to a task's and return all of the task's prompts (of this user's canvas), merged.

        Recording the same prompt twice changes nothing.
        """
        ...

    def accept(
        self,
        task: TaskKey,
        prompts: PromptSet,
        ask: Callable[[PromptSet], Sequence[PreviewRequest | PropagationRequest]],
        *,
        user: str = "",
    ) -> tuple[tuple[Job, bool], ...]:
        """record_prompts, and submit of what `ask` makes of the merged prompts: all of it on disk, or nothing."""
        ...

    def prompts(self, task: TaskKey, *, user: str = "") -> PromptSet: ...

    def claim_prompts(
        self, task: TaskKey, *, user: str, spots: Collection[tuple[ObjectId, FrameIndex | None]] | None
    ) -> None:
        """Make prompts of the canvas without a name this user's: those of these objects on these frames (frame None:
        on any), all of them if spots is None."""
        ...

    def replace_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> None:
        """Forget this canvas's prompts and keep these instead (a submitted annotation is the new truth)."""
        ...

    def submit(self, kind: JobKind, request: PreviewRequest | PropagationRequest) -> tuple[Job, bool]:
        """Record a job under its idempotency key. Returns it and whether it is new.

        A failed, cancelled or superseded job with that key is opened again with the next attempt (and counts as
        new). A PROPAGATE job supersedes the task's other open ones; one that is done already becomes the task's
        pending push again if another job's prediction took its place.
        """
        ...

    def job(self, job_id: str) -> Job:
        """Raises NotFound."""
        ...

    def request(self, job_id: str) -> PreviewRequest | PropagationRequest: ...

    def jobs(self, *, limit: int | None = None, **wanted: Unpack[JobsWanted]) -> tuple[Job, ...]:
        """Newest first. The limit counts jobs that meet all conditions; None: all of them are returned.

        A client's sessions are not among a task's jobs.
        """
        ...

    def newest_propagations(self, *, project_id: int | None = None, states: Sequence[JobState] = ()) -> tuple[Job, ...]:
        """The newest propagation of each task in one of these states (none named: in any), by project and task.

        A client's sessions are not among them.
        """
        ...

    def counts(self) -> Mapping[tuple[JobKind, JobState], int]:
        """How many jobs there are of each kind and state; pairs without a job are left out."""
        ...

    def pending_waits(self) -> PendingWaits:
        """For what persons wait now. One cheap read, however many jobs there are."""
        ...

    def add_waiter(self, job_id: str, *, until_s: float, backward: bool = False) -> None:
        """Note that a person waits for a job, until then (wall clock) at the longest.

        backward: above all for the frames before the one that they carry on from.
        """
        ...

    def remove_waiter(self, job_id: str, *, until_s: float) -> None:
        """Take back such a note, unless somebody waits longer than until then."""
        ...

    def start(self, job_id: str, attempt: int, worker: str) -> Job | None:
        """Claim an attempt: QUEUED → RUNNING. None if the attempt is stale or the job is no longer queued."""
        ...

    def progress(self, job_id: str, attempt: int, done: int, total: int) -> JobState:
        """Heartbeat and progress; returns the state as it is now. A stale attempt reads SUPERSEDED."""
        ...

    def finish(
        self,
        job_id: str,
        attempt: int,
        state: JobState,
        *,
        reason: str = "",
        masks_run: str = "",
        timings_s: dict[str, float] | None = None,
        push: bool = False,
    ) -> bool:
        """End an attempt; with push, the prediction becomes a pending push in the same transaction.

        False, and nothing written, if the attempt is stale.
        """
        ...

    def requeue(self, job_id: str, attempt: int, *, reason: str, max_attempts: int, forgiven: bool = False) -> Job:
        """Give up an attempt that died: QUEUED with the next attempt number, or FAILED after max_attempts.

        Attempts are counted since the job was opened or last saved; a forgiven one is not counted at all.
        Does nothing if that attempt is no longer current.
        """
        ...

    def reopen(self, job_id: str, attempt: int) -> Job:
        """A job that is DONE and whose masks are gone: QUEUED with the next attempt number, counted from there.

        Does nothing if that attempt is no longer current, or not DONE.
        """
        ...

    def reset_attempt_count(self, job_id: str, attempt: int) -> None:
        """What this attempt did so far outlives it: attempts are counted anew from the next one on.

        Does nothing if that attempt is no longer current.
        """
        ...

    def cancel(self, job_id: str) -> Job: ...

    def stale_jobs(self, *, heartbeat_before_s: float, queued_before_s: float) -> tuple[Job, ...]:
        """Open jobs whose worker fell silent, or that have waited since before queued_before_s."""
        ...

    def prune(self, before_s: float, *, limit: int) -> tuple[str, ...]:
        """Forget final jobs that nobody asked for since then and that nobody needs; returns their ids.

        The newest finished propagation of each task and model is needed, and what a push is of.
        """
        ...

    def inactive_tasks(self, before_s: float, *, after: TaskKey | None, limit: int) -> tuple[TaskKey, ...]:
        """Tasks of which nothing was asked since then, in order; those that come after `after`."""
        ...

    def forget_task(self, task: TaskKey) -> tuple[str, ...]:
        """Forget a task's prompts, jobs and pushes; returns its jobs' ids. Does nothing while a job of it is open."""
        ...

    def known_jobs(self, job_ids: Collection[str]) -> frozenset[str]:
        """Those of these jobs that the ledger has."""
        ...

    def due_pushes(self, now_s: float, *, limit: int = 20) -> tuple[PendingPush, ...]: ...

    def claim_push(self, push: PendingPush, *, until_s: float) -> bool:
        """Take a pending push for oneself until a time; False if somebody else has it."""
        ...

    def settle_push(self, push: PendingPush) -> None:
        """Write back what became of a claimed push, unless a newer job's push replaced it meanwhile."""
        ...

    def latest_push(self, task: TaskKey, *, job_id: str | None = None) -> PendingPush | None:
        """A task's newest push. job_id: of this job, however many newer ones there are of other models."""
        ...
