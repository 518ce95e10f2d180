"""Training, as a protocol: the adapter has torch, the use case has not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from backend.application.ports.datasets import DatasetSource
from backend.application.ports.engine import CancelToken
from backend.domain.training import TrainingPlan, TrainingProgress, TrainingResult


class Trainer(Protocol):
    """Trains a checkpoint on labelled videos and measures it before and after."""

    def train(self, plan: TrainingPlan, data: DatasetSource, name: str, folder: Path, *,
              progress: Callable[[TrainingProgress], None], cancel: CancelToken) -> TrainingResult:  # fmt: skip
        """Trains, measures, and writes the checkpoint `name` into `folder/checkpoint` if it is better beyond doubt.

        data: frames with complete labels, each approved by a person; every entry's pictures are available.
        folder: of this training alone. An earlier attempt's state in it is resumed. Pictures of the report are written
        to `folder/pictures`, before and after side by side, as `NN-before.jpg` and `NN-after.jpg`.
        Calls `cancel` between steps. Raises Cancelled; InvalidInput with what is missing if the labels are too few.
        """
        ...
