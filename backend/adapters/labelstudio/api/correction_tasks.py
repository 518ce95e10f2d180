"""The CorrectionProject port on Label Studio's API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.adapters.labelstudio.api.predictions import Predictions
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.task_changes import TaskChanges
from backend.adapters.labelstudio.api.task_creation import TaskImports
from backend.domain.tasks import TaskKey

SAMPLING = "Uncertainty sampling"
"""Label Studio's page calls this an Enterprise feature; the open-source API accepts and applies it."""


@dataclass(frozen=True, slots=True)
class CorrectionTasks:
    """Creates correction tasks and describes their source tasks."""

    session: Session

    def tasks(self, project_id: int) -> Mapping[int, Mapping[str, object]]:
        """Data of the project's tasks, by id."""
        return TaskImports(self.session).all(project_id)

    def create(self, project_id: int, data: Mapping[str, object]) -> int:
        """Creates a task; returns its id."""
        (task_id,) = TaskImports(self.session).create(project_id, [data])
        return task_id

    def predict(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float, cluster: int
    ) -> None:
        """Creates or updates the task's prediction, with its cluster. score: 0..1."""
        made = Predictions(self.session).put(task, model_version=model_version, result=result, score=score)
        self.session.call(
            f"set the cluster of prediction {made}", lambda sdk: sdk.predictions.update(made, cluster=cluster)
        )

    def describe(self, task: TaskKey, columns: Mapping[str, str]) -> None:
        """Writes columns into a task's data; keeps the other fields."""
        TaskChanges(self.session).put_fields(task.task_id, columns)

    def serve_worst_first(self, project_id: int, model_version: str) -> None:
        """Sets uncertainty sampling and the project's model version: sampling uses predictions of that version only."""
        self.session.call(
            f"let project {project_id} serve the most uncertain first",
            lambda sdk: sdk.projects.update(project_id, sampling=SAMPLING, model_version=model_version),
        )
