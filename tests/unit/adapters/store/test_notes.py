"""Notes: the files' and the memory's keep the same word."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from backend.adapters.store.notes import FolderNotes
from backend.application.notes import MemoryNotes, Notes


@pytest.fixture(params=["memory", "folder"])
def notes(request: pytest.FixtureRequest, tmp_path: Path) -> Notes:
    return MemoryNotes() if request.param == "memory" else FolderNotes(tmp_path / "notes")


def test_a_note_is_read_as_it_was_written_last(notes: Notes) -> None:
    assert notes.read("shown/1-7/a") is None
    notes.write("shown/1-7/a", b"1")
    notes.write("shown/1-7/a", b"2")
    assert notes.read("shown/1-7/a") == b"2"
    notes.remove("shown/1-7/a")
    notes.remove("shown/1-7/a")
    assert notes.read("shown/1-7/a") is None


def test_a_folder_lists_its_own_names_the_newest_first(notes: Notes) -> None:
    assert notes.names("shown/1-7") == ()
    for position, name in enumerate(("shown/1-7/a", "shown/1-7/b", "shown/1-70/c", "shown/1-7/a")):
        notes.write(name, b"x")
        if isinstance(notes, FolderNotes):
            os.utime(notes.root / name, ns=(position, position))
    assert notes.names("shown/1-7") == ("shown/1-7/a", "shown/1-7/b")


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a//b", "A", "a/.b", ""])
def test_a_name_cannot_leave_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no name of a note"):
        FolderNotes(tmp_path).write(name, b"")
