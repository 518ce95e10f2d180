"""What the use cases need of Label Studio, as protocols."""

from __future__ import annotations

from typing import Protocol

from backend.domain.masklets import MaskRun
from backend.domain.tasks import TaskKey


class PredictionSink(Protocol):
    """Label Studio, as far as predictions go."""

    def put_prediction(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float
    ) -> int:
        """Make the task's prediction of this model version, or update it if it is there; returns its id.

        Raises LabelStudioUnavailable (retry) or LabelStudioRefused (do not).
        """
        ...


class TaskDirectory(Protocol):
    """Label Studio, as far as which tasks there are goes."""

    def exists(self, task: TaskKey) -> bool:
        """Whether the task is there. Raises LabelStudioUnavailable or LabelStudioRefused where that is not known."""
        ...


class RegionBuilder(Protocol):
    """Turns masklets into a Label Studio result for a label config (adapters/labelstudio)."""

    def __call__(self, run: MaskRun, *, label_config: str, task: TaskKey) -> list[dict[str, object]]: ...
