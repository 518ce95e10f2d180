"""Notes: the files' and the memory's keep the same word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.adapters.store.key_value import FileKeyValueStore
from backend.application.ports.key_value import (
    TASK_FOLDERS,
    KeyValueStore,
    forget_task,
    stored_tasks,
)
from backend.domain.tasks import TaskKey
from tests.fakes.key_value import MemoryKeyValueStore


@pytest.fixture(params=["memory", "folder"])
def notes(request: pytest.FixtureRequest, tmp_path: Path) -> KeyValueStore:
    return MemoryKeyValueStore() if request.param == "memory" else FileKeyValueStore(tmp_path / "notes")


def test_a_note_is_read_as_it_was_written_last(notes: KeyValueStore) -> None:
    assert notes.read("shown/1-7/a") is None
    notes.write("shown/1-7/a", b"1")
    notes.write("shown/1-7/a", b"2")
    assert notes.read("shown/1-7/a") == b"2"
    notes.remove("shown/1-7/a")
    notes.remove("shown/1-7/a")
    assert notes.read("shown/1-7/a") is None


def test_a_folder_lists_its_own_names_the_newest_first(notes: KeyValueStore) -> None:
    assert notes.names("shown/1-7") == ()
    for position, name in enumerate(("shown/1-7/a", "shown/1-7/b", "shown/1-70/c", "shown/1-7/a")):
        notes.write(name, b"x")
        if isinstance(notes, FileKeyValueStore):
            os.utime(notes.root / name, ns=(position, position))
    assert notes.names("shown/1-7") == ("shown/1-7/a", "shown/1-7/b")


def test_folders_are_those_that_have_notes(notes: KeyValueStore) -> None:
    assert notes.folders("shown") == ()
    for name in ("shown/1-8/a", "shown/1-7/a", "shown/1-7/b", "shown/loose", "resets/1-9"):
        notes.write(name, b"x")
    assert notes.folders("shown") == ("shown/1-7", "shown/1-8")
    notes.remove("shown/1-8/a")
    notes.remove("shown/1-7")  # a folder: its notes stay
    assert notes.folders("shown") == ("shown/1-7",)
    assert notes.read("shown/1-7/a") == b"x"


def test_a_task_s_notes_are_found_and_forgotten_together(notes: KeyValueStore) -> None:
    gone, kept = TaskKey(1, 7), TaskKey(1, 70)
    for task in (kept, gone):
        name = f"{task.project_id}-{task.task_id}"
        for note in (f"shown/{name}/a", f"shown/{name}/b", f"resets/{name}", f"adopted/{name}", f"second-look/{name}"):
            notes.write(note, b"x")
    notes.write("projects/1", b"")
    notes.write("resets/old", b"")
    assert stored_tasks(notes) == (gone, kept)
    forget_task(notes, gone)
    assert stored_tasks(notes) == (kept,)
    left = [name for folder in TASK_FOLDERS for name in (*notes.names(folder), *notes.names(f"{folder}/1-70"))]
    assert sorted(left) == [
        "adopted/1-70",
        "resets/1-70",
        "resets/old",
        "second-look/1-70",
        "shown/1-70/a",
        "shown/1-70/b",
    ]
    assert notes.read("projects/1") == b""


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "A", "a/.b", ""])
def test_a_name_cannot_leave_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name of a note"):
        FileKeyValueStore(tmp_path).write(name, b"")
