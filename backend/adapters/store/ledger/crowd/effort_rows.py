"""Rows of active time, and the clicks that the rows of prompts tell."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Row, and_, case, delete, func, insert, literal, select, update

from backend.adapters.store.ledger.crowd_tables import effort, effort_beats
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import prompts
from backend.application.ports.effort import ActiveTime, PromptEffort
from backend.domain.crowd.effort import active_s
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey

NO_OBJECT = ""
"""In place of an object's id, which is never empty."""

_MASK = '"mask":'
_AUTOMATIC = '"automatic":'
# Clicks and run lengths have no quotation marks: these texts are names of fields.
_HAS_MASK = prompts.c.body.contains(_MASK, autoescape=True)
_BODY = case((_HAS_MASK, literal(_MASK)), else_=prompts.c.body)
"""A prompt's content; of a mask prompt only its field's name: run lengths are large, and nothing here needs them."""


class EffortRows(Rows):
    """The Ledger port's methods on effort."""

    def record_beat(self, task: TaskKey, object_id: ObjectId | None, *, user: str) -> float:
        now_s = self._clock.now_s()
        with self._database.write(durable=False) as connection:
            next_sequence(connection)  # of two beats of a person, one counts the time between
            before_s = connection.scalar(select(effort_beats.c.beat_s).where(effort_beats.c.user_name == user))
            seconds = active_s(before_s, now_s)
            if before_s is None:
                connection.execute(insert(effort_beats).values(user_name=user, beat_s=now_s))
            elif now_s > before_s:
                of_user = effort_beats.c.user_name == user
                connection.execute(update(effort_beats).where(of_user).values(beat_s=now_s))
            key = {
                "project_id": task.project_id,
                "task_id": task.task_id,
                "user_name": user,
                "object_id": object_id or NO_OBJECT,
            }
            same = and_(*(effort.c[name] == value for name, value in key.items()))
            added = update(effort).where(same).values(seconds=effort.c.seconds + seconds)
            if seconds and not connection.execute(added).rowcount:
                connection.execute(insert(effort).values(seconds=seconds, **key))
            return seconds

    def active_times(self, project_id: int) -> tuple[ActiveTime, ...]:
        query = select(effort).where(effort.c.project_id == project_id)
        with self._database.read() as connection:
            rows = connection.execute(query.order_by(effort.c.task_id, effort.c.user_name, effort.c.object_id)).all()
            return tuple(
                ActiveTime(
                    TaskKey(project_id, row.task_id),
                    row.user_name,
                    None if row.object_id == NO_OBJECT else ObjectId(row.object_id),
                    row.seconds,
                )
                for row in rows
            )

    def prompt_efforts(self, project_id: int) -> tuple[PromptEffort, ...]:
        columns = (prompts.c.task_id, prompts.c.user_name, prompts.c.object_id, prompts.c.frame_index)
        has_automatic = prompts.c.body.contains(_AUTOMATIC, autoescape=True)
        query = (
            select(*columns, _BODY.label("body"), has_automatic.label("is_automatic"))
            .where(prompts.c.project_id == project_id)
            .order_by(*columns, prompts.c.sequence)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).all()
            return tuple(
                _effort_of(TaskKey(project_id, task_id), user, object_id, of_object)
                for (task_id, user, object_id), of_object in groupby(rows, key=lambda row: tuple(row[:3]))
            )

    def forget_effort(self, project_id: int, *, user: str) -> float:
        of_user = and_(effort.c.project_id == project_id, effort.c.user_name == user)
        with self._database.write() as connection:
            next_sequence(connection)
            seconds = connection.scalar(select(func.coalesce(func.sum(effort.c.seconds), 0.0)).where(of_user))
            connection.execute(delete(effort).where(of_user))
            if connection.scalar(select(func.count()).where(effort.c.user_name == user)) == 0:
                connection.execute(delete(effort_beats).where(effort_beats.c.user_name == user))
            return float(seconds or 0.0)


@dataclass(slots=True)
class _Frame:
    """A person's prompts for an object on a frame, merged as FramePrompt.merged_with does."""

    clicks: int = 0
    has_mask: bool = False
    is_automatic: bool = False


def _effort_of(task: TaskKey, user: str, object_id: str, rows: Iterable[Row[tuple[object, ...]]]) -> PromptEffort:
    frames = list(_frames(rows))
    made = [frame for frame in frames if not frame.is_automatic]
    return PromptEffort(
        task,
        user,
        ObjectId(object_id),
        clicks=sum(frame.clicks for frame in made),
        clicked_frames=sum(frame.clicks > 0 for frame in made),
        mask_frames=sum(frame.has_mask for frame in made),
        automatic_frames=len(frames) - len(made),
    )


def _frames(rows: Iterable[Row[tuple[object, ...]]]) -> Iterator[_Frame]:
    for _, of_frame in groupby(rows, key=lambda row: row.frame_index):
        listed = [(str(row.body), bool(row.is_automatic)) for row in of_frame]
        after = [position for position, (body, _) in enumerate(listed) if body == _MASK]
        since_mask = listed[after[-1] :] if after else listed
        if len(since_mask) == 1:
            body, is_automatic = since_mask[0]
            yield _Frame(_clicks_in(body), body == _MASK, is_automatic)
            continue
        yield _merged(since_mask)


def _clicks_in(body: str) -> int:
    """The count of points, and of a box, in a prompt's content. Reading it as JSON takes ten times as long."""
    return body.count("true") + body.count("false") + ('"box":' in body)


def _merged(listed: list[tuple[str, bool]]) -> _Frame:
    """Points are united, a later box replaces: a region's clicks come again with each new one."""
    points: set[tuple[float, ...]] = set()
    has_box = False
    for body, _ in listed:
        if body == _MASK:
            continue
        content = json.loads(body)
        points.update(map(tuple, content["points"]))
        has_box = has_box or "box" in content
    return _Frame(len(points) + has_box, False, all(is_automatic for _, is_automatic in listed))
