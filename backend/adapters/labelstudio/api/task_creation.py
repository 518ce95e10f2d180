"""Tasks of imports: the existing ones, and creating more in one call.

A create request is never repeated here: it may have been executed although its response was lost. Callers check
`known` first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.task_changes import TaskChanges
from backend.domain.errors import LabelStudioRefused

TASKS_A_PAGE = 200
NAME = "masklet"
"""The field of a task's data that names its source; its `key` identifies a task of an import."""


@dataclass(frozen=True, slots=True)
class StoredPrediction:
    """A prediction of a task, of any model. score: the model's own, within 0..1; 0.0 if it gave none."""

    model_version: str
    result: list[object]
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskImports:
    """The ProjectTasks port on Label Studio's API."""

    session: Session

    def known(self, project_id: int) -> dict[str, int]:
        """Ids of a project's tasks made by imports, by key; the oldest task of a repeated key."""
        found: dict[str, int] = {}
        for task_id, data in sorted(self.all(project_id).items()):
            facts = data.get(NAME)
            key = facts.get("key") if isinstance(facts, dict) else None
            if isinstance(key, str):
                found.setdefault(key, task_id)
        return found

    def all(self, project_id: int) -> dict[int, Mapping[str, object]]:
        """Data of all tasks of a project, as stored, by id."""
        return self.session.call(f"list the tasks of project {project_id}", lambda sdk: _listed(sdk, project_id))

    def create(self, project_id: int, tasks: Sequence[Mapping[str, object]]) -> list[int]:
        """Creates tasks in one call; returns their ids in order. tasks: their data.

        Raises LabelStudioUnavailable (they may exist all the same) or LabelStudioRefused.
        """
        bodies = [{"data": dict(data)} for data in tasks]
        answer: Any = self.session.call(
            f"import {len(bodies)} tasks into project {project_id}",
            lambda sdk: sdk.projects.import_tasks(project_id, request=bodies, return_task_ids=True),
        )
        ids = [int(number) for number in answer.task_ids or []]
        if len(ids) != len(bodies):
            raise LabelStudioRefused(
                f"Label Studio took the import of {len(bodies)} tasks into project {project_id} but named {len(ids)}"
            )
        return ids

    def replace_data(self, task_id: int, data: Mapping[str, object]) -> None:
        """Replaces a task's data."""
        TaskChanges(self.session).replace_data(task_id, data)

    def predictions(self, task_id: int) -> list[StoredPrediction]:
        """A task's predictions, oldest first."""
        listed: Any = self.session.call(
            f"read the predictions of task {task_id}", lambda sdk: sdk.predictions.list(task=task_id)
        )
        return [
            StoredPrediction(str(p.model_version or ""), list(p.result or []), _score_of(p.score))
            for p in sorted(listed, key=lambda p: int(p.id))
        ]

    def ensure_local_files(self, project_id: int, folder: Path) -> None:
        """Gives the project the files of a folder under Label Studio's root of local files."""
        what = f"give project {project_id} the local files in {folder}"
        listed: Any = self.session.call(what, lambda sdk: sdk.import_storage.local.list(project=project_id))
        if all(storage.path != str(folder) for storage in listed):
            self.session.call(
                what,
                lambda sdk: sdk.import_storage.local.create(
                    project=project_id, path=str(folder), title=folder.name, use_blob_urls=True
                ),
            )


def _listed(sdk: Any, project_id: int) -> dict[int, Mapping[str, object]]:  # noqa: ANN401 - the SDK's client
    pages = sdk.tasks.list(
        project=project_id, page_size=TASKS_A_PAGE, fields="task_only", include="id,data", resolve_uri=False
    )
    return {int(task.id): dict(task.data or {}) for task in pages}


def _score_of(score: float | None) -> float:
    return min(max(float(score), 0.0), 1.0) if score is not None and math.isfinite(score) else 0.0
