"""Rows of the items that are routed in crowds, of their steps and of the answers.

A step goes from one state to the next by an UPDATE whose WHERE names the state it starts from. The end of a step and
the beginning of the next one are one transaction: of two processes that route the same answer, one finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection, and_, cast, delete, exists, insert, select, update
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import BigInteger, Text

from backend.adapters.store.ledger import failure_rows
from backend.adapters.store.ledger.crowd.forms import (
    answer_of,
    answer_values,
    answers_to,
    item_of,
    of_item,
    same_step,
    source_text,
    step_of,
)
from backend.adapters.store.ledger.crowd_tables import crowd_answers, crowd_items, crowd_projects, crowd_steps
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import failures, jobs
from backend.domain.crowd.routing import (
    Answer,
    Item,
    ItemState,
    NextStep,
    Role,
    Route,
    Start,
    Step,
    StepState,
    parse_step_name,
)
from backend.domain.jobs import JobKind
from backend.domain.retries import FailureKind
from backend.domain.tasks import TaskKey

NEVER_S = 1e18
"""The next look of a step without answers to look at."""

_NAME = (
    crowd_steps.c.crowd
    + "/"
    + cast(crowd_steps.c.item_project_id, Text)
    + "/"
    + cast(crowd_steps.c.item_task_id, Text)
    + "/"
    + cast(crowd_steps.c.number, Text)
)
"""Step.name of a row."""


class CrowdStepRows(Rows):
    """The Ledger port's methods on items, steps and answers."""

    def add_items(self, crowd: str, role: Role, tasks: Iterable[TaskKey]) -> int:
        with self._database.write() as connection:
            next_sequence(connection)
            return sum(self._add_item(connection, crowd, role, task) for task in tasks)

    def _add_item(self, connection: Connection, crowd: str, role: Role, task: TaskKey) -> bool:
        of_task = and_(crowd_steps.c.project_id == task.project_id, crowd_steps.c.task_id == task.task_id)
        if connection.scalar(select(crowd_steps.c.number).where(of_task)) is not None:
            return False
        now_s = self._clock.now_s()
        key = {"project_id": task.project_id, "task_id": task.task_id}
        times = {"created_s": now_s, "changed_s": now_s}
        connection.execute(insert(crowd_items).values(**key, crowd=crowd, state=str(ItemState.OPEN), redos=0, **times))
        step = Step(crowd, task, 1, role, task.project_id, task.task_id, StepState.OPEN, wanted_s=now_s, opened_s=now_s)
        connection.execute(insert(crowd_steps).values(_step_values(step)))
        return True

    def item(self, key: TaskKey) -> Item | None:
        with self._database.read() as connection:
            row = connection.execute(select(crowd_items).where(of_item_row(key))).one_or_none()
            return None if row is None else item_of(row)

    def steps_of_item(self, key: TaskKey) -> tuple[Step, ...]:
        return self._steps(of_item(key))

    def open_steps(self, project_id: int) -> tuple[Step, ...]:
        return self._steps(and_(crowd_steps.c.project_id == project_id, _IS_OPEN))

    def step_of_task(self, task: TaskKey) -> Step | None:
        of_task = and_(crowd_steps.c.project_id == task.project_id, crowd_steps.c.task_id == task.task_id)
        return next(iter(self._steps(of_task)), None)

    def step_named(self, project_id: int, name: str) -> Step | None:
        parsed = parse_step_name(name)
        if parsed is None:
            return None
        crowd, item, number = parsed
        in_project = and_(crowd_steps.c.project_id == project_id, crowd_steps.c.crowd == crowd)
        return next(iter(self._steps(and_(of_item(item), crowd_steps.c.number == number, in_project))), None)

    def _steps(self, where: ColumnElement[bool]) -> tuple[Step, ...]:
        with self._database.read() as connection:
            query = select(crowd_steps).where(where).order_by(crowd_steps.c.number)
            return tuple(step_of(row) for row in connection.execute(query))

    def note_answers(self, step: Step, answers: Sequence[Answer]) -> bool:
        with self._database.write() as connection:
            next_sequence(connection)
            state = connection.scalar(select(crowd_steps.c.state).where(same_step(step)))
            ordered = tuple(sorted(answers, key=lambda answer: answer.annotation_id))
            if state == str(StepState.DONE) or _answers(connection, step) == ordered:
                return False
            connection.execute(delete(crowd_answers).where(answers_to(step)))
            key = {"item_project_id": step.item.project_id, "item_task_id": step.item.task_id, "number": step.number}
            for answer in ordered:
                connection.execute(insert(crowd_answers).values(**key, uncounted="", **answer_values(answer)))
            look_s = self._clock.now_s() if ordered else NEVER_S
            connection.execute(update(crowd_steps).where(same_step(step)).values(look_s=look_s, waits=""))
            return True

    def answers_of(self, step: Step) -> tuple[Answer, ...]:
        with self._database.read() as connection:
            return _answers(connection, step)

    def due_steps(self, now_s: float, *, limit: int = 50) -> tuple[Step, ...]:
        is_due = and_(crowd_steps.c.state == str(StepState.OPEN), crowd_steps.c.look_s <= now_s)
        return self._untroubled(is_due, now_s, limit)

    def look_again(self, step: Step, *, at_s: float, waits: str, uncounted: Mapping[int, str]) -> None:
        with self._database.write() as connection:
            values = {"look_s": min(at_s, NEVER_S), "waits": waits}
            is_same = and_(same_step(step), _IS_OPEN, crowd_steps.c.look_s == step.look_s)  # no newer answers came
            if connection.execute(update(crowd_steps).where(is_same).values(values)).rowcount == 1:
                _set_whys(connection, step, uncounted)

    def end_step(
        self, step: Step, route: Route, *, maker: str = "", edited_frames: int = 0, uncounted: Mapping[int, str] = {}
    ) -> bool:
        with self._database.write() as connection:
            now_s = self._clock.now_s()
            ended = {"state": str(StepState.DONE), "done_s": now_s, "waits": "", "look_s": NEVER_S}
            made = {"maker": maker, "edited_frames": edited_frames}
            is_open = and_(same_step(step), _IS_OPEN)
            if connection.execute(update(crowd_steps).where(is_open).values(**ended, **made)).rowcount != 1:
                return False
            _set_whys(connection, step, uncounted)
            failure_rows.take_away(connection, FailureKind.ROUTE, step.name)
            if route.next_step is not None:
                connection.execute(
                    insert(crowd_steps).values(next_step_values(connection, step, route.next_step, now_s))
                )
            redos = crowd_items.c.redos + int(route.is_redo)
            changed = {"state": str(route.state), "redos": redos, "changed_s": now_s}
            connection.execute(update(crowd_items).where(of_item_row(step.item)).values(changed))
            return True

    def wanted_steps(self, now_s: float, *, limit: int = 20) -> tuple[Step, ...]:
        is_free = and_(crowd_steps.c.state == str(StepState.WANTED), crowd_steps.c.claimed_until_s <= now_s)
        return self._untroubled(is_free, now_s, limit)

    def unfilled_steps(self, now_s: float, *, model_version: str, limit: int = 5) -> tuple[Step, ...]:
        has_one = exists().where(
            jobs.c.project_id == crowd_steps.c.project_id,
            jobs.c.task_id == crowd_steps.c.task_id,
            jobs.c.kind == str(JobKind.PROPAGATE),
            jobs.c.model_version == model_version,
        )
        return self._untroubled(and_(_IS_OPEN, crowd_steps.c.start != str(Start.EMPTY), ~has_one), now_s, limit)

    def _untroubled(self, where: ColumnElement[bool], now_s: float, limit: int) -> tuple[Step, ...]:
        """Steps that wait for no next try, those that waited longest first."""
        waits = exists().where(
            failures.c.kind == str(FailureKind.ROUTE),
            failures.c.subject == _NAME,
            failures.c.is_given_up | (failures.c.next_try_s > now_s),
        )
        with self._database.read() as connection:
            query = select(crowd_steps).where(where, ~waits)
            ordered = query.order_by(crowd_steps.c.look_s, crowd_steps.c.wanted_s, *crowd_steps.primary_key.columns)
            return tuple(step_of(row) for row in connection.execute(ordered.limit(limit)))

    def claim_step(self, step: Step, *, until_s: float) -> bool:
        with self._database.write() as connection:
            is_free = and_(same_step(step), _IS_WANTED, crowd_steps.c.claimed_until_s <= self._clock.now_s())
            values = {"claimed_until_s": until_s, "tries": crowd_steps.c.tries + 1}
            return connection.execute(update(crowd_steps).where(is_free).values(values)).rowcount == 1

    def release_step(self, step: Step) -> None:
        with self._database.write() as connection:
            connection.execute(update(crowd_steps).where(same_step(step)).values(claimed_until_s=0.0))

    def set_step_task(self, step: Step, task_id: int) -> int:
        with self._database.write() as connection:
            lacks_one = and_(same_step(step), crowd_steps.c.task_id.is_(None))
            connection.execute(update(crowd_steps).where(lacks_one).values(task_id=cast(task_id, BigInteger)))
            return int(connection.execute(select(crowd_steps.c.task_id).where(same_step(step))).scalar_one() or 0)

    def replace_step_task(self, step: Step, task_id: int) -> bool:
        with self._database.write() as connection:
            is_same = and_(
                same_step(step), crowd_steps.c.state != str(StepState.DONE), crowd_steps.c.task_id == step.task_id
            )
            wanted = {"task_id": cast(task_id, BigInteger), "state": str(StepState.WANTED), "claimed_until_s": 0.0}
            return connection.execute(update(crowd_steps).where(is_same).values(wanted)).rowcount == 1

    def open_step(self, step: Step) -> None:
        with self._database.write() as connection:
            now_s = self._clock.now_s()
            opened = {"state": str(StepState.OPEN), "opened_s": now_s, "claimed_until_s": 0.0}
            connection.execute(update(crowd_steps).where(same_step(step), _IS_WANTED).values(opened))
            failure_rows.take_away(connection, FailureKind.ROUTE, step.name)

    def set_uncounted(self, step: Step, count: int) -> None:
        with self._database.write() as connection:
            connection.execute(update(crowd_steps).where(same_step(step)).values(uncounted=count))


