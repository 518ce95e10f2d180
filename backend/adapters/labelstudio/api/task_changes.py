"""Changes of tasks in Label Studio.

Label Studio changes a field by reading the whole row of a task and storing the whole row. An annotation that is
submitted between the two is stored, but the task counts it no more: its filters, its order of tasks and its progress
take the task as not annotated. So the counts are compared with the annotations after each change, and corrected.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend.adapters.labelstudio.api.annotations import AnnotationRecord, Annotations
from backend.adapters.labelstudio.api.session import Session
from backend.adapters.labelstudio.api.stored_tasks import stored_task
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

MOST_CORRECTIONS = 5
"""A correction is a change too, beside which an annotation may be submitted."""

_LOCKS = tuple(threading.Lock() for _ in range(64))
"""No two threads of this process change one task at once: data are read before they are written, and Label Studio
stores whole rows."""

_UNCHECKED: set[tuple[str, int]] = set()
"""Tasks by Label Studio's address and number that were changed, and whose counts were not compared since."""


@dataclass(frozen=True, slots=True)
class TaskChanges:
    """Every call raises LabelStudioUnavailable, LabelStudioRefused or NotFound."""

    session: Session

    def put_fields(self, task_id: int, fields: Mapping[str, object]) -> None:
        """Writes fields into a task's data, deletes those that are None, and keeps the others."""
        what = f"put {', '.join(fields)} into the data of task {task_id}"
        with _LOCKS[task_id % len(_LOCKS)]:
            task = self.session.call(what, lambda sdk: stored_task(sdk, task_id))
            joined = {**task.data, **fields}
            data = {name: value for name, value in joined.items() if value is not None or name not in fields}
            if data != task.data or (self.session.url, task_id) in _UNCHECKED:
                self._change(what, task_id, {"data": data})

    def replace_data(self, task_id: int, data: Mapping[str, object]) -> None:
        with _LOCKS[task_id % len(_LOCKS)]:
            self._change(f"renew the data of task {task_id}", task_id, {"data": dict(data)})

    def keep_open(self, task_id: int, *, people: int) -> None:
        """Keeps a task open until so many people have annotated it.

        Label Studio takes a task as done when `overlap` people have annotated it, and does not count them again when
        that number changes.
        """
        with _LOCKS[task_id % len(_LOCKS)]:
            self._change(f"keep task {task_id} open", task_id, {"overlap": people, "is_labeled": False})

    def _change(self, what: str, task_id: int, body: Mapping[str, object]) -> None:
        unchecked = (self.session.url, task_id)
        _UNCHECKED.add(unchecked)  # if a call fails, the change that is tried again compares the counts
        stored = self._patch(what, task_id, body)
        self._correct_counts(task_id, stored)
        _UNCHECKED.discard(unchecked)

    def _correct_counts(self, task_id: int, stored: Mapping[str, Any]) -> None:
        for _ in range(MOST_CORRECTIONS):
            annotations = Annotations(self.session).of_task(TaskKey(int(stored.get("project") or 0), task_id))
            correct = _counts(annotations, overlap=int(stored.get("overlap") or 1))
            wrong = {name: count for name, count in correct.items() if stored.get(name) != count}
            if set(wrong) <= {"is_labeled"}:
                return
            logger.warning("task %d: Label Studio lost count of its annotations; corrected: %s", task_id, wrong)
            stored = self._patch(f"correct the counts of task {task_id}", task_id, wrong)

    def _patch(self, what: str, task_id: int, body: Mapping[str, object]) -> Mapping[str, Any]:
        """The task as it is stored."""
        reply = self.session.patch(what, f"/api/tasks/{task_id}/", body)
        return reply if isinstance(reply, dict) else {}


def _counts(annotations: Sequence[AnnotationRecord], *, overlap: int) -> dict[str, object]:
    """The fields of a task that count its annotations. is_labeled: only where it is true."""
    submitted = [each for each in annotations if not each.was_cancelled]
    counts = {"total_annotations": len(submitted), "cancelled_annotations": len(annotations) - len(submitted)}
    is_done = len({each.user for each in submitted}) >= overlap
    return {**counts, "is_labeled": True} if is_done else dict(counts)
