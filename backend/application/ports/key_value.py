"""Small things to remember beside the ledger: what a canvas was shown, what was reset, how far annotations were read.

Losing a note costs a repetition or a needless prompt, never a prompt or a mask: those are the ledger's and the mask
store's. Names are paths of plain words; the last part may be anything that the writer made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from backend.domain.tasks import TaskKey

OF_TASKS = ("resets", "adopted", "shown", "second-look", "newcomers")
"""Where notes of single tasks are: in each, notes or folders of notes that are called PROJECT-TASK.

Nothing reads or writes "second-look" any more: notes of earlier builds are there, and are removed with their tasks.
"""


class KeyValueStore(Protocol):
    """Named bytes that outlive the process. Writing a name again replaces it as a whole."""

    def read(self, name: str) -> bytes | None: ...

    def write(self, name: str, body: bytes) -> None: ...

    def names(self, folder: str) -> tuple[str, ...]:
        """The names right below a folder ("shown/1-7"), the one written last first."""
        ...

    def folders(self, folder: str) -> tuple[str, ...]:
        """The folders right below a folder that have notes, in order."""
        ...

    def remove(self, name: str) -> None:
        """One that is not there is fine."""
        ...


@dataclass(slots=True)
class MemoryKeyValueStore:
    """Notes that end with the process: for a web process without a data folder of its own, and for tests."""

    kept: dict[str, bytes] = field(default_factory=dict)

    def read(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def write(self, name: str, body: bytes) -> None:
        self.kept.pop(name, None)
        self.kept[name] = body

    def names(self, folder: str) -> tuple[str, ...]:
        found = [name for name in self.kept if name.rpartition("/")[0] == folder]
        return tuple(reversed(found))

    def folders(self, folder: str) -> tuple[str, ...]:
        parents = {name.rpartition("/")[0] for name in self.kept}
        return tuple(sorted(parent for parent in parents if parent.rpartition("/")[0] == folder))

    def remove(self, name: str) -> None:
        self.kept.pop(name, None)


def stored_tasks(notes: KeyValueStore) -> tuple[TaskKey, ...]:
    """The tasks that there are notes of, in order."""
    names = (name for folder in OF_TASKS for name in (*notes.names(folder), *notes.folders(folder)))
    tasks = {task for name in names if (task := _task_of(name)) is not None}
    return tuple(sorted(tasks, key=lambda task: (task.project_id, task.task_id)))


def forget_task(notes: KeyValueStore, task: TaskKey) -> None:
    """Remove all notes of a task."""
    for name in _of_task(notes, task):
        notes.remove(name)


def _of_task(notes: KeyValueStore, task: TaskKey) -> Iterator[str]:
    for folder in OF_TASKS:
        name = f"{folder}/{task.project_id}-{task.task_id}"
        yield name
        yield from notes.names(name)


def _task_of(name: str) -> TaskKey | None:
    """None for what is called otherwise."""
    project, _, task = name.rpartition("/")[2].partition("-")
    return TaskKey(int(project), int(task)) if project.isdecimal() and task.isdecimal() else None
