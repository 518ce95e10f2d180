"""Label Studio's predictions, tasks and results, as protocols."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from backend.domain.masklets import MaskRun
from backend.domain.tasks import TaskKey


class PredictionSink(Protocol):
    """Label Studio's predictions."""

    def put_prediction(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float
    ) -> int:
        """Creates or updates the task's prediction of this model version; returns its id.

        Raises LabelStudioUnavailable (retry) or LabelStudioRefused (do not retry).
        """
        ...

    def describe_task(self, task: TaskKey, fields: Mapping[str, object]) -> None:
        """Writes fields into the task's data, deletes those that are None, and keeps the others. Raises likewise."""
        ...


class TaskDirectory(Protocol):
    """Label Studio's tasks."""

    def exists(self, task: TaskKey) -> bool:
        """Whether the task exists. Raises LabelStudioUnavailable or LabelStudioRefused if that is unknown."""
        ...


class RegionBuilder(Protocol):
    """Turns masklets into a Label Studio result for a label config (adapters/labelstudio)."""

    def __call__(self, run: MaskRun, *, label_config: str, task: TaskKey) -> list[dict[str, object]]: ...
