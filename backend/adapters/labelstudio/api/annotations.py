"""Saved annotations of Label Studio: reads them, and replaces their results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from backend.adapters.labelstudio.api.session import Session
from backend.domain.tasks import TaskKey

AUTHOR = re.compile(r"(\S+@\S+), [0-9]+$")
"""The end of an annotation's author; drafts, and so user tasks, name the same person by the e-mail address alone."""


@dataclass(frozen=True, slots=True)
class AnnotationRecord:
    """A saved annotation. result: the input of `prompts_of_annotation`. user: the annotator's number, or empty.

    parent_prediction: the prediction that it began with. is_ground_truth: Label Studio's flag.

    author: the annotator in Label Studio's form "First Last ann@example.org, 3"; drafts name the same person by the
    e-mail address alone.
    """

    annotation_id: int
    user: str
    was_cancelled: bool
    result: list[object]
    author: str = ""
    updated_at: str = ""
    parent_prediction: int | None = None
    is_ground_truth: bool = False


def author_of(annotation: AnnotationRecord) -> str:
    """The annotation's author as their drafts name them; empty if unknown."""
    found = AUTHOR.search(annotation.author)
    return found[1] if found else ""


class Annotations:
    """Calls about saved annotations. All raise LabelStudioUnavailable, LabelStudioRefused or NotFound."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of_task(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        """The task's saved annotations, oldest first, cancelled ones included."""
        found: list[Any] = self._session.call(
            f"list the annotations of task {task.task_id}", lambda sdk: sdk.annotations.list(task.task_id)
        )
        return tuple(sorted((_record(entry) for entry in found), key=lambda record: record.annotation_id))

    def read(self, annotation_id: int) -> AnnotationRecord:
        """One annotation, as it is now."""
        what = f"read annotation {annotation_id}"
        return _record(self._session.call(what, lambda sdk: sdk.annotations.get(annotation_id)))

    def put_result(self, annotation_id: int, result: list[object]) -> AnnotationRecord:
        """Replaces an annotation's result, and returns the annotation as it is then."""
        what = f"write into annotation {annotation_id}"
        return _record(self._session.call(what, lambda sdk: sdk.annotations.update(annotation_id, result=result)))


def _record(entry: Any) -> AnnotationRecord:  # noqa: ANN401  (the SDK has no types that mypy follows)
    return AnnotationRecord(
        annotation_id=int(entry.id),
        user="" if entry.completed_by is None else str(entry.completed_by),
        was_cancelled=bool(entry.was_cancelled),
        result=list(entry.result or []),
        author=str(getattr(entry, "created_username", None) or ""),
        updated_at=str(getattr(entry, "updated_at", None) or ""),
        parent_prediction=getattr(entry, "parent_prediction", None),
        is_ground_truth=bool(getattr(entry, "ground_truth", False)),
    )
