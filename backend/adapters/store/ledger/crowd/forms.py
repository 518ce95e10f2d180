"""Rows of crowds as values, and the JSON in them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Row, and_
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.crowd_tables import crowd_answers, crowd_steps
from backend.application.ports.crowd_ledger import CrowdRecord
from backend.domain.crowd.routing import (
    Answer,
    Checks,
    Crowd,
    Item,
    ItemState,
    Judgement,
    Limits,
    Role,
    Source,
    Start,
    Step,
    StepState,
)
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict

AnyRow = Row[tuple[object, ...]]


def record_of(row: AnyRow, projects: Mapping[Role, int]) -> CrowdRecord:
    roles = tuple(Role(name) for name in row.roles.split(","))
    made = {role: projects[role] for role in roles if role in projects}
    crowd = Crowd(row.name, made, row.verifiers, row.max_redos, Checks(row.checks))
    return CrowdRecord(crowd, roles, row.label_config, bool(row.is_ready))


def item_of(row: AnyRow) -> Item:
    key = TaskKey(row.project_id, row.task_id)
    return Item(row.crowd, key, ItemState(row.state), row.redos, row.created_s, row.changed_s)


def step_of(row: AnyRow) -> Step:
    return Step(
        row.crowd,
        TaskKey(row.item_project_id, row.item_task_id),
        row.number,
        Role(row.role),
        row.project_id,
        row.task_id,
        StepState(row.state),
        Start(row.start),
        _source_of(row.source),
        row.note,
        row.waits,
        row.maker,
        row.edited_frames,
        row.uncounted,
        row.tries,
        row.wanted_s,
        row.opened_s,
        row.done_s,
        row.look_s,
    )


def answer_of(row: AnyRow) -> Answer:
    objects = {
        ObjectId(name): Judgement(Verdict(verdict), comment)
        for name, (verdict, comment) in json.loads(row.objects).items()
    }
    verdict = Verdict(row.verdict) if row.verdict else None
    limits = Limits(row.limits) if row.limits else None
    return Answer(row.annotation_id, row.user_name, verdict, limits, row.comment, objects, row.updated_at)


def answer_values(answer: Answer) -> dict[str, object]:
    objects = {name: [str(each.verdict), each.comment] for name, each in sorted(answer.objects.items())}
    return {
        "annotation_id": answer.annotation_id,
        "user_name": answer.user,
        "verdict": "" if answer.verdict is None else str(answer.verdict),
        "limits": "" if answer.limits is None else str(answer.limits),
        "comment": answer.comment,
        "objects": json.dumps(objects),
        "updated_at": answer.updated_at,
    }


def source_text(source: Source | None) -> str:
    if source is None:
        return ""
    fields = {
        "task": [source.task.project_id, source.task.task_id],
        "user": source.user,
        "run": source.run,
        "objects": None if source.objects is None else list(source.objects),
    }
    return json.dumps(fields)


def _source_of(text: str) -> Source | None:
    if not text:
        return None
    fields = json.loads(text)
    objects = None if fields["objects"] is None else tuple(map(ObjectId, fields["objects"]))
    return Source(TaskKey(*fields["task"]), fields["user"], fields["run"], objects)


def of_item(key: TaskKey) -> ColumnElement[bool]:
    return and_(crowd_steps.c.item_project_id == key.project_id, crowd_steps.c.item_task_id == key.task_id)


def same_step(step: Step) -> ColumnElement[bool]:
    return and_(of_item(step.item), crowd_steps.c.number == step.number)


def answers_to(step: Step) -> ColumnElement[bool]:
    return and_(
        crowd_answers.c.item_project_id == step.item.project_id,
        crowd_answers.c.item_task_id == step.item.task_id,
        crowd_answers.c.number == step.number,
    )
