"""Reads what arrived in a crowd's projects: new tasks, which become items, and annotations, which become answers.

Label Studio is read from a stored place on. A change may become visible after a later one, so the last minute is read
again; an annotation that is known changes nothing. A task that was passed over becomes an item with its first
annotation.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from backend.application.crowd.routing.ports import CrowdTasks, FoundTask, Submission, TaskChange
from backend.application.ports.crowd_ledger import CrowdLedger, Cursor
from backend.application.ports.player_ledger import PlayerLedger
from backend.domain.crowd.routing import Answer, Crowd, Judgement, Role, Step, StepState
from backend.domain.errors import NotFound
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

TASKS_AT_ONCE = 200
CHANGES_AT_ONCE = 8
"""So many changed tasks are read before steps end and the next ones are made: each is a call to Label Studio."""

LATE_S = 60.0
"""How late a change may become visible."""

NEVER_S = 1e18
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class Arrived(Enum):
    """What a look at a project found. MORE: it is to be read on."""

    NOTHING = "nothing"
    SOME = "some"
    MORE = "more"


@dataclass(frozen=True, slots=True)
class Arrivals:
    """Reads projects. Keeps the times of the changes that it has read, so that they are not read again."""

    ledger: CrowdLedger
    player_ledger: PlayerLedger
    tasks: CrowdTasks
    read_changes: dict[TaskKey, str] = field(default_factory=dict)

    def read(self, crowd: Crowd, role: Role) -> Arrived:
        """Reads what arrived in the project of a role. Raises as CrowdTasks does.

        The cursor moves with each change: a process that is killed again and again still gets on.
        """
        project_id = crowd.projects[role]
        cursor = self.ledger.crowd_cursor(project_id)
        found, last_task_id = self._new_tasks(crowd, role, cursor.task_id)
        if last_task_id != cursor.task_id:
            cursor = Cursor(cursor.changed_at, last_task_id)
            self.ledger.set_crowd_cursor(project_id, cursor)
        changed = self._changes(crowd, role, cursor)
        return Arrived.SOME if found and changed is Arrived.NOTHING else changed

    def _new_tasks(self, crowd: Crowd, role: Role, after: int) -> tuple[bool, int]:
        """Whether there were any, and the highest number."""
        project_id, is_found = crowd.projects[role], False
        while page := self.tasks.after(project_id, after, limit=TASKS_AT_ONCE):
            entered = [TaskKey(project_id, each.task_id) for each in page if not self._is_routed(project_id, each)]
            is_found = self.ledger.add_items(crowd.name, role, entered) > 0 or is_found
            after = page[-1].task_id
            if len(page) < TASKS_AT_ONCE:
                break
        return is_found, after

    def _is_routed(self, project_id: int, found: FoundTask) -> bool:
        """Whether Masklet made the task for a step. Of two tasks of the same step one is removed."""
        step = None if not found.step else self.ledger.step_named(project_id, found.step)
        if step is None:
            return False
        kept = self.ledger.set_step_task(step, found.task_id)
        if step.task_id is None:
            self.ledger.release_step(step)  # of a process that was killed before it knew the task
        if kept != found.task_id:
            self.remove_surplus(TaskKey(project_id, found.task_id), step)
        return True

    def remove_surplus(self, task: TaskKey, step: Step) -> None:
        """Removes a second task of a step. If somebody has annotated it and not the first one, it takes that one's
        place; if both are annotated, it stays, unused."""
        if not self.tasks.submissions(task):
            logger.warning("removing task %s, a second one of %s", task, step.name)
            self.tasks.remove(task)
            return
        current = self.ledger.step_named(task.project_id, step.name)
        if current is None or current.task is None or not self._take_place(task, current, current.task):
            logger.warning("task %s is a second one of %s and annotated: it stays, unused", task, step.name)

    def _take_place(self, task: TaskKey, step: Step, first: TaskKey) -> bool:
        """Makes an annotated task the step's, in place of the first one, unless that is annotated or done."""
        if self._is_annotated(first) or not self.ledger.replace_step_task(step, task.task_id):
            return False
        logger.warning("task %s is annotated and takes the place of task %s of %s", task, first, step.name)
        if not self._is_annotated(first):
            self.tasks.remove(first)
        return True

    def _is_annotated(self, task: TaskKey) -> bool:
        try:
            return bool(self.tasks.submissions(task))
        except NotFound:
            return False

    def find_removed(self, project_id: int) -> None:
        """Lets the open steps wait whose tasks somebody removed from Label Studio: the lead sees them."""
        there: set[int] = set()
        after = 0
        while page := self.tasks.after(project_id, after, limit=TASKS_AT_ONCE):
            there.update(each.task_id for each in page)
            after = page[-1].task_id
        for step in self.ledger.open_steps(project_id):
            if step.task_id not in there and not step.waits:
                reason = f"task {step.task} was removed from Label Studio: nobody can do it"
                self.ledger.look_again(step, at_s=NEVER_S, waits=reason, uncounted={})

    def _changes(self, crowd: Crowd, role: Role, cursor: Cursor) -> Arrived:
        """Reads changed tasks, the earliest change first."""
        project_id, is_changed, since = crowd.projects[role], False, earlier(cursor.changed_at)
        taken = 0
        while True:
            page = self.tasks.changed(project_id, since=since, limit=TASKS_AT_ONCE)
            for change in page:
                if self.read_changes.get(TaskKey(project_id, change.task_id)) == change.changed_at:
                    continue
                if not self._is_done(TaskKey(project_id, change.task_id)):
                    if taken == CHANGES_AT_ONCE:
                        return Arrived.MORE
                    is_changed = self._take(crowd, role, change) or is_changed
                    taken += 1
                if change.changed_at > cursor.changed_at:
                    cursor = Cursor(change.changed_at, cursor.task_id)
                    self.ledger.set_crowd_cursor(project_id, cursor)
            if len(page) < TASKS_AT_ONCE or page[-1].changed_at == since:
                self._forget_old(project_id, earlier(cursor.changed_at))
                return Arrived.SOME if is_changed else Arrived.NOTHING
            since = page[-1].changed_at

    def _is_done(self, task: TaskKey) -> bool:
        """Whether a task's answers change nothing any more: Label Studio is not asked."""
        step = self.ledger.step_of_task(task)
        return step is not None and step.state is StepState.DONE

    def _take(self, crowd: Crowd, role: Role, change: TaskChange) -> bool:
        task = TaskKey(crowd.projects[role], change.task_id)
        is_new = self.observe(crowd, role, task)
        self.read_changes[task] = change.changed_at
        return is_new

    def _forget_old(self, project_id: int, before: str) -> None:
        for task in [t for t, at in self.read_changes.items() if t.project_id == project_id and at < before]:
            del self.read_changes[task]

    def observe(self, crowd: Crowd, role: Role, task: TaskKey) -> bool:
        """Notes the answers on a task; whether they are other ones than before."""
        step = self.ledger.step_of_task(task)
        if step is None:
            self._adopt(crowd, role, task)
            step = self.ledger.step_of_task(task)
        if step is None or step.state is StepState.DONE:
            return False
        try:
            submissions = self.tasks.submissions(task)
        except NotFound:
            return False  # removed meanwhile
        answers = [
            self._answer(task, each, is_verified=step.role is Role.VERIFY)
            for each in submissions
            if not each.was_cancelled
        ]
        return self.ledger.note_answers(step, answers)

    def _adopt(self, crowd: Crowd, role: Role, task: TaskKey) -> None:
        """Makes an annotated task that is not known a step's, or an item."""
        (found,) = self.tasks.after(task.project_id, task.task_id - 1, limit=1) or (FoundTask(0),)
        if found.task_id == task.task_id and not self._is_routed(task.project_id, found):
            self.ledger.add_items(crowd.name, role, [task])

    def _answer(self, task: TaskKey, given: Submission, *, is_verified: bool) -> Answer:
        """The answer, with what the person said of the task and of single objects in the player beside it."""
        said = self._said(task, given.user) if is_verified else {}
        whole = said.get(None)
        return Answer(
            given.annotation_id,
            given.user,
            given.verdict or (None if whole is None else whole.verdict),
            given.limits,
            given.comment or ("" if whole is None else whole.comment),
            {object_id: each for object_id, each in said.items() if object_id is not None},
            given.updated_at,
        )

    def _said(self, task: TaskKey, user: str) -> dict[ObjectId | None, Judgement]:
        """A person's verdicts in the player. None: on the whole task."""
        given = self.player_ledger.verdicts(task, user=user)
        return {each.object_id: Judgement(each.verdict, each.comment) for each in given}


def earlier(changed_at: str) -> str:
    """The time from which changes are read again; empty: from the beginning."""
    if not changed_at:
        return ""
    return (datetime.strptime(changed_at, TIME_FORMAT) - timedelta(seconds=LATE_S)).strftime(TIME_FORMAT)
