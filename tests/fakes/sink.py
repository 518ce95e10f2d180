"""Label Studio's predictions in memory, with errors set by the test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.domain.masklets import MaskRun
from backend.domain.tasks import TaskKey


@dataclass
class FakeSink:
    """A PredictionSink. errors: raised one per call, oldest first, before the prediction is stored.

    column_errors: likewise, after it is stored. fields: of the tasks' data.
    """

    errors: list[Exception] = field(default_factory=list)
    predictions: dict[tuple[TaskKey, str], tuple[list[dict[str, object]], float]] = field(default_factory=dict)
    calls: int = 0
    refused_tasks: dict[TaskKey, Exception] = field(default_factory=dict)
    column_errors: list[Exception] = field(default_factory=list)
    fields: dict[TaskKey, dict[str, object]] = field(default_factory=dict)

    def put_prediction(
        self, task: TaskKey, *, model_version: str, result: list[dict[str, object]], score: float
    ) -> int:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        if task in self.refused_tasks:
            raise self.refused_tasks[task]
        self.predictions[task, model_version] = (result, score)
        return 700 + task.task_id

    def describe_task(self, task: TaskKey, fields: Mapping[str, object]) -> None:
        if self.column_errors:
            raise self.column_errors.pop(0)
        self.fields[task] = {name: value for name, value in fields.items() if value is not None}


def count_regions(run: MaskRun, *, label_config: str, task: TaskKey) -> list[dict[str, object]]:
    """A RegionBuilder whose result has the count of masks."""
    return [{"masks": sum(len(masklet.frames) for masklet in run.masklets), "config": label_config}]
