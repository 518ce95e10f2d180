"""The key-value store: small values beside the ledger, such as fingerprints of shown masks, resets, poll positions.

A lost value costs a repetition or a needless prompt, never a prompt or a mask: those are in the ledger and the mask
store. Names are paths of plain words; the last part is any text of the writer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from backend.domain.tasks import TaskKey

TASK_FOLDERS = ("resets", "adopted", "shown", "second-look", "newcomers", "media", "player", "tracks", "on-page")
"""Folders with values of single tasks; each has values or folders that are named PROJECT-TASK.

"second-look" is neither read nor written any more: it has values of earlier builds, which are removed with their tasks.
"""


class KeyValueStore(Protocol):
    """Named bytes that outlive the process. A write replaces the whole value."""

    def read(self, name: str) -> bytes | None: ...

    def write(self, name: str, body: bytes) -> None: ...

    def change(self, name: str, change: Callable[[bytes | None], bytes]) -> bytes:
        """Replaces a value by what `change` makes of it, None if there is none; returns the new value.

        No other call of `change` for this name comes between, of any process.
        """
        ...

    def names(self, folder: str) -> tuple[str, ...]:
        """The names directly in a folder ("shown/1-7"), last written first."""
        ...

    def values(self, folder: str) -> tuple[tuple[str, bytes], ...]:
        """The names and values directly in a folder, last written first, in one read where values are rows."""
        ...

    def folders(self, folder: str) -> tuple[str, ...]:
        """The folders directly in a folder that have values, sorted."""
        ...

    def remove(self, name: str) -> None:
        """Does nothing without such a name."""
        ...


def stored_tasks(key_values: KeyValueStore) -> tuple[TaskKey, ...]:
    """The tasks with stored values, sorted by project and task."""
    names = (name for folder in TASK_FOLDERS for name in (*key_values.names(folder), *key_values.folders(folder)))
    tasks = {task for name in names if (task := _task_of(name)) is not None}
    return tuple(sorted(tasks, key=lambda task: (task.project_id, task.task_id)))


def forget_task(key_values: KeyValueStore, task: TaskKey) -> None:
    """Removes all values of a task."""
    for name in _of_task(key_values, task):
        key_values.remove(name)


def _of_task(key_values: KeyValueStore, task: TaskKey) -> Iterator[str]:
    for folder in TASK_FOLDERS:
        name = f"{folder}/{task.project_id}-{task.task_id}"
        yield name
        yield from key_values.names(name)


def _task_of(name: str) -> TaskKey | None:
    """The task of a name; None for other names."""
    project, _, task = name.rpartition("/")[2].partition("-")
    return TaskKey(int(project), int(task)) if project.isdecimal() and task.isdecimal() else None
