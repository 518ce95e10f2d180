"""What the player remembers per task and user beside the ledger: which preview shows a frame, and what was forgotten.

A lost record costs a preview that is made again with the next prompt. Prompts and masks are in the ledger and the mask
store.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from backend.application.ports.key_value import KeyValueStore
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

FOLDER = "player"


@dataclass(frozen=True, slots=True)
class UserRecord:
    """previews: the job with the mask of an object on a frame. forgotten_s: when an object was forgotten (wall clock).

    revision: grows with every change. starts_from_prediction: masks that no person made lie below the user's.
    """

    previews: Mapping[tuple[ObjectId, FrameIndex], str] = field(default_factory=dict)
    forgotten_s: Mapping[ObjectId, float] = field(default_factory=dict)
    revision: int = 0
    starts_from_prediction: bool = False


class UserRecords:
    """The records of all users. Safe in any number of threads and processes."""

    def __init__(self, key_values: KeyValueStore) -> None:
        self._key_values = key_values

    def read(self, task: TaskKey, user: str) -> UserRecord:
        """The record; an empty one if there is none or it cannot be read."""
        return _record_of(self._key_values.read(_name(task, user)))

    def change(self, task: TaskKey, user: str, change: Callable[[UserRecord], UserRecord]) -> UserRecord:
        """Applies a change, raises the revision, and returns the new record."""

        def changed(body: bytes | None) -> bytes:
            before = _record_of(body)
            return _body_of(replace(change(before), revision=before.revision + 1))

        return _record_of(self._key_values.change(_name(task, user), changed))


def _record_of(body: bytes | None) -> UserRecord:
    """An empty record if there is none or it cannot be read."""
    if body is None:
        return UserRecord()
    try:
        fields = json.loads(body)
        return UserRecord(
            {(ObjectId(o), FrameIndex(int(frame))): str(job_id) for o, frame, job_id in fields["previews"]},
            {ObjectId(o): float(at_s) for o, at_s in fields["forgotten"].items()},
            int(fields["revision"]),
            fields.get("starts_from_prediction") is True,
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return UserRecord()


def _body_of(record: UserRecord) -> bytes:
    body = {
        "previews": [[o, frame, job_id] for (o, frame), job_id in record.previews.items()],
        "forgotten": record.forgotten_s,
        "revision": record.revision,
        "starts_from_prediction": record.starts_from_prediction,
    }
    return json.dumps(body).encode()


def _name(task: TaskKey, user: str) -> str:
    digest = hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return f"{FOLDER}/{task.project_id}-{task.task_id}/{digest}"
