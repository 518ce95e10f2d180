"""A project's tasks as its lead sees them: everybody's work together, with filters, order and pages.

Made of one read of the ledger. Whether masks have changed since a verdict is told by the ledger's sequence: comparing
the masks themselves would read all of them. An export compares them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from backend.application.player.project_view import STATES_OF_JOBS, TaskState
from backend.application.ports.lead_ledger import PlacedVerdict, ProjectRows, RunFigures, UserJob
from backend.domain.crowd.estimates import Estimate
from backend.domain.jobs import JobState
from backend.domain.tasks import SEVERAL_USERS, TaskKey
from backend.domain.verdicts import STRICTEST_FIRST, ObjectState, Verdict

Value = TypeVar("Value")

STATE_ORDER = (TaskState.RUNNING, TaskState.FAILED, TaskState.PROMPTED, TaskState.DONE)
"""The state of a task with several people's work: the first of these that one of them has."""


class UserWork(NamedTuple):
    """One person's work on a task. masks_run: the newest finished propagation's; empty without one.

    sequence: of the newest prompt or request. reason: why the newest propagation failed.
    """

    user: str
    state: TaskState
    objects: int = 0
    masks_run: str = ""
    sequence: int = 0
    reason: str = ""
    done: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class LeadTask:
    """A task. labels: the count of objects by label, of all people.

    uncertainty, worst_frame: of the masks that were read; None if none were. unread: runs that are not read yet.
    verdict: what counts of all verdicts on the task and its objects, the strictest; given_by: their people.
    """

    task: TaskKey
    name: str = ""
    work: tuple[UserWork, ...] = ()
    labels: Mapping[str, int] = field(default_factory=dict)
    uncertainty: float | None = None
    worst_frame: int | None = None
    frame_count: int | None = None
    unread: int = 0
    verdict: ObjectState = ObjectState.NONE
    comment: str = ""
    given_by: tuple[str, ...] = ()
    agreement: Estimate | None = None

    @property
    def state(self) -> TaskState:
        """Of all people's work: what runs, then what failed, what lacks masks, what is done."""
        states = {each.state for each in self.work}
        return next((state for state in STATE_ORDER if state in states), TaskState.UNTOUCHED)

    @property
    def people(self) -> tuple[str, ...]:
        return tuple(each.user for each in self.work)

    @property
    def shown_run(self) -> str:
        """The run of the thumbnail: the newest one; empty without any."""
        runs = [(each.sequence, each.masks_run) for each in self.work if each.masks_run]
        return max(runs)[1] if runs else ""

    @property
    def reason(self) -> str:
        """Why a propagation failed; empty if none did."""
        return next((each.reason for each in self.work if each.reason), "")


@dataclass(frozen=True, slots=True)
class TaskFilter:
    """Conditions; all must hold. An empty or None one always holds.

    person None: anybody; "" is work that no person is known of. uncertainty_from, agreement_to: 0..1; tasks of which
    the value is not known do not meet them. text: part of the name, or the number.
    """

    states: frozenset[TaskState] = frozenset()
    verdicts: frozenset[ObjectState] = frozenset()
    label: str = ""
    person: str | None = None
    uncertainty_from: float | None = None
    agreement_to: float | None = None
    text: str = ""

    def admits(self, task: LeadTask) -> bool:
        return (
            (not self.states or task.state in self.states)
            and (not self.verdicts or task.verdict in self.verdicts)
            and (not self.label or self.label in task.labels)
            and (self.person is None or self.person in task.people)
            and (not self.text or self.text.lower() in f"{task.name} {task.task.task_id}".lower())
            and self._is_uncertain(task)
            and self._is_disputed(task)
        )

    def _is_uncertain(self, task: LeadTask) -> bool:
        if self.uncertainty_from is None:
            return True
        return task.uncertainty is not None and task.uncertainty >= self.uncertainty_from

    def _is_disputed(self, task: LeadTask) -> bool:
        if self.agreement_to is None:
            return True
        return task.agreement is not None and task.agreement.mean <= self.agreement_to


def lead_tasks(
    rows: ProjectRows,
    *,
    names: Mapping[TaskKey, str],
    listed: Iterable[TaskKey] = (),
    agreement: Mapping[TaskKey, Estimate] | None = None,
) -> tuple[LeadTask, ...]:
    """All tasks by number. names: of imported tasks. listed: tasks that Label Studio has, also without any work."""
    work = _work(rows)
    labels = _labels(rows)
    figures = _by_task((each.task, each) for each in rows.figures)
    verdicts = _by_task((each.verdict.task, each) for each in rows.verdicts)
    tasks = {*work, *labels, *verdicts, *names, *listed}
    return tuple(
        _task(
            task,
            names.get(task, ""),
            work.get(task, ()),
            labels.get(task, {}),
            figures.get(task, ()),
            verdicts.get(task, ()),
            (agreement or {}).get(task),
        )
        for task in sorted(tasks, key=lambda task: task.task_id)
    )


