"""Label Studio's tasks: their key, and where their media are."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaRef:
    """Where a task's frames come from, as the task's data says.

    addresses: one address of a video file, or one address a page (of an image) in page order.
    is_pages: whether addresses are pages. A single-image task is one page.
    """

    addresses: tuple[str, ...]
    is_pages: bool


@dataclass(frozen=True, slots=True)
class TaskKey:
    """One Label Studio task; project and task are Label Studio's numbers."""

    project_id: int
    task_id: int

    def __str__(self) -> str:
        return f"{self.project_id}/{self.task_id}"
