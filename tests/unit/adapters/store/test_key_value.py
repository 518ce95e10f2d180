"""The key-value stores in files and in memory behave alike."""

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
def key_values(request: pytest.FixtureRequest, tmp_path: Path) -> KeyValueStore:
    return MemoryKeyValueStore() if request.param == "memory" else FileKeyValueStore(tmp_path / "notes")


def test_the_last_written_value_is_read(key_values: KeyValueStore) -> None:
    assert key_values.read("shown/1-7/a") is None
    key_values.write("shown/1-7/a", b"1")
    key_values.write("shown/1-7/a", b"2")
    assert key_values.read("shown/1-7/a") == b"2"
    key_values.remove("shown/1-7/a")
    key_values.remove("shown/1-7/a")
    assert key_values.read("shown/1-7/a") is None


def test_a_folder_lists_its_names_newest_first(key_values: KeyValueStore) -> None:
    assert key_values.names("shown/1-7") == ()
    for position, name in enumerate(("shown/1-7/a", "shown/1-7/b", "shown/1-70/c", "shown/1-7/a")):
        key_values.write(name, b"x")
        if isinstance(key_values, FileKeyValueStore):
            os.utime(key_values.root / name, ns=(position, position))
    assert key_values.names("shown/1-7") == ("shown/1-7/a", "shown/1-7/b")


def test_values_are_read_with_their_names_and_changed(key_values: KeyValueStore) -> None:
    assert key_values.values("shown/1-7") == ()
    assert key_values.change("shown/1-7/a", lambda body: (body or b"") + b"1") == b"1"
    assert key_values.change("shown/1-7/a", lambda body: (body or b"") + b"2") == b"12"
    key_values.write("shown/1-70/c", b"x")
    assert key_values.values("shown/1-7") == (("shown/1-7/a", b"12"),)


def test_only_folders_with_values_are_listed(key_values: KeyValueStore) -> None:
    assert key_values.folders("shown") == ()
    for name in ("shown/1-8/a", "shown/1-7/a", "shown/1-7/b", "shown/loose", "resets/1-9"):
        key_values.write(name, b"x")
    assert key_values.folders("shown") == ("shown/1-7", "shown/1-8")
    key_values.remove("shown/1-8/a")
    key_values.remove("shown/1-7")  # a folder: its values stay
    assert key_values.folders("shown") == ("shown/1-7",)
    assert key_values.read("shown/1-7/a") == b"x"


def test_all_values_of_a_task_are_found_and_removed(key_values: KeyValueStore) -> None:
    gone, kept = TaskKey(1, 7), TaskKey(1, 70)
    for task in (kept, gone):
        name = f"{task.project_id}-{task.task_id}"
        for value_name in (
            f"shown/{name}/a",
            f"shown/{name}/b",
            f"resets/{name}",
            f"adopted/{name}",
            f"second-look/{name}",
        ):
            key_values.write(value_name, b"x")
    key_values.write("projects/1", b"")
    key_values.write("resets/old", b"")
    assert stored_tasks(key_values) == (gone, kept)
    forget_task(key_values, gone)
    assert stored_tasks(key_values) == (kept,)
    left = [
        name for folder in TASK_FOLDERS for name in (*key_values.names(folder), *key_values.names(f"{folder}/1-70"))
    ]
    assert sorted(left) == [
        "adopted/1-70",
        "resets/1-70",
        "resets/old",
        "second-look/1-70",
        "shown/1-70/a",
        "shown/1-70/b",
    ]
    assert key_values.read("projects/1") == b""


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "A", "a/.b", ""])
def test_a_name_cannot_leave_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name of a note"):
        FileKeyValueStore(tmp_path).write(name, b"")
