"""A ledger in memory, held to the same contract as the real one (tests/contract)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Unpack

from backend.application.ports.clock import Clock
from backend.application.ports.ledger import JobsWanted
from backend.domain.errors import NotFound
from backend.domain.jobs import (
    Job,
    JobKind,
    JobState,
    PendingPush,
    PendingWaits,
    PreviewRequest,
    PropagationRequest,
    PushState,
    WaitedJob,
    job_id_of,
    kind_of,
)
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.clock import FakeClock

Request = PreviewRequest | PropagationRequest


@dataclass
class _Row:
    job: Job
    request: Request
    order: int
    first_attempt: int = 1
    pushes: bool = False


@dataclass
class _Expected:
    since_s: float
    until_s: float
    backward: bool = False


@dataclass
class _Push:
    push: PendingPush
    order: int
    claimed_until_s: float = 0.0


class FakeLedger:
    """Ledger without a disk."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or FakeClock()
        self._prompts: dict[tuple[TaskKey, str], PromptSet] = {}
        self._rows: dict[str, _Row] = {}
        self._pushes: dict[tuple[TaskKey, str], _Push] = {}
        self._expected: dict[str, _Expected] = {}
        self._order = 0
        self._first_said: dict[tuple[TaskKey, str, ObjectId, FrameIndex], int] = {}

    # prompts

    def record_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> PromptSet:
        known = self.prompts(task, user=user)
        merged = PromptSet.of([*known, *prompts], {**known.labels, **prompts.labels})
        self._prompts[task, user] = merged
        for prompt in prompts:
            self._first_said.setdefault((task, user, prompt.object_id, prompt.frame_index), self._next_order())
        return merged

    def accept(
        self,
        task: TaskKey,
        prompts: PromptSet,
        ask: Callable[[PromptSet], Sequence[Request]],
        *,
        user: str = "",
    ) -> tuple[tuple[Job, bool], ...]:
        before = self.prompts(task, user=user)
        try:
            requests = ask(self.record_prompts(task, prompts, user=user))
        except BaseException:
            self._prompts[task, user] = before
            raise
        return tuple(self.submit(kind_of(request), request) for request in requests)

    def prompts(self, task: TaskKey, *, user: str = "") -> PromptSet:
        return self._prompts.get((task, user), PromptSet(()))

    def claim_prompts(
        self, task: TaskKey, *, user: str, spots: Collection[tuple[ObjectId, FrameIndex | None]] | None
    ) -> None:
        unnamed, known = self.prompts(task), self.prompts(task, user=user)
        claimed = [
            prompt
            for prompt in unnamed
            if spots is None or {(prompt.object_id, prompt.frame_index), (prompt.object_id, None)} & set(spots)
        ]
        rest = [prompt for prompt in unnamed if prompt not in claimed]
        self._prompts[task, ""] = PromptSet.of(rest, unnamed.labels)
        said = [(self._said_at(task, "", p), p) for p in claimed] + [(self._said_at(task, user, p), p) for p in known]
        said.sort(key=lambda statement: statement[0])
        for order, prompt in reversed(said):
            self._first_said[task, user, prompt.object_id, prompt.frame_index] = order
        self._prompts[task, user] = PromptSet.of((p for _, p in said), {**unnamed.labels, **known.labels})

    def _said_at(self, task: TaskKey, user: str, prompt: FramePrompt) -> int:
        return self._first_said.pop((task, user, prompt.object_id, prompt.frame_index), 0)

    def replace_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> None:
        self._prompts[task, user] = PromptSet.of(prompts, prompts.labels)

    # jobs

    def submit(self, kind: JobKind, request: Request) -> tuple[Job, bool]:
        job_id = job_id_of(request)
        row = self._rows.get(job_id)
        opens = row is None or row.job.state in (JobState.FAILED, JobState.CANCELLED, JobState.SUPERSEDED)
        if opens:
            row = self._open(job_id, kind, request, row)
        assert row is not None
        if row.job.state is JobState.DONE:
            self._change(row)
        if kind is JobKind.PROPAGATE and not row.job.is_session:
            self._supersede_others(row.job)
            if row.job.state is JobState.DONE:
                self._make_newest(row)
        return row.job, opens

    def _open(self, job_id: str, kind: JobKind, request: Request, old: _Row | None) -> _Row:
        now_s = self._clock.now_s()
        attempt = 1 if old is None else old.job.attempt + 1
        frames = request.frames if isinstance(request, PropagationRequest) else None
        job = Job(
            job_id,
            kind,
            request.task,
            JobState.QUEUED,
            attempt,
            total=0 if frames is None else len(frames),
            model_version=request.model_version,
            created_s=now_s,
            updated_s=now_s,
            heartbeat_s=now_s,
        )
        row = self._rows[job_id] = _Row(job, request, self._next_order(), first_attempt=attempt)
        return row

    def _supersede_others(self, newest: Job) -> None:
        for row in self._rows.values():
            other = row.job
            same = other.kind is JobKind.PROPAGATE and other.task == newest.task and other.job_id != newest.job_id
            if same and not other.is_session and not other.state.is_final:
                self._change(row, state=JobState.SUPERSEDED, reason="Superseded: a newer prompt replaced this run")

    def _make_newest(self, row: _Row) -> None:
        row.order = self._next_order()
        known = self._pushes.get((row.job.task, row.job.model_version))
        if row.pushes and known is not None and known.push.job_id != row.job.job_id:
            self._want_push(row)

    def job(self, job_id: str) -> Job:
        return self._row(job_id).job

    def request(self, job_id: str) -> Request:
        return self._row(job_id).request

    def jobs(self, *, limit: int | None = None, **wanted: Unpack[JobsWanted]) -> tuple[Job, ...]:
        rows = sorted(self._rows.values(), key=lambda row: -row.order)
        return tuple(row.job for row in rows if _meets(row.job, wanted))[:limit]

    def newest_propagations(self, *, project_id: int | None = None, states: Sequence[JobState] = ()) -> tuple[Job, ...]:
        newest: dict[TaskKey, Job] = {}
        for job in self.jobs(project_id=project_id, kind=JobKind.PROPAGATE, states=states, sessions=False):
            newest.setdefault(job.task, job)
        return tuple(newest[task] for task in sorted(newest, key=_place))

    def counts(self) -> Mapping[tuple[JobKind, JobState], int]:
        counted: dict[tuple[JobKind, JobState], int] = {}
        for row in self._rows.values():
            key = (row.job.kind, row.job.state)
            counted[key] = counted.get(key, 0) + 1
        return counted

    def pending_waits(self) -> PendingWaits:
        now_s = self._clock.now_s()
        open_jobs = {name: row.job for name, row in self._rows.items() if not row.job.state.is_final}
        notes = sorted(self._expected.items(), key=lambda note: note[1].since_s)
        return PendingWaits(
            any(job.kind is JobKind.INTERACTIVE for job in open_jobs.values()),
            tuple(
                WaitedJob(job_id, open_jobs[job_id].attempt, open_jobs[job_id].state, note.backward)
                for job_id, note in notes
                if job_id in open_jobs and note.until_s > now_s
            ),
        )

    def add_waiter(self, job_id: str, *, until_s: float, backward: bool = False) -> None:
        now_s = self._clock.now_s()
        self._expected = {name: note for name, note in self._expected.items() if note.until_s > now_s}
        known = self._expected.get(job_id, _Expected(now_s, until_s))
        self._expected[job_id] = _Expected(known.since_s, max(known.until_s, until_s), backward)

    def remove_waiter(self, job_id: str, *, until_s: float) -> None:
        if job_id in self._expected and self._expected[job_id].until_s <= until_s:
            del self._expected[job_id]

    def start(self, job_id: str, attempt: int, worker: str) -> Job | None:
        row = self._rows.get(job_id)
        if row is None or row.job.attempt != attempt or row.job.state is not JobState.QUEUED:
            return None
        return self._change(row, state=JobState.RUNNING, worker=worker, heartbeat_s=self._clock.now_s())

    def progress(self, job_id: str, attempt: int, done: int, total: int) -> JobState:
        row = self._row(job_id)
        if row.job.attempt != attempt:
            return JobState.SUPERSEDED
        if row.job.state is JobState.RUNNING:
            self._change(row, done=done, total=total, heartbeat_s=self._clock.now_s())
        return row.job.state

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
        if not state.is_final:
            raise ValueError(f"an attempt ends in a final state, not in {state!r}")
        row = self._rows.get(job_id)
        if row is None or row.job.attempt != attempt or row.job.state.is_final:
            return False
        self._change(row, state=state, reason=reason, masks_run=masks_run, timings_s=dict(timings_s or {}))
        if push:
            row.pushes = True
            self._want_push(row)
        return True

    def requeue(self, job_id: str, attempt: int, *, reason: str, max_attempts: int, forgiven: bool = False) -> Job:
        row = self._row(job_id)
        if row.job.attempt != attempt or row.job.state.is_final:
            return row.job
        if not forgiven and attempt - row.first_attempt + 1 >= max_attempts:
            return self._change(row, state=JobState.FAILED, reason=reason)
        row.first_attempt += forgiven
        return self._change(row, state=JobState.QUEUED, attempt=attempt + 1, done=0, worker="", reason=reason)

    def reopen(self, job_id: str, attempt: int) -> Job:
        row = self._row(job_id)
        if row.job.attempt != attempt or row.job.state is not JobState.DONE:
            return row.job
        row.first_attempt = attempt + 1
        now_s = self._clock.now_s()
        return self._change(
            row, state=JobState.QUEUED, attempt=attempt + 1, done=0, worker="", masks_run="", created_s=now_s
        )

    def reset_attempt_count(self, job_id: str, attempt: int) -> None:
        row = self._row(job_id)
        if row.job.attempt == attempt and row.job.state is JobState.RUNNING:
            row.first_attempt = attempt + 1

    def cancel(self, job_id: str) -> Job:
        row = self._row(job_id)
        if row.job.state.is_final:
            return row.job
        return self._change(row, state=JobState.CANCELLED, reason="Cancelled: cancelled on request")

    def stale_jobs(self, *, heartbeat_before_s: float, queued_before_s: float) -> tuple[Job, ...]:
        rows = sorted(self._rows.values(), key=lambda row: row.order)
        return tuple(
            row.job
            for row in rows
            if (row.job.state is JobState.RUNNING and row.job.heartbeat_s < heartbeat_before_s)
            or (row.job.state is JobState.QUEUED and row.job.updated_s < queued_before_s)
        )

    # retention

    def prune(self, before_s: float, *, limit: int) -> tuple[str, ...]:
        newest: dict[tuple[TaskKey, str], _Row] = {}
        for row in sorted(self._rows.values(), key=lambda row: row.order):
            if row.job.kind is JobKind.PROPAGATE and row.job.state is JobState.DONE and not row.job.is_session:
                newest[row.job.task, row.job.model_version] = row
        needed = {row.job.job_id for row in newest.values()} | {kept.push.job_id for kept in self._pushes.values()}
        old = [
            row.job.job_id
            for row in sorted(self._rows.values(), key=lambda row: row.order)
            if row.job.state.is_final and row.job.updated_s < before_s and row.job.job_id not in needed
        ][:limit]
        for job_id in old:
            del self._rows[job_id]
        return tuple(old)

    def inactive_tasks(self, before_s: float, *, after: TaskKey | None, limit: int) -> tuple[TaskKey, ...]:
        tasks = {row.job.task for row in self._rows.values()} | {
            task for (task, _), prompts in self._prompts.items() if prompts
        }
        busy = {row.job.task for row in self._rows.values() if row.job.updated_s >= before_s}
        ordered = sorted(tasks - busy, key=_place)
        return tuple(task for task in ordered if after is None or _place(task) > _place(after))[:limit]

    def forget_task(self, task: TaskKey) -> tuple[str, ...]:
        own = [row.job for row in self._rows.values() if row.job.task == task]
        if not all(job.state.is_final for job in own):
            return ()
        for job in own:
            del self._rows[job.job_id]
        self._prompts = {key: prompts for key, prompts in self._prompts.items() if key[0] != task}
        self._pushes = {key: push for key, push in self._pushes.items() if key[0] != task}
        return tuple(job.job_id for job in own)

    def known_jobs(self, job_ids: Collection[str]) -> frozenset[str]:
        return frozenset(job_ids) & self._rows.keys()

    # pushes

    def due_pushes(self, now_s: float, *, limit: int = 20) -> tuple[PendingPush, ...]:
        due = [
            kept
            for kept in self._pushes.values()
            if kept.push.state is PushState.PENDING and kept.push.next_try_s <= now_s and kept.claimed_until_s <= now_s
        ]
        return tuple(kept.push for kept in sorted(due, key=lambda kept: (kept.push.next_try_s, kept.order))[:limit])

    def claim_push(self, push: PendingPush, *, until_s: float) -> bool:
        kept = self._pushes.get((push.task, push.model_version))
        free = kept is not None and kept.claimed_until_s <= self._clock.now_s()
        if kept is None or not free or kept.push.job_id != push.job_id or kept.push.state is not PushState.PENDING:
            return False
        kept.claimed_until_s = until_s
        return True

    def settle_push(self, push: PendingPush) -> None:
        kept = self._pushes.get((push.task, push.model_version))
        if kept is None:
            return
        kept.claimed_until_s = 0.0
        if kept.push.job_id == push.job_id:
            kept.push = push
        elif push.prediction_id is not None:
            kept.push = replace(kept.push, prediction_id=push.prediction_id)

    def latest_push(self, task: TaskKey, *, job_id: str | None = None) -> PendingPush | None:
        kept = [one for (of, _), one in self._pushes.items() if of == task and job_id in (None, one.push.job_id)]
        return max(kept, key=lambda one: one.order).push if kept else None

    def _want_push(self, row: _Row) -> None:
        job = row.job
        key = (job.task, job.model_version)
        known = self._pushes.get(key)
        if known is not None and known.order > row.order:
            return
        push = PendingPush(
            job.task,
            job.model_version,
            job.job_id,
            PushState.PENDING,
            tries=0,
            next_try_s=self._clock.now_s(),
            prediction_id=None if known is None else known.push.prediction_id,
        )
        self._pushes[key] = _Push(push, row.order, 0.0 if known is None else known.claimed_until_s)

    # plumbing

    def _row(self, job_id: str) -> _Row:
        if job_id not in self._rows:
            raise NotFound(f"there is no job {job_id[:60]!r}")
        return self._rows[job_id]

    def _next_order(self) -> int:
        self._order += 1
        return self._order

    def _change(self, row: _Row, **fields: object) -> Job:
        row.job = replace(row.job, updated_s=self._clock.now_s(), **fields)  # type: ignore[arg-type]
        return row.job


def _meets(job: Job, wanted: JobsWanted) -> bool:
    task, since_s = wanted.get("task"), wanted.get("active_since_s")
    sessions = wanted.get("sessions", None if task is None else False)
    return (
        task in (None, job.task)
        and wanted.get("project_id") in (None, job.task.project_id)
        and wanted.get("kind") in (None, job.kind)
        and wanted.get("model_version") in (None, job.model_version)
        and wanted.get("worker") in (None, job.worker)
        and (not wanted.get("states") or job.state in wanted["states"])
        and sessions in (None, job.is_session)
        and (since_s is None or not job.state.is_final or job.updated_s >= since_s)
    )


def _place(task: TaskKey) -> tuple[int, int]:
    return task.project_id, task.task_id
