"""Writes predictions, one per task and model version.

Label Studio has no unique constraint on predictions. The writer lists the predictions, updates an existing one or
creates one, and deletes duplicates. A create request is never repeated; if its outcome is unknown, a second listing
decides.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

from backend.adapters.labelstudio.api.session import Session
from backend.domain.errors import LabelStudioUnavailable, NotFound
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Predictions:
    session: Session

    def put(self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float) -> int:
        """Creates or updates the task's prediction of this model version; returns its id. score: 0..1.

        Raises LabelStudioUnavailable, LabelStudioRefused or NotFound.
        """
        known = self.ids(task, model_version)
        if known:
            kept = self._keep_first(task, known)
            try:
                self._update(kept, result=result, score=score)
                return kept
            except NotFound:
                logger.info("task %s: prediction %d was removed meanwhile; making another", task, kept)
        return self._create_once(task, model_version=model_version, result=result, score=score)

    def ids(self, task: TaskKey, model_version: str) -> list[int]:
        """The ids of the task's predictions of this model version, oldest first."""
        found: list[Any] = self.session.call(
            f"list the predictions of task {task.task_id}", lambda sdk: sdk.predictions.list(task=task.task_id)
        )
        return sorted(int(p.id) for p in found if p.model_version == model_version and p.id is not None)

    def _create_once(self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float) -> int:
        try:
            self.session.call(
                f"make a prediction for task {task.task_id}",
                lambda sdk: sdk.predictions.create(
                    task=task.task_id, model_version=model_version, result=result, score=score
                ),
            )
        except LabelStudioUnavailable:
            # The prediction may exist: only the response may be lost.
            made = self.ids(task, model_version)
            if not made:
                raise
            logger.info("task %s: the prediction was created although the response was lost", task)
            return self._keep_first(task, made)
        return self._keep_first(task, self.ids(task, model_version))

    def _update(self, prediction_id: int, *, result: list[dict[str, object]], score: float) -> None:
        self.session.call(
            f"update prediction {prediction_id}",
            lambda sdk: sdk.predictions.update(prediction_id, result=result, score=score),
        )

    def _keep_first(self, task: TaskKey, ids: list[int]) -> int:
        """Deletes all but the oldest, which annotations may refer to. Raises LabelStudioUnavailable if none is left."""
        if not ids:
            raise LabelStudioUnavailable(f"the prediction of task {task.task_id} was removed while it was being made")
        for surplus in ids[1:]:
            logger.warning("task %s: removing prediction %d, a second one of the same model", task, surplus)
            self._remove(surplus)
        return ids[0]

    def _remove(self, prediction_id: int) -> None:
        try:
            self.session.call(f"remove prediction {prediction_id}", lambda sdk: sdk.predictions.delete(prediction_id))
        except NotFound:
            logger.info("prediction %d was removed already", prediction_id)
