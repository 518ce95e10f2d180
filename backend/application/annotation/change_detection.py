"""How it is learned, project by project, that annotations were submitted: by webhook or by poll.

Kept in notes, so that every process knows: the web process, which is told and asks, and whoever looks whether it does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum

from backend.application.ports.key_value import KeyValueStore


class ChangeSource(StrEnum):
    """How it is learned that a project's annotations changed."""

    WEBHOOK = "webhook"
    POLL = "poll"


def note_project(notes: KeyValueStore, project_id: int) -> None:
    """Remember that Label Studio connected this backend to a project."""
    if notes.read(f"projects/{project_id}") is None:
        notes.write(f"projects/{project_id}", b"")


def note_webhook(notes: KeyValueStore, project_id: int, now_s: float) -> None:
    """Remember that a webhook of the project came in."""
    note_project(notes, project_id)
    if notes.read(_webhook(project_id)) is None:
        notes.write(_webhook(project_id), json.dumps(now_s).encode())


def record_poll_result(notes: KeyValueStore, project_id: int) -> None:
    """Something was submitted of which no webhook told: the project is asked about again."""
    notes.remove(_webhook(project_id))


def projects_of(notes: KeyValueStore) -> Iterator[int]:
    """The projects that this backend is connected to, as far as is known."""
    return (int(name.rpartition("/")[2]) for name in notes.names("projects"))


def change_source_of(notes: KeyValueStore, project_id: int) -> ChangeSource:
    return ChangeSource.POLL if notes.read(_webhook(project_id)) is None else ChangeSource.WEBHOOK


def change_sources(notes: KeyValueStore) -> Mapping[str, str]:
    """For each project, how it is learned that its annotations changed."""
    return {str(project_id): change_source_of(notes, project_id).value for project_id in sorted(projects_of(notes))}


def place_name(project_id: int) -> str:
    """The note that says how far a project's annotations were read."""
    return f"polls/{project_id}"


def _webhook(project_id: int) -> str:
    return f"webhooks/{project_id}"
