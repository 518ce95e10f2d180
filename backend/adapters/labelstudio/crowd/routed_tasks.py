"""The CrowdTasks port on Label Studio's API."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from backend.adapters.labelstudio.api.annotations import AnnotationRecord, Annotations, author_of
from backend.adapters.labelstudio.api.client import changed_query, written_time
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.stored_tasks import stored_task
from backend.adapters.labelstudio.api.task_changes import TaskChanges
from backend.adapters.labelstudio.api.task_creation import TaskImports
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.player_config import player_media
from backend.adapters.labelstudio.written_regions import reference_of
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.change_detection import EPOCH
from backend.application.crowd.routing.ports import (
    FACTS,
    NOTE_FIELD,
    STEP,
    STEP_FIELD,
    FoundTask,
    Submission,
    TaskChange,
)
from backend.domain.crowd.routing import Limits
from backend.domain.errors import NotFound
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import MaskDigests, Verdict

Choice = TypeVar("Choice", Verdict, Limits)
VERDICT, LIMITS, COMMENT = "verdict", "limits", "comment"
"""Names of the controls in label_config/crowd_verify.xml."""


@dataclass(frozen=True, slots=True)
class LabelStudioCrowdTasks:
    """See the port."""

    session: Session

    def changed(self, project_id: int, *, since: str, limit: int) -> tuple[TaskChange, ...]:
        found = self._list(project_id, changed_query(since or EPOCH), limit, include="id,updated_at")
        return tuple(TaskChange(int(task.id), written_time(task.updated_at)) for task in found)

    def after(self, project_id: int, task_id: int, *, limit: int) -> tuple[FoundTask, ...]:
        query = _where({"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": task_id})
        found = self._list(project_id, query, limit, include="id,data")
        return tuple(FoundTask(int(task.id), _step_of(task.data)) for task in found)

    def named(self, project_id: int, step: str) -> tuple[int, ...]:
        name = f"filter:tasks:data.{STEP_FIELD}"
        query = _where({"filter": name, "operator": "equal", "type": "String", "value": step})
        return tuple(int(task.id) for task in self._list(project_id, query, 100, include="id"))

    def _list(self, project_id: int, query: Mapping[str, object], limit: int, *, include: str) -> Sequence[Any]:
        page: Any = self.session.call(
            f"list tasks of project {project_id}",
            lambda sdk: sdk.tasks.list(
                project=project_id,
                query=json.dumps(query),
                page=1,
                page_size=limit,
                fields="task_only",
                include=include,
                resolve_uri=False,
            ),
        )
        return page.items or ()

    def submissions(self, task: TaskKey) -> tuple[Submission, ...]:
        return tuple(map(submission_of, Annotations(self.session).of_task(task)))

    def mask_digests(self, annotation_id: int) -> MaskDigests:
        try:
            result = Annotations(self.session).read(annotation_id).result
        except NotFound:
            return MaskDigests()
        written = [each for item in result if (each := reference_of(item)) is not None]
        of_all = {each.all_masks for each in written}
        return MaskDigests({each.object_id: each.masks for each in written}, of_all.pop() if len(of_all) == 1 else "")

    def data(self, task: TaskKey) -> Mapping[str, object]:
        return self.session.call(f"read task {task.task_id}", lambda sdk: stored_task(sdk, task.task_id)).data

    def create(self, project_id: int, data: Mapping[str, object]) -> int:
        (task_id,) = TaskImports(self.session).create(project_id, [data])
        return task_id

    def remove(self, task: TaskKey) -> None:
        with suppress(NotFound):
            self.session.call(f"remove task {task.task_id}", lambda sdk: sdk.tasks.delete(str(task.task_id)))

    def write_note(self, task: TaskKey, note: str) -> None:
        TaskChanges(self.session).put_fields(task.task_id, {NOTE_FIELD: note})

    def ask_more(self, task: TaskKey, *, people: int) -> None:
        TaskChanges(self.session).keep_open(task.task_id, people=people)

    def user_task(self, task: TaskKey, model_version: str) -> UserTask:
        data = self.data(task)
        project: Any = self.session.call(
            f"read project {task.project_id}", lambda sdk: sdk.projects.get(task.project_id)
        )
        config = with_task_data(str(project.label_config or ""), data)
        return UserTask(task, player_media(data, config, task_id=task.task_id), config, model_version)


def submission_of(annotation: AnnotationRecord) -> Submission:
    """A saved annotation with the verdict, limits and comment of its controls; others' values are left out."""
    given = dict(_values(annotation.result))
    return Submission(
        annotation.annotation_id,
        author_of(annotation),
        annotation.was_cancelled,
        annotation.updated_at,
        _one_of(Verdict, given.get(VERDICT, "")),
        _one_of(Limits, given.get(LIMITS, "")),
        given.get(COMMENT, ""),
    )


def _values(result: Sequence[object]) -> Iterator[tuple[str, str]]:
    """The text of each control: the chosen value, or the sentences with line ends between."""
    for item in result:
        value = item.get("value") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(value, dict):
            continue
        found = value.get("choices") or value.get("text")
        texts = found if isinstance(found, list) else [found]
        yield str(item.get("from_name")), "\n".join(str(text) for text in texts if text)


def _one_of(choices: type[Choice], text: str) -> Choice | None:
    return choices(text) if text in list(choices) else None


def _where(condition: Mapping[str, object]) -> dict[str, object]:
    return {"filters": {"conjunction": "and", "items": [condition]}, "ordering": ["tasks:id"]}


def _step_of(data: object) -> str:
    facts = data.get(FACTS) if isinstance(data, dict) else None
    step = facts.get(STEP) if isinstance(facts, dict) else None
    return step if isinstance(step, str) else ""
