"""Rows of what people said about objects: appended, never edited, so that the order of clicks is kept.

A user task is a task with one user's prompts. A statement that changes nothing is not written again, for Label Studio
sends all of a region's clicks with every new one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection

from sqlalchemy import Connection, Table, and_, bindparam, delete, func, insert, select, update
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger import tables
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.codecs.request_json import dump_prompt, load_prompt
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex


def _of_user_task(table: Table) -> ColumnElement[bool]:
    return and_(*(table.c[name] == bindparam(name) for name in ("project_id", "task_id", "user_name")))


_SAID = (
    select(tables.prompts.c.object_id, tables.prompts.c.frame_index, tables.prompts.c.body)
    .where(_of_user_task(tables.prompts))
    .order_by(tables.prompts.c.sequence)
)
_NAMED = select(tables.labels.c.object_id, tables.labels.c.label).where(_of_user_task(tables.labels))
_SAY = insert(tables.prompts)
_VERSION = select(func.max(tables.prompts.c.sequence), func.count()).where(_of_user_task(tables.prompts))
"""Put together once: for a click they are asked several times, and putting them together costs more than the answer."""


def _load(connection: Connection, task: TaskKey, user: str) -> PromptSet:
    """All prompts of a user task, merged in the order in which they were made."""
    user_task = {"project_id": task.project_id, "task_id": task.task_id, "user_name": user}
    prompts = [load_prompt(row.object_id, row.frame_index, row.body) for row in connection.execute(_SAID, user_task)]
    named = connection.execute(_NAMED, user_task)
    return PromptSet.of(prompts, {ObjectId(row.object_id): row.label for row in named})


def record(connection: Connection, task: TaskKey, prompts: PromptSet, user: str) -> PromptSet:
    """Append what is new and return the user task's prompts, merged."""
    next_sequence(connection)  # before reading: two writers must not both miss what the other one adds
    known = _load(connection, task, user)
    current = {(prompt.object_id, prompt.frame_index): prompt for prompt in known}
    for prompt in prompts:
        key = (prompt.object_id, prompt.frame_index)
        merged = current[key].merged_with(prompt) if key in current else prompt
        if key not in current or _says(merged) != _says(current[key]):
            _append(connection, task, prompt, user)
        current[key] = merged
    combined = PromptSet.of([*known, *prompts], {**known.labels, **prompts.labels})
    _keep_labels(connection, task, combined, user, known=known)
    return combined


