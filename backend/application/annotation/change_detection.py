"""The source of submitted annotations per project: webhook or poll.

Stored in the key-value store, for the web process, which receives webhooks and polls, and for `masklet doctor`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from enum import StrEnum

from backend.application.ports.key_value import KeyValueStore
from backend.domain.tasks import TaskKey

ADOPTED_ACTIONS = ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED")
"""Label Studio's names of the webhooks after which annotations are read."""


WEBHOOKS = "webhooks"

EPOCH = "1970-01-01T00:00:00.000000Z"
"""A time before all annotations, in the form of Label Studio's filters."""


class ChangeSource(StrEnum):
    """The source of changes of a project's annotations."""

    WEBHOOK = "webhook"
    POLL = "poll"


def record_project(key_values: KeyValueStore, project_id: int) -> None:
    """Records that Label Studio connected this backend to a project."""
    if key_values.read(f"projects/{project_id}") is None:
        key_values.write(f"projects/{project_id}", b"")


def forget_project(key_values: KeyValueStore, project_id: int) -> None:
    """Forgets a project that is no more. A project that Label Studio connects again is known again."""
    key_values.remove(f"projects/{project_id}")


def record_webhook(key_values: KeyValueStore, project_id: int, now_s: float) -> None:
    """Records the first webhook of a project. now_s: the ledger's clock."""
    record_project(key_values, project_id)
    if key_values.read(_webhook(project_id)) is None:
        key_values.write(_webhook(project_id), json.dumps(now_s).encode())


def record_poll_result(key_values: KeyValueStore, project_id: int) -> None:
    """Records that a poll found a submission without a webhook: the project is polled again."""
    key_values.remove(_webhook(project_id))


def projects_of(key_values: KeyValueStore) -> Iterator[int]:
    """The known projects that this backend is connected to."""
    return (int(name.rpartition("/")[2]) for name in key_values.names("projects"))


def change_source_of(key_values: KeyValueStore, project_id: int) -> ChangeSource:
    return ChangeSource.POLL if key_values.read(_webhook(project_id)) is None else ChangeSource.WEBHOOK


def change_sources(key_values: KeyValueStore) -> Mapping[str, str]:
    """The change source per project, by project id as text."""
    hooked = set(key_values.names(WEBHOOKS))
    return {
        str(project_id): (ChangeSource.WEBHOOK if _webhook(project_id) in hooked else ChangeSource.POLL).value
        for project_id in sorted(projects_of(key_values))
    }


def poll_position_name(project_id: int) -> str:
    """The key of a project's poll position."""
    return f"polls/{project_id}"


def poll_from_beginning(key_values: KeyValueStore, project_id: int) -> None:
    """Lets the poll of a new project read all of its annotations; otherwise it begins with what comes after it."""
    if key_values.read(poll_position_name(project_id)) is None:
        key_values.write(poll_position_name(project_id), EPOCH.encode())


def record_adoption(key_values: KeyValueStore, task: TaskKey, annotation_id: int, changed_at: str) -> None:
    """Records the state of an annotation that was adopted last on a task. changed_at: Label Studio's time."""
    key_values.write(_adopted_name(task), f"{annotation_id} {changed_at}".encode())


def last_adoption(key_values: KeyValueStore, task: TaskKey) -> tuple[str, str]:
    """The annotation that was adopted last on a task, and its time of change; empty texts without one."""
    number, _, changed_at = (key_values.read(_adopted_name(task)) or b"").decode().partition(" ")
    return number, changed_at


def _adopted_name(task: TaskKey) -> str:
    return f"adopted/{task.project_id}-{task.task_id}"


def _webhook(project_id: int) -> str:
    return f"{WEBHOOKS}/{project_id}"
