"""A project's rows in one read, summaries of runs, and ordered propagations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, delete, distinct, func, insert, select, union, update
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.crowd_tables import orders, run_summaries
from backend.adapters.store.ledger.database import Database, next_sequence
from backend.adapters.store.ledger.job_queries import IS_SESSION, OPEN
from backend.adapters.store.ledger.player_rows import verdict_of
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import jobs, labels, prompts, verdicts
from backend.adapters.store.ledger.unwritten import PROJECTS_KEPT, UntilWritten
from backend.application.ports.clock import Clock
from backend.application.ports.lead_ledger import (
    LabelledObjects,
    ObjectSummary,
    Order,
    OrderState,
    PlacedVerdict,
    ProjectRows,
    RunFigures,
    RunSummary,
    UserJob,
    UserObject,
    UserPrompts,
)
from backend.domain.jobs import JobKind, JobState
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import UserVerdict

_JOB = (jobs.c.task_id, jobs.c.user_name, jobs.c.state, jobs.c.reason, jobs.c.done, jobs.c.total, jobs.c.sequence)
"""In the order of UserJob. Rows are read by position: there are thousands, and names cost more than the rest."""

_FIGURES = [column for column in run_summaries.c if column.name != "objects"]
"""In the order of RunFigures, after the project."""

_IS_PROPAGATION = and_(jobs.c.kind == str(JobKind.PROPAGATE), ~IS_SESSION)


class LeadRows(Rows):
    """The Ledger port's methods for the lead's page."""

    def __init__(self, database: Database, clock: Clock) -> None:
        super().__init__(database, clock)
        self._projects: UntilWritten[int, ProjectRows] = UntilWritten(database, PROJECTS_KEPT)

    def known_projects(self) -> tuple[int, ...]:
        with self._database.read() as connection:
            known = union(*(select(table.c.project_id).distinct() for table in (prompts, jobs)))
            return tuple(sorted(connection.scalars(known)))

    def project_rows(self, project_id: int) -> ProjectRows:
        return self._projects.get(project_id, lambda: self._project_rows(project_id))

    def _project_rows(self, project_id: int) -> ProjectRows:
        with self._database.read() as connection:
            tasks = _Tasks(project_id)
            return ProjectRows(
                _prompts(connection, tasks),
                _labels(connection, tasks),
                _jobs(connection, tasks),
                _figures(connection, tasks),
                _verdicts(connection, project_id),
            )

    def objects(self, project_id: int) -> tuple[UserObject, ...]:
        query = select(labels).where(labels.c.project_id == project_id)
        with self._database.read() as connection:
            return tuple(
                UserObject(TaskKey(project_id, row.task_id), row.user_name, ObjectId(row.object_id), row.label)
                for row in connection.execute(query).all()
            )

    def summaries(self, project_id: int) -> tuple[RunSummary, ...]:
        query = select(run_summaries).where(run_summaries.c.project_id == project_id)
        with self._database.read() as connection:
            return tuple(
                RunSummary(_figures_of(row), tuple(_object(each) for each in json.loads(row.objects)))
                for row in connection.execute(query).all()
            )

    def put_summary(self, summary: RunSummary) -> None:
        figures = summary.figures
        key = _key(figures.task, figures.user)
        objects = json.dumps([asdict(each) for each in summary.objects])
        with self._database.write(durable=False) as connection:
            next_sequence(connection)  # two writers must not both insert
            connection.execute(delete(run_summaries).where(*_same(run_summaries, key)))
            connection.execute(
                insert(run_summaries).values(
                    masks_run=figures.masks_run,
                    frame_count=figures.frame_count,
                    uncertainty=figures.uncertainty,
                    worst_frame=figures.worst_frame,
                    objects=objects,
                    **key,
                )
            )

    def run_figures(self, task: TaskKey, masks_run: str) -> RunFigures | None:
        of_run = (
            run_summaries.c.project_id == task.project_id,
            run_summaries.c.task_id == task.task_id,
            run_summaries.c.masks_run == masks_run,
        )
        with self._database.read() as connection:
            row = connection.execute(select(*_FIGURES).where(*of_run)).first()
            return None if row is None else _figures_of(row)

    def place_orders(self, project_id: int, wanted: Sequence[tuple[TaskKey, str]]) -> int:
        with self._database.write() as connection:
            next_sequence(connection)
            of_project = orders.c.project_id == project_id
            open_jobs = select(jobs.c.job_id).where(jobs.c.state.in_(OPEN))
            is_open = (orders.c.state == str(OrderState.PENDING)) | orders.c.job_id.in_(open_jobs)
            connection.execute(delete(orders).where(of_project, ~is_open))
            known = {
                (row.task_id, row.user_name)
                for row in connection.execute(select(orders.c.task_id, orders.c.user_name).where(of_project))
            }
            new = [each for each in dict.fromkeys(wanted) if (each[0].task_id, each[1]) not in known]
            for task, user in new:
                place = {"state": str(OrderState.PENDING), "sequence": next_sequence(connection)}
                connection.execute(insert(orders).values(job_id="", reason="", **place, **_key(task, user)))
            return len(new)

    def orders(self, project_id: int) -> tuple[Order, ...]:
        with self._database.read() as connection:
            found = _orders().where(orders.c.project_id == project_id)
            rows = connection.execute(found.order_by(orders.c.task_id, orders.c.user_name))
            return tuple(map(_order, rows))

    def pending_orders(self, *, limit: int) -> tuple[Order, ...]:
        with self._database.read() as connection:
            found = _orders().where(orders.c.state == str(OrderState.PENDING))
            return tuple(map(_order, connection.execute(found.order_by(orders.c.sequence).limit(limit))))

    def settle_order(self, order: Order, *, job_id: str, reason: str = "") -> bool:
        state = OrderState.REFUSED if reason else OrderState.SUBMITTED
        with self._database.write() as connection:
            pending = (*_same(orders, _key(order.task, order.user)), orders.c.state == str(OrderState.PENDING))
            settled = update(orders).where(*pending).values(state=str(state), job_id=job_id, reason=reason)
            return bool(connection.execute(settled).rowcount)

    def cancel_orders(self, project_id: int) -> tuple[Order, ...]:
        with self._database.write() as connection:
            of_project = orders.c.project_id == project_id
            pending = and_(of_project, orders.c.state == str(OrderState.PENDING))
            connection.execute(update(orders).where(pending).values(state=str(OrderState.CANCELLED)))
            submitted = _orders().where(of_project, orders.c.state == str(OrderState.SUBMITTED))
            return tuple(map(_order, connection.execute(submitted)))


class _Tasks(dict[int, TaskKey]):
    """The keys of a project's tasks by number: one of each."""

    def __init__(self, project_id: int) -> None:
        super().__init__()
        self.project_id = project_id

    def __missing__(self, task_id: int) -> TaskKey:
        key = self[task_id] = TaskKey(self.project_id, task_id)
        return key


