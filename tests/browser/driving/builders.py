"""Builders of the page's tests: the running backend, projects and tasks, masks read back, stored pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Page

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle
from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.domain.geometry import FrameSize
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import LABELS, Clip
from scripts.label_studio.api import LabelStudioApi

CONFIGS = Path(__file__).parents[3] / "label_config"
PICTURES = Path(__file__).parents[3] / "build" / "browser"
"""The folder with a picture of every step, for a person to review."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Masklet:
    """The running backend: its address, its model's version and its ledger."""

    url: str
    version: str
    ledger: SqlLedger
    process: MaskletProcess

    def prompts(self, task: TaskKey, user: str) -> PromptSet:
        """The prompts of a user's task in the ledger, with the prompts from before Label Studio named the user."""
        unnamed, named = self.ledger.prompts(task), self.ledger.prompts(task, user=user)
        return PromptSet.of([*unnamed, *named], {**unnamed.labels, **named.labels})


@dataclass(frozen=True)
class ProjectSetup:
    """One project, with the backend connected, and new tasks for it."""

    api: LabelStudioApi
    project_id: int
    backend_id: int
    clip: Clip

    def new_task(self, **data: object) -> TaskKey:
        return TaskKey(self.project_id, self.api.add_task(self.project_id, {**task_data(self.clip), **data}))

    def address(self, task: TaskKey) -> str:
        return self.api.task_address(self.project_id, task.task_id)

    def place(self, label: str, page: int = 0) -> tuple[float, float]:
        """A point well inside an object, in percent of the page."""
        assert self.clip.truth is not None
        rows, columns = np.nonzero(self.clip.truth[page, LABELS.index(label)])
        middle = np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2)
        return (
            float(columns[middle] + 0.5) / self.clip.width * 100,
            float(rows[middle] + 0.5) / self.clip.height * 100,
        )

    def truth(self, label: str, page: int) -> Mask:
        assert self.clip.truth is not None
        mask: Mask = self.clip.truth[page, LABELS.index(label)]
        return mask


Projects = Callable[[str, str], ProjectSetup]


def task_data(clip: Clip) -> dict[str, object]:
    """The task data of the clip's pages and of the video of just these."""
    return {**clip.addresses(), "video": f"/data/local-files/?d=clips/{clip.folder.name}/short/video.mp4"}


def mask_of(region: dict[str, Any]) -> Mask:
    """The mask of a saved brush region."""
    return decode_rle(region["value"]["rle"], FrameSize(region["original_width"], region["original_height"]))


def iou(mask: Mask, truth: Mask) -> float:
    """Intersection over union of two masks of one size."""
    return float((mask & truth).sum() / max((mask | truth).sum(), 1))


def picture(page: Page, name: str) -> None:
    """Store a screenshot of the page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=str(PICTURES / f"{name}.png"))
