"""Results of trainings: kept, reported, offered as a checkpoint, activated."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.report.training_page import training_page
from backend.adapters.sam2.weights.trained import find_trained, install
from backend.application.training.runner import REPORT
from backend.bootstrap.container import Container
from backend.bootstrap.training.model_use import use_model
from backend.codecs.atomic_file import write_atomically
from backend.codecs.full_disk import full_disk_told
from backend.codecs.training_json import compact, result_document, result_of
from backend.domain.errors import MaskletError
from backend.domain.training import TrainingResult
from backend.domain.training.rows import Training

CHECKPOINT, PICTURES = "checkpoint", "pictures"


@dataclass(frozen=True, slots=True)
class TrainingResults:
    """The Results port of the train worker."""

    container: Container

    def write(self, result: TrainingResult, path: Path) -> None:
        with full_disk_told(path.parent):
            write_atomically(path, compact(result_document(result)).encode(), synced=True)

    def read(self, path: Path) -> TrainingResult | None:
        """None too for one that a power cut damaged: the trainer's own state is read then."""
        try:
            return result_of(json.loads(path.read_text()))
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def publish(self, training: Training, result: TrainingResult, folder: Path) -> str:
        pictures = sorted((folder / PICTURES).glob("*-before.jpg"))
        page = training_page(training, result, [(path, _after(path)) for path in pictures if _after(path).is_file()])
        with full_disk_told(folder):
            write_atomically(folder / REPORT, page.encode())
        if not result.checkpoint:
            return "No checkpoint is offered."
        model_dir = self.container.model_folder
        with full_disk_told(model_dir):
            model_dir.mkdir(parents=True, exist_ok=True)
            trained = find_trained(result.checkpoint, model_dir) or install(folder / CHECKPOINT, model_dir)
            shutil.copyfile(folder / REPORT, trained.folder / REPORT)
        if not training.request.activates:
            return f"The checkpoint {trained.name} is offered."
        return self._activated(training, trained.name)

    def _activated(self, training: Training, name: str) -> str:
        try:
            use_model(self.container, name, training.request.user)
        except MaskletError as error:
            return f"The checkpoint {name} is offered, and not in use: {error}."
        return f"The checkpoint {name} is in use."


def _after(before: Path) -> Path:
    return before.with_name(before.name.replace("-before", "-after"))
