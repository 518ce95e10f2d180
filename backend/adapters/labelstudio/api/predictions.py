"""One prediction per task and model version, however often and from wherever it is put.

Label Studio has no unique constraint on predictions, so the rule is kept here: look first, update what is there, make
one otherwise, and remove what is too many. A request to make one is never repeated by itself; if its outcome is not
known, a second look decides.
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
        """Make or update the task's prediction of this model version; returns its id.

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
            # It may have been made all the same: the answer may be what got lost.
            made = self.ids(task, model_version)
            if not made:
                raise
            logger.info("task %s: the prediction was made although the answer got lost", task)
            return self._keep_first(task, made)
        return self._keep_first(task, self.ids(task, model_version))

    def _update(self, prediction_id: int, *, result: list[dict[str, object]], score: float) -> None:
        self.session.call(
            f"update prediction {prediction_id}",
            lambda sdk: sdk.predictions.update(prediction_id, result=result, score=score),
        )

    def _keep_first(self, task: TaskKey, ids: list[int]) -> int:
        """Remove all but the oldest, to which annotations may refer. Raises LabelStudioUnavailable if none is left."""
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