class PromptRows(Rows):
    """The Ledger port's methods on prompts."""

    def record_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> PromptSet:
        with self._database.write() as connection:
            return record(connection, task, prompts, user)

    def prompts(self, task: TaskKey, *, user: str = "") -> PromptSet:
        with self._database.read() as connection:
            return _load(connection, task, user)

    def prompts_version(self, task: TaskKey, *, user: str = "") -> str:
        user_task = {"project_id": task.project_id, "task_id": task.task_id, "user_name": user}
        with self._database.read() as connection:
            newest, count = connection.execute(_VERSION, user_task).one()
            named = sorted((row.object_id, row.label) for row in connection.execute(_NAMED, user_task))
        return json.dumps([newest, count, named])

    def claim_prompts(
        self, task: TaskKey, *, user: str, keys: Collection[tuple[ObjectId, FrameIndex | None]] | None
    ) -> None:
        with self._database.write() as connection:
            next_sequence(connection)
            unnamed = _where_user_task(tables.prompts, task, "")
            rows = connection.execute(
                select(tables.prompts.c.sequence, tables.prompts.c.object_id, tables.prompts.c.frame_index).where(
                    unnamed
                )
            ).all()
            wanted = None if keys is None else set(keys)
            claimed = [
                row
                for row in rows
                if wanted is None or {(row.object_id, row.frame_index), (row.object_id, None)} & wanted
            ]
            before, unsaid = _load(connection, task, user), _load(connection, task, "")
            for row in claimed:
                connection.execute(
                    update(tables.prompts).where(tables.prompts.c.sequence == row.sequence).values(user_name=user)
                )
            objects = {ObjectId(row.object_id) for row in claimed} - set(before.object_ids)
            labels = {object_id: label for object_id, label in unsaid.labels.items() if object_id in objects}
            _keep_labels(connection, task, PromptSet((), labels), user, known=before)

    def replace_prompts(self, task: TaskKey, prompts: PromptSet, *, user: str = "") -> None:
        with self._database.write() as connection:
            next_sequence(connection)
            connection.execute(delete(tables.prompts).where(_where_user_task(tables.prompts, task, user)))
            connection.execute(delete(tables.labels).where(_where_user_task(tables.labels, task, user)))
            for prompt in prompts:
                _append(connection, task, prompt, user)
            _keep_labels(connection, task, PromptSet.of(prompts, prompts.labels), user, known=PromptSet(()))

    def withdraw_prompts(self, task: TaskKey, *, from_frame: int) -> int:
        table = tables.prompts
        with self._database.write() as connection:
            next_sequence(connection)
            of_task = and_(table.c.project_id == task.project_id, table.c.task_id == task.task_id)
            return connection.execute(delete(table).where(of_task, table.c.frame_index >= from_frame)).rowcount

    def edit_prompts(self, task: TaskKey, edit: Callable[[PromptSet], PromptSet], *, user: str = "") -> PromptSet:
        with self._database.write() as connection:
            next_sequence(connection)  # before reading: two edits must not both start from the same prompts
            known = _load(connection, task, user)
            wanted = edit(known)
            before = {(prompt.object_id, prompt.frame_index): _says(prompt) for prompt in known}
            after = {(prompt.object_id, prompt.frame_index): _says(prompt) for prompt in wanted}
            for object_id, frame_index in (key for key, said in before.items() if after.get(key) != said):
                of_frame = and_(
                    _where_user_task(tables.prompts, task, user),
                    tables.prompts.c.object_id == str(object_id),
                    tables.prompts.c.frame_index == int(frame_index),
                )
                connection.execute(delete(tables.prompts).where(of_frame))
            for prompt in wanted:
                if before.get((prompt.object_id, prompt.frame_index)) != _says(prompt):
                    _append(connection, task, prompt, user)
            for object_id in set(known.object_ids) - set(wanted.object_ids):
                of_object = and_(
                    _where_user_task(tables.labels, task, user), tables.labels.c.object_id == str(object_id)
                )
                connection.execute(delete(tables.labels).where(of_object))
            _keep_labels(connection, task, wanted, user, known=known)
            return wanted


def _append(connection: Connection, task: TaskKey, prompt: FramePrompt, user: str) -> None:
    row = {
        "sequence": next_sequence(connection),
        "project_id": task.project_id,
        "task_id": task.task_id,
        "user_name": user,
        "object_id": str(prompt.object_id),
        "frame_index": int(prompt.frame_index),
        "body": dump_prompt(prompt),
    }
    connection.execute(_SAY, row)


def _keep_labels(connection: Connection, task: TaskKey, prompts: PromptSet, user: str, *, known: PromptSet) -> None:
    for object_id, label in prompts.labels.items():
        if known.labels.get(object_id) == label:
            continue
        of_object = and_(_where_user_task(tables.labels, task, user), tables.labels.c.object_id == str(object_id))
        connection.execute(delete(tables.labels).where(of_object))
        connection.execute(
            insert(tables.labels).values(
                project_id=task.project_id,
                task_id=task.task_id,
                user_name=user,
                object_id=str(object_id),
                label=label,
            )
        )


def _says(prompt: FramePrompt) -> str:
    return PromptSet((prompt,)).digest()


def _where_user_task(table: Table, task: TaskKey, user: str) -> ColumnElement[bool]:
    return and_(
        table.c.project_id == task.project_id,
        table.c.task_id == task.task_id,
        table.c.user_name == user,
    )