_IS_OPEN = crowd_steps.c.state == str(StepState.OPEN)
_IS_WANTED = crowd_steps.c.state == str(StepState.WANTED)


def of_item_row(key: TaskKey) -> ColumnElement[bool]:
    return and_(crowd_items.c.project_id == key.project_id, crowd_items.c.task_id == key.task_id)


def _answers(connection: Connection, step: Step) -> tuple[Answer, ...]:
    query = select(crowd_answers).where(answers_to(step)).order_by(crowd_answers.c.annotation_id)
    return tuple(answer_of(row) for row in connection.execute(query))


def _set_whys(connection: Connection, step: Step, uncounted: Mapping[int, str]) -> None:
    for annotation_id, why in uncounted.items():
        of_annotation = and_(answers_to(step), crowd_answers.c.annotation_id == annotation_id)
        connection.execute(update(crowd_answers).where(of_annotation).values(uncounted=why))


def next_step_values(connection: Connection, step: Step, following: NextStep, now_s: float) -> dict[str, object]:
    """The values of the step after another one."""
    query = select(crowd_projects.c.project_id).where(
        crowd_projects.c.crowd == step.crowd, crowd_projects.c.role == str(following.role)
    )
    project_id = int(connection.execute(query).scalar_one())
    return _step_values(
        Step(
            step.crowd,
            step.item,
            step.number + 1,
            following.role,
            project_id,
            start=following.start,
            source=following.source,
            note=following.note,
            wanted_s=now_s,
        )
    )


def _step_values(step: Step) -> dict[str, object]:
    return {
        "item_project_id": step.item.project_id,
        "item_task_id": step.item.task_id,
        "number": step.number,
        "crowd": step.crowd,
        "role": str(step.role),
        "project_id": step.project_id,
        "task_id": step.task_id,
        "state": str(step.state),
        "start": str(step.start),
        "source": source_text(step.source),
        "note": step.note,
        "waits": "",
        "maker": "",
        "edited_frames": 0,
        "uncounted": 0,
        "tries": 0,
        "claimed_until_s": 0.0,
        "look_s": NEVER_S,
        "wanted_s": step.wanted_s,
        "opened_s": step.opened_s,
        "done_s": 0.0,
    }