def needing_masks(tasks: Iterable[LeadTask]) -> tuple[tuple[TaskKey, str], ...]:
    """The tasks and people with prompts whose propagation was never started, failed or was cancelled."""
    wanted = (TaskState.PROMPTED, TaskState.FAILED)
    return tuple(
        (task.task, each.user) for task in tasks for each in task.work if each.state in wanted and each.objects
    )


def counts_by_state(tasks: Iterable[LeadTask]) -> Mapping[str, int]:
    found = Counter(task.state for task in tasks)
    return {state.value: found[state] for state in TaskState}


def counts_by_verdict(tasks: Iterable[LeadTask]) -> Mapping[str, int]:
    found = Counter(task.verdict for task in tasks)
    return {state.value: found[state] for state in ObjectState}


def _work(rows: ProjectRows) -> dict[TaskKey, tuple[UserWork, ...]]:
    prompts = {(each.task.task_id, each.user): each for each in rows.prompts}
    jobs = {(each.task.task_id, each.user): each for each in rows.jobs}
    tasks = {each.task_id: each for each in (*(p.task for p in rows.prompts), *(job.task for job in rows.jobs))}
    keys = {*prompts, *(key for key in jobs if key[1] != SEVERAL_USERS)}
    found: dict[TaskKey, list[UserWork]] = {}
    for number, user in sorted(keys):
        task, made = tasks[number], prompts.get((number, user))
        newest = _newest(jobs.get((number, user)), jobs.get((number, SEVERAL_USERS)))
        sequence = max(made.sequence if made else 0, newest.sequence if newest else 0)
        state = TaskState.PROMPTED if newest is None else STATES_OF_JOBS.get(newest.state, TaskState.PROMPTED)
        found.setdefault(task, []).append(
            UserWork(
                user,
                state,
                made.objects if made else 0,
                newest.masks_run if newest else "",
                sequence,
                newest.reason if newest is not None and newest.state is JobState.FAILED else "",
                newest.done if newest else 0,
                newest.total if newest else 0,
            )
        )
    return {task: tuple(each) for task, each in found.items()}


def _newest(*jobs: UserJob | None) -> UserJob | None:
    return max((job for job in jobs if job is not None), key=lambda job: job.sequence, default=None)


def _labels(rows: ProjectRows) -> dict[TaskKey, dict[str, int]]:
    found: dict[TaskKey, dict[str, int]] = {}
    for each in rows.labels:
        found.setdefault(each.task, {})[each.label] = each.objects
    return found


def _task(
    task: TaskKey,
    name: str,
    work: tuple[UserWork, ...],
    labels: Mapping[str, int],
    figures: Sequence[RunFigures],
    verdicts: Sequence[PlacedVerdict],
    agreement: Estimate | None,
) -> LeadTask:
    runs = {each.masks_run for each in work if each.masks_run}
    read = [each for each in figures if each.masks_run in runs]
    worst = max(read, key=lambda each: each.uncertainty, default=None)
    verdict, comment, given_by = _verdict(work, verdicts)
    return LeadTask(
        task,
        name,
        work,
        dict(sorted(labels.items())),
        None if worst is None else worst.uncertainty,
        None if worst is None else worst.worst_frame,
        None if worst is None else worst.frame_count,
        len(runs) - len({each.masks_run for each in read}),
        verdict,
        comment,
        given_by,
        agreement,
    )


def _verdict(work: Sequence[UserWork], verdicts: Sequence[PlacedVerdict]) -> tuple[ObjectState, str, tuple[str, ...]]:
    """The strictest verdict after which nothing changed, with its comment and its people; OUTDATED if only others."""
    current = [each for each in verdicts if not _is_changed(each, work)]
    given = {each.verdict.given.verdict for each in current}
    strictest = next((verdict for verdict in STRICTEST_FIRST if verdict in given), None)
    if strictest is None:
        people = tuple(sorted({each.verdict.user for each in verdicts}))
        return (ObjectState.OUTDATED if verdicts else ObjectState.NONE), "", people
    counting = [each.verdict for each in current if each.verdict.given.verdict is strictest]
    comment = next((each.given.comment for each in counting if each.given.comment), "")
    return ObjectState(Verdict(strictest).value), comment, tuple(sorted({each.user for each in counting}))


def _is_changed(placed: PlacedVerdict, work: Sequence[UserWork]) -> bool:
    """Whether prompts or propagations are newer than the verdict: the person's own, or else anybody's."""
    own = [each for each in work if each.user == placed.verdict.user] or work
    return bool(placed.sequence) and any(each.sequence > placed.sequence for each in own)


def _by_task(pairs: Iterable[tuple[TaskKey, Value]]) -> dict[TaskKey, list[Value]]:
    found: dict[TaskKey, list[Value]] = {}
    for task, value in pairs:
        found.setdefault(task, []).append(value)
    return found
