"""The truth of a gold task on its compared frames, and which tasks are gold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.domain.datasets import DatasetObject, LabelledMask
from backend.domain.geometry import FrameSize
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class GoldTruth:
    """frames: the present objects of each compared frame, by its index. size: of the masks."""

    size: FrameSize
    frame_count: int
    objects: tuple[DatasetObject, ...]
    frames: Mapping[int, tuple[LabelledMask, ...]]


@dataclass(frozen=True, slots=True)
class GoldTask:
    """A task whose truth is known. source: the task that the truth was drawn on; a copy has another one.

    key: of a copy, the `masklet.key` of its data; empty for the source itself. task_id 0: a copy that is not made yet.
    annotation_id: of the truth. added_s: wall clock.
    """

    task: TaskKey
    source: TaskKey
    key: str
    annotation_id: int
    truth: GoldTruth
    added_s: float

    @property
    def is_copy(self) -> bool:
        return bool(self.key)
