"""The GoldProject port on Label Studio's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from backend.adapters.labelstudio.api.predictions import Predictions
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.task_creation import TASKS_A_PAGE, TaskImports
from backend.application.crowd.quality.gold_tasks import CopiedPrediction
from backend.domain.tasks import TaskKey

IN_ORDER, AT_RANDOM = "Sequential sampling", "Uniform sampling"


@dataclass(frozen=True, slots=True)
class LabelStudioGold:
    """A GoldProject."""

    session: Session

    def tasks(self, project_id: int) -> Mapping[int, Mapping[str, object]]:
        """The data of a project's tasks, as stored, by id."""
        return TaskImports(self.session).all(project_id)

    def open_tasks(self, project_id: int) -> frozenset[int]:
        """The tasks without an annotation, cancelled ones included."""
        what = f"list the tasks of project {project_id}"
        return self.session.call(what, lambda sdk: frozenset(_open(sdk, project_id)))

    def create(self, project_id: int, data: Mapping[str, object]) -> int:
        """Creates a task; returns its id."""
        (task_id,) = TaskImports(self.session).create(project_id, [data])
        return task_id

    def predictions(self, task: TaskKey) -> Sequence[CopiedPrediction]:
        """Oldest first."""
        return [
            CopiedPrediction(each.model_version, cast(list[dict[str, object]], each.result), each.score)
            for each in TaskImports(self.session).predictions(task.task_id)
        ]

    def predict(self, task: TaskKey, prediction: CopiedPrediction) -> None:
        """Creates or updates the task's prediction of this model version."""
        Predictions(self.session).put(
            task, model_version=prediction.model_version, result=prediction.result, score=prediction.score
        )

    def serve_at_random(self, project_id: int) -> None:
        """Sets uniform sampling in place of the tasks' order; uncertainty sampling stays."""
        what = f"let project {project_id} serve its tasks in random order"
        project: Any = self.session.call(what, lambda sdk: sdk.projects.get(project_id))
        if project.sampling in (None, IN_ORDER):
            self.session.call(what, lambda sdk: sdk.projects.update(project_id, sampling=AT_RANDOM))


def _open(sdk: Any, project_id: int) -> list[int]:  # noqa: ANN401 - the SDK's client
    pages = sdk.tasks.list(
        project=project_id,
        page_size=TASKS_A_PAGE,
        fields="task_only",
        include="id,total_annotations,cancelled_annotations",
        resolve_uri=False,
    )
    return [int(task.id) for task in pages if not (task.total_annotations or 0) + (task.cancelled_annotations or 0)]