def _prompts(connection: Connection, tasks: _Tasks) -> tuple[UserPrompts, ...]:
    """Reads the index of the prompts alone; every object of a person has a label."""
    user_task = (labels.c.task_id, labels.c.user_name)
    of_project = select(*user_task, func.count()).where(labels.c.project_id == tasks.project_id)
    counts = {
        (task_id, user): count for task_id, user, count in connection.execute(of_project.group_by(*user_task)).all()
    }
    newest = (
        select(prompts.c.task_id, prompts.c.user_name, func.max(prompts.c.sequence))
        .where(prompts.c.project_id == tasks.project_id)
        .group_by(prompts.c.task_id, prompts.c.user_name)
    )
    return tuple(
        UserPrompts(tasks[task_id], user, counts.get((task_id, user), 0), sequence)
        for task_id, user, sequence in connection.execute(newest).all()
    )


def _labels(connection: Connection, tasks: _Tasks) -> tuple[LabelledObjects, ...]:
    query = (
        select(labels.c.task_id, labels.c.label, func.count(distinct(labels.c.object_id)).label("objects"))
        .where(labels.c.project_id == tasks.project_id)
        .group_by(labels.c.task_id, labels.c.label)
    )
    return tuple(
        LabelledObjects(tasks[task_id], label, objects) for task_id, label, objects in connection.execute(query).all()
    )


