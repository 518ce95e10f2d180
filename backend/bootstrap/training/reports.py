"""Reports of trainings, for commands and the lead's page."""

from __future__ import annotations

from backend.adapters.sam2.weights.trained import FOLDER
from backend.application.training.runner import REPORT
from backend.bootstrap.container import Container
from backend.domain.errors import NotFound
from backend.domain.training.rows import Training


def report_of(container: Container, training: Training) -> bytes:
    """The page of an ended training: beside its checkpoint, or in the data folder. Raises NotFound without one."""
    offered = "" if training.result is None else training.result.checkpoint
    places = [container.folder.trainings / training.training_id / REPORT]
    if offered:
        places.insert(0, container.model_folder / FOLDER / offered / REPORT)
    for path in places:
        if path.is_file():
            return path.read_bytes()
    raise NotFound(f"training {training.name} is {training.state} and has no report: only finished ones do")
