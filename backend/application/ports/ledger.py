"""The ledger: the durable record of prompts, jobs and pushes, as a protocol. Two databases implement it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypedDict, Unpack

from backend.application.ports.annotation_writes import AnnotationWrites
from backend.application.ports.effort import EffortLedger
from backend.application.ports.lead_ledger import LeadLedger
from backend.application.ports.player_ledger import PlayerLedger
from backend.application.ports.pushes import Pushes
from backend.domain.jobs import (
    Job,
    JobKind,
    JobState,
    PendingWaits,
    PreviewRequest,
    PropagationRequest,
    QueuedClick,
)
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.retries import FailedTry, FailureKind, Failures
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex


class JobsWanted(TypedDict, total=False):
    """Conditions on jobs. All must hold; a condition that is None, empty or absent always holds."""

    task: TaskKey | None
    project_id: int | None
    kind: JobKind | None
    model_version: str | None
    worker: str | None
    states: Sequence[JobState]
    sessions: bool | None
    """True: only sessions. False: no sessions. Absent: no sessions if a task is given."""
    active_since_s: float | None
    """The job is open, or changed at this time (the ledger's clock) or later."""


class Ledger(AnnotationWrites, EffortLedger, LeadLedger, PlayerLedger, Pushes, Protocol):
    """The durable record of prompts, jobs and pushes: the source of truth.

    Prompts, submitted jobs and pending pushes are on disk on return. A worker's writes (start, progress, a finish
    without a push) survive every crash except a power cut, after which the work is done again.
    """

    def record_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> PromptSet:
        """Adds prompts to this user's prompts of a task and returns all of them, merged.

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
        wait_s: float = 0.0,
    ) -> tuple[tuple[Job, bool], ...]:
        """record_prompts, and submit of the requests that `ask` returns for the merged prompts, in one transaction.

        wait_s: how long a waiter of the clicks among them waits, in seconds. An error of `ask` undoes everything.
        """
        ...

    def prompts(self, task: TaskKey, *, user: str = "") -> PromptSet: ...

    def prompts_version(self, task: TaskKey, *, user: str = "") -> str:
        """Another text after every change of this user's prompts or labels. A cheap read."""
        ...

    def claim_prompts(
        self, task: TaskKey, *, user: str, keys: Collection[tuple[ObjectId, FrameIndex | None]] | None
    ) -> None:
        """Gives prompts without a user to this user: of these (object, frame) pairs (frame None: any); None: all."""
        ...

    def replace_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> None:
        """Replaces this user's prompts of a task (by those of a submitted annotation)."""
        ...

    def withdraw_prompts(self, task: TaskKey, *, from_frame: int) -> int:
        """Deletes all users' prompts of a task on this frame and later ones, which its media do not have.

        Returns their count. The failed job has the prompts and the reason.
        """
        ...

    def edit_prompts(self, task: TaskKey, edit: Callable[[PromptSet], PromptSet], *, user: str = "") -> PromptSet:
        """Replaces this user's prompts by what `edit` makes of them, in one transaction, unless it raises an error."""
        ...

    def submit(
        self, kind: JobKind, request: PreviewRequest | PropagationRequest, *, wait_s: float = 0.0
    ) -> tuple[Job, bool]:
        """Records a job under its idempotency key. Returns it and whether it is new.

        A failed, cancelled or superseded job with that key is opened again with the next attempt (and counts as
        new). A postponed job counts as new too: it is tried at once. A PROPAGATE job supersedes the other open ones of
        its task and user, and those of anonymous annotators whose prompts are all part of it. A second user's equal
        request makes the job one of SEVERAL_USERS, which no request supersedes. A job that is done already becomes the
        task's pending push again if another job's prediction replaced its own, or if its own did not reach Label Studio
        yet. wait_s: as for `accept`.
        """
        ...

    def job(self, job_id: str) -> Job:
        """Raises NotFound."""
        ...

    def request(self, job_id: str) -> PreviewRequest | PropagationRequest: ...

    def prompted(self, job_ids: Collection[str]) -> Mapping[str, Collection[tuple[ObjectId, FrameIndex]]]:
        """The objects and frames that the prompts of these jobs are of, by job id; unknown jobs are left out."""
        ...

    def jobs(self, *, limit: int | None = None, **wanted: Unpack[JobsWanted]) -> tuple[Job, ...]:
        """The jobs that meet the conditions, newest first. limit None: all of them.

        Sessions are not among a task's jobs.
        """
        ...

    def newest_propagations(self, *, project_id: int | None = None, states: Sequence[JobState] = ()) -> tuple[Job, ...]:
        """The newest propagation of each task in one of these states (empty: in any), by project and task.

        Sessions excluded.
        """
        ...

    def counts(self) -> Mapping[tuple[JobKind, JobState], int]:
        """The count of jobs per kind and state, without zero counts."""
        ...

    def queued_clicks(self) -> tuple[QueuedClick, ...]:
        """All queued clicks with their waiters. One read without their requests."""
        ...

    def drop_clicks(self, job_ids: Sequence[str], *, reason: str) -> int:
        """Cancels those of these clicks that are still queued; returns their count."""
        ...

    def queued_counts(self) -> Mapping[JobKind, int]:
        """The count of queued jobs per kind, without zero counts and postponed jobs. Reads indices only."""
        ...

    def queued_since(self) -> Mapping[JobKind, float]:
        """When the longest waiting job per kind was queued, wall clock in seconds, without postponed jobs."""
        ...

    def pending_waits(self) -> PendingWaits:
        """The current waiters, and the propagations to stop. One cheap read, whatever the count of jobs."""
        ...

    def add_waiter(self, job_id: str, *, until_s: float, backward: bool = False) -> None:
        """Records a waiter of a job, until until_s (the ledger's clock) at the latest.

        backward: the waiter needs frames before the prompted frame.
        """
        ...

    def remove_waiter(self, job_id: str, *, until_s: float) -> None:
        """Removes the waiter, unless another one waits longer than until_s."""
        ...

    def adopt_run(self, request: PropagationRequest, masks_run: str, *, attempt: int) -> Job:
        """Records prompts and a finished propagation of them, whose masks are stored already, and wants its push.

        attempt: 1, or the next one of a job that there is; if that attempt or a later one began, the job as it is.
        """
        ...

    def start(self, job_id: str, attempt: int, worker: str) -> Job | None:
        """Claims an attempt: QUEUED → RUNNING. None if the attempt is stale or the job is no longer queued."""
        ...

    def progress(self, job_id: str, attempt: int, done: int, total: int) -> JobState:
        """Writes heartbeat and progress; returns the current state. SUPERSEDED for a stale attempt."""
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
        frames: tuple[int, int] | None = None,
        push: bool = False,
    ) -> bool:
        """Ends an attempt; with push, the prediction becomes a pending push in the same transaction.

        frames: the numbers of done and of all frames; None: as the last heartbeat wrote them.
        Returns False and writes nothing if the attempt is stale.
        """
        ...

    def requeue(self, job_id: str, attempt: int, *, reason: str, max_attempts: int, forgiven: bool = False) -> Job:
        """Ends an attempt that died: QUEUED with the next attempt number, or FAILED after max_attempts.

        Attempts are counted since the job was opened or its count was reset. forgiven: this attempt is not counted.
        Does nothing if that attempt is no longer current.
        """
        ...

    def postpone(self, job_id: str, attempt: int, failures: Failures, *, next_try_s: float, reason: str) -> Job:
        """Ends an attempt that failed for a cause outside of Masklet: QUEUED with the next attempt number.

        The attempt is not counted. The job is not among stale_jobs and pending_waits until next_try_s. Does nothing if
        that attempt is no longer current.
        """
        ...

    def reopen(self, job_id: str, attempt: int) -> Job:
        """Opens a DONE job whose masks are gone: QUEUED with the next attempt number, counted from there.

        Does nothing if that attempt is no longer current, or not DONE.
        """
        ...

    def reset_attempt_count(self, job_id: str, attempt: int) -> None:
        """Counts attempts anew from the next one on, because this attempt has a snapshot.

        Does nothing if that attempt is no longer current.
        """
        ...

    def cancel(self, job_id: str) -> Job: ...

    def stop(self, job_id: str) -> Job:
        """Asks an open propagation to end as done with the masks that it has; a later attempt of it also does.

        Does nothing to a final job. Opening the job again takes the request back.
        """
        ...

    def stale_jobs(self, *, heartbeat_before_s: float, queued_before_s: float | None) -> tuple[Job, ...]:
        """Running jobs without a heartbeat since heartbeat_before_s, and jobs queued since before queued_before_s.

        queued_before_s None: no queued jobs. Postponed jobs are not among them before their next try.
        """
        ...

    def prune(self, before_s: float, *, limit: int) -> tuple[str, ...]:
        """Deletes unneeded final jobs without a request since before_s; returns their ids.

        The newest finished propagation of each task and model is needed, and the job of a push.
        """
        ...

    def inactive_tasks(self, before_s: float, *, after: TaskKey | None, limit: int) -> tuple[TaskKey, ...]:
        """Tasks without a request since before_s, sorted; only those after `after`."""
        ...

    def forget_task(self, task: TaskKey) -> tuple[str, ...]:
        """Deletes a task's prompts, jobs and pushes; returns the job ids. Does nothing while a job of it is open."""
        ...

    def known_jobs(self, job_ids: Collection[str]) -> frozenset[str]:
        """The ids among these that the ledger has."""
        ...

    def hasten(self, *, project_id: int | None = None, task: TaskKey | None = None) -> int:
        """Lets all that waits for its next try be tried now: of a project, of a task, or all; returns the count."""
        ...

    def retry_given_up(self, *, project_id: int | None = None, task: TaskKey | None = None) -> int:
        """Makes refused pushes pending again, and lets adoptions that were given up be tried; returns the count."""
        ...

    def failed_try(self, kind: FailureKind, subject: str) -> FailedTry | None:
        """The failed tries of a subject; None without any."""
        ...

    def failed_tries(
        self, *, project_id: int | None = None, kind: FailureKind | None = None, limit: int | None = None
    ) -> tuple[FailedTry, ...]:
        """All failed tries, the earliest next try first."""
        ...

    def failure_counts(self) -> Mapping[tuple[FailureKind, str, bool], int]:
        """The count of failed tries per kind, cause and is_given_up, without zero counts."""
        ...

    def record_failure(self, failed: FailedTry) -> None:
        """Writes a failed try over the earlier one of its subject."""
        ...

    def remove_failure(self, kind: FailureKind, subject: str) -> None:
        """Removes the failed tries of a subject, which succeeded."""
        ...
