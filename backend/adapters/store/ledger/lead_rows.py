"""A project's rows in one read, summaries of runs, and ordered propagations."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, and_, case, delete, distinct, func, insert, select, union, update
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.job_queries import IS_SESSION, OPEN, WITHOUT_REQUEST, job_of
from backend.adapters.store.ledger.player_rows import verdict_of
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import jobs, labels, orders, prompts, run_summaries, verdicts
from backend.application.ports.lead_ledger import (
    ObjectSummary,
    Order,
    OrderState,
    PlacedVerdict,
    ProjectRows,
    RunSummary,
    UserJob,
    UserObject,
    UserPrompts,
)
from backend.domain.jobs import JobKind, JobState
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import UserVerdict

_IS_PROPAGATION = and_(jobs.c.kind == str(JobKind.PROPAGATE), ~IS_SESSION)


class LeadRows(Rows):
    """The Ledger port's methods for the lead's page."""

    def known_projects(self) -> tuple[int, ...]:
        with self._database.read() as connection:
            known = union(*(select(table.c.project_id).distinct() for table in (prompts, jobs)))
            return tuple(sorted(connection.scalars(known)))

    def project_rows(self, project_id: int) -> ProjectRows:
        with self._database.read() as connection:
            return ProjectRows(
                _prompts(connection, project_id),
                _objects(connection, project_id),
                _jobs(connection, project_id),
                _summaries(connection, project_id),
                _verdicts(connection, project_id),
            )

    def put_summary(self, summary: RunSummary) -> None:
        key = _key(summary.task, summary.user)
        body = asdict(summary)
        for name in ("task", "user", "masks_run"):
            del body[name]
        with self._database.write(durable=False) as connection:
            next_sequence(connection)  # two writers must not both insert
            connection.execute(delete(run_summaries).where(*_same(run_summaries, key)))
            connection.execute(insert(run_summaries).values(masks_run=summary.masks_run, body=json.dumps(body), **key))

    def run_summary(self, task: TaskKey, masks_run: str) -> RunSummary | None:
        of_run = (
            run_summaries.c.project_id == task.project_id,
            run_summaries.c.task_id == task.task_id,
            run_summaries.c.masks_run == masks_run,
        )
        with self._database.read() as connection:
            row = connection.execute(select(run_summaries).where(*of_run)).first()
            return None if row is None else _summary(row)

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


def _prompts(connection: Connection, project_id: int) -> tuple[UserPrompts, ...]:
    query = (
        select(
            prompts.c.task_id,
            prompts.c.user_name,
            func.count(distinct(prompts.c.object_id)).label("objects"),
            func.max(prompts.c.sequence).label("newest"),
        )
        .where(prompts.c.project_id == project_id)
        .group_by(prompts.c.task_id, prompts.c.user_name)
    )
    return tuple(
        UserPrompts(TaskKey(project_id, row.task_id), row.user_name, row.objects, row.newest)
        for row in connection.execute(query)
    )


def _objects(connection: Connection, project_id: int) -> tuple[UserObject, ...]:
    query = select(labels).where(labels.c.project_id == project_id)
    return tuple(
        UserObject(TaskKey(project_id, row.task_id), row.user_name, ObjectId(row.object_id), row.label)
        for row in connection.execute(query)
    )


def _jobs(connection: Connection, project_id: int) -> tuple[UserJob, ...]:
    """The newest propagation of each task and user, with the masks of the newest finished one."""
    newest = (
        select(
            func.max(jobs.c.sequence).label("newest"),
            func.max(case((jobs.c.state == str(JobState.DONE), jobs.c.sequence))).label("newest_done"),
        )
        .where(jobs.c.project_id == project_id, _IS_PROPAGATION)
        .group_by(jobs.c.task_id, jobs.c.user_name)
        .subquery()
    )
    done = jobs.alias()
    query = (
        select(*_columns(*WITHOUT_REQUEST, jobs.c.sequence, func.coalesce(done.c.masks_run, "").label("done_run")))
        .join(newest, jobs.c.sequence == newest.c.newest)
        .outerjoin(done, done.c.sequence == newest.c.newest_done)
        .order_by(jobs.c.task_id, jobs.c.user_name)
    )
    return tuple(UserJob(job_of(row), row.sequence, row.done_run) for row in connection.execute(query))


def _summaries(connection: Connection, project_id: int) -> tuple[RunSummary, ...]:
    query = select(run_summaries).where(run_summaries.c.project_id == project_id)
    return tuple(map(_summary, connection.execute(query)))


def _summary(row: Row[tuple[object, ...]]) -> RunSummary:
    body = json.loads(row.body)
    objects = tuple(ObjectSummary(**{**each, "object_id": ObjectId(each["object_id"])}) for each in body.pop("objects"))
    return RunSummary(TaskKey(row.project_id, row.task_id), row.user_name, row.masks_run, objects=objects, **body)


def _verdicts(connection: Connection, project_id: int) -> tuple[PlacedVerdict, ...]:
    query = select(verdicts).where(verdicts.c.project_id == project_id)
    query = query.order_by(verdicts.c.task_id, verdicts.c.user_name, verdicts.c.object_id)
    return tuple(
        PlacedVerdict(UserVerdict(TaskKey(project_id, row.task_id), row.user_name, verdict_of(row)), row.sequence)
        for row in connection.execute(query)
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
