"""Label Studio tasks: keys and media references."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MediaRef:
    """The media addresses in a task's data.

    addresses: one address of a video file, or one image address per page, in page order.
    is_pages: whether the addresses are pages. A single-image task has one page.
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
