"""Rows of verdicts, and counts of prompts by task and user."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from sqlalchemy import Row, and_, case, delete, distinct, func, insert, select
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import prompts, verdicts
from backend.application.ports.player_ledger import PromptCount
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, UserVerdict, Verdict

WHOLE_TASK = ""
"""In place of an object's id, which is never empty."""

# Clicks and run lengths have no quotation marks: these texts are names of fields.
_IS_HUMAN_MASK = and_(
    prompts.c.body.contains('"mask":', autoescape=True),
    ~prompts.c.body.contains('"automatic":', autoescape=True),
)
_ORDER = (verdicts.c.task_id, verdicts.c.object_id)


class PlayerRows(Rows):
    """The Ledger port's methods for the player."""

    def verdicts(self, task: TaskKey, *, user: str) -> tuple[GivenVerdict, ...]:
        with self._database.read() as connection:
            rows = connection.execute(select(verdicts).where(_of_user_task(task, user)).order_by(*_ORDER))
            return tuple(map(verdict_of, rows))

    def project_verdicts(self, project_id: int, *, user: str) -> Mapping[TaskKey, tuple[GivenVerdict, ...]]:
        of_user = and_(verdicts.c.project_id == project_id, verdicts.c.user_name == user)
        found: dict[TaskKey, tuple[GivenVerdict, ...]] = {}
        with self._database.read() as connection:
            for row in connection.execute(select(verdicts).where(of_user).order_by(*_ORDER)):
                task = TaskKey(project_id, row.task_id)
                found[task] = (*found.get(task, ()), verdict_of(row))
        return found

    def everybodys_verdicts(self, project_id: int, *, task: TaskKey | None = None) -> tuple[UserVerdict, ...]:
        query = select(verdicts).where(verdicts.c.project_id == project_id)
        if task is not None:
            query = query.where(verdicts.c.task_id == task.task_id)
        query = query.order_by(verdicts.c.task_id, verdicts.c.user_name, verdicts.c.object_id)
        with self._database.read() as connection:
            return tuple(
                UserVerdict(TaskKey(project_id, row.task_id), row.user_name, verdict_of(row))
                for row in connection.execute(query)
            )

    def set_verdict(self, task: TaskKey, verdict: GivenVerdict, *, user: str) -> None:
        object_id = _stored_id(verdict.object_id)
        with self._database.write() as connection:
            sequence = next_sequence(connection)  # two writers must not both insert
            connection.execute(delete(verdicts).where(_of_user_task(task, user), verdicts.c.object_id == object_id))
            connection.execute(
                insert(verdicts).values(
                    project_id=task.project_id,
                    task_id=task.task_id,
                    user_name=user,
                    object_id=object_id,
                    verdict=str(verdict.verdict),
                    comment=verdict.comment,
                    masks=verdict.masks,
                    sequence=sequence,
                )
            )

    def remove_verdicts(self, task: TaskKey, object_ids: Collection[ObjectId | None], *, user: str) -> int:
        gone = [_stored_id(object_id) for object_id in object_ids]
        with self._database.write() as connection:
            of_objects = and_(_of_user_task(task, user), verdicts.c.object_id.in_(gone))
            return connection.execute(delete(verdicts).where(of_objects)).rowcount

    def prompt_counts(
        self, project_id: int, *, task: TaskKey | None = None, user: str | None = None
    ) -> tuple[PromptCount, ...]:
        of_project = prompts.c.project_id == project_id
        newest = select(func.max(prompts.c.sequence)).where(of_project)
        newest = newest.group_by(prompts.c.task_id, prompts.c.user_name, prompts.c.object_id, prompts.c.frame_index)
        query = (
            select(
                prompts.c.task_id,
                prompts.c.user_name,
                func.count(distinct(prompts.c.object_id)).label("objects"),
                func.count(distinct(case((_IS_HUMAN_MASK, prompts.c.frame_index)))).label("human_frames"),
            )
            # A later click on a frame replaces its mask: the newest row says whether there is one.
            .where(prompts.c.sequence.in_(newest))
            .group_by(prompts.c.task_id, prompts.c.user_name)
            .order_by(prompts.c.task_id, prompts.c.user_name)
        )
        if task is not None:
            query = query.where(prompts.c.task_id == task.task_id)
        if user is not None:
            query = query.where(prompts.c.user_name == user)
        with self._database.read() as connection:
            return tuple(
                PromptCount(TaskKey(project_id, row.task_id), row.user_name, row.objects, row.human_frames)
                for row in connection.execute(query)
            )


def _of_user_task(task: TaskKey, user: str) -> ColumnElement[bool]:
    return and_(
        verdicts.c.project_id == task.project_id,
        verdicts.c.task_id == task.task_id,
        verdicts.c.user_name == user,
    )


def _stored_id(object_id: ObjectId | None) -> str:
    return WHOLE_TASK if object_id is None else str(object_id)


def verdict_of(row: Row[tuple[object, ...]]) -> GivenVerdict:
    object_id = None if row.object_id == WHOLE_TASK else ObjectId(row.object_id)
    return GivenVerdict(object_id, Verdict(row.verdict), row.comment, row.masks)