def _jobs(connection: Connection, tasks: _Tasks) -> tuple[UserJob, ...]:
    """The newest propagation of each task and user, with the masks of the newest finished one."""
    query = (
        select(*_columns(*_JOB, jobs.c.masks_run))
        .where(jobs.c.project_id == tasks.project_id, _IS_PROPAGATION)
        .order_by(jobs.c.task_id, jobs.c.sequence)
    )
    newest: dict[tuple[int, str], Sequence[Any]] = {}
    masks: dict[tuple[int, str], str] = {}
    for row in connection.execute(query).all():
        task_id, user, state, *_, masks_run = row
        newest[task_id, user] = row
        if state == JobState.DONE:
            masks[task_id, user] = masks_run
    states = {str(state): state for state in JobState}
    return tuple(
        UserJob(tasks[task_id], user, states[state], reason, done, total, sequence, masks.get((task_id, user), ""))
        for task_id, user, state, reason, done, total, sequence, _ in newest.values()
    )


def _figures(connection: Connection, tasks: _Tasks) -> tuple[RunFigures, ...]:
    query = select(*_FIGURES).where(run_summaries.c.project_id == tasks.project_id)
    return tuple(RunFigures(tasks[task_id], *rest) for _, task_id, *rest in connection.execute(query).all())


def _figures_of(row: Row[tuple[object, ...]]) -> RunFigures:
    task = TaskKey(row.project_id, row.task_id)
    return RunFigures(task, row.user_name, row.masks_run, row.frame_count, row.uncertainty, row.worst_frame)


def _object(fields: dict[str, Any]) -> ObjectSummary:
    return ObjectSummary(**{**fields, "object_id": ObjectId(fields["object_id"])})


def _verdicts(connection: Connection, project_id: int) -> tuple[PlacedVerdict, ...]:
    query = select(verdicts).where(verdicts.c.project_id == project_id)
    query = query.order_by(verdicts.c.task_id, verdicts.c.user_name, verdicts.c.object_id)
    return tuple(
        PlacedVerdict(UserVerdict(TaskKey(project_id, row.task_id), row.user_name, verdict_of(row)), row.sequence)
        for row in connection.execute(query).all()
    )


def _orders() -> Select[tuple[object, ...]]:
    """Orders with their jobs."""
    of_job = (jobs.c.state.label("job_state"), jobs.c.done, jobs.c.total, jobs.c.reason.label("job_reason"))
    return select(*_columns(*orders.c, *of_job)).select_from(orders.outerjoin(jobs, jobs.c.job_id == orders.c.job_id))


def _order(row: Row[tuple[object, ...]]) -> Order:
    job_state = None if row.job_state is None else JobState(row.job_state)
    return Order(
        TaskKey(row.project_id, row.task_id),
        row.user_name,
        OrderState(row.state),
        row.job_id,
        job_state,
        row.done or 0,
        row.total or 0,
        row.reason or (row.job_reason or "" if job_state is JobState.FAILED else ""),
    )


def _key(task: TaskKey, user: str) -> dict[str, object]:
    return {"project_id": task.project_id, "task_id": task.task_id, "user_name": user}


def _same(table: Table, key: Mapping[str, object]) -> tuple[ColumnElement[bool], ...]:
    return tuple(table.c[name] == value for name, value in key.items())


def _columns(*columns: ColumnElement[Any]) -> list[ColumnElement[Any]]:
    """As a list: `select` has overloads for counts of columns, whose rows are of no one type."""
    return list(columns)
