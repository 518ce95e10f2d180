"""A task as the player shows it: video, labels, objects and the user's prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.application.annotation.annotation_service import UserTask
from backend.domain.errors import PromptError
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import VideoInfo

MAX_OBJECT_CHARS = 200


@dataclass(frozen=True, slots=True)
class LabelColor:
    """A label of the label config. color: `#rrggbb`."""

    name: str
    color: str


@dataclass(frozen=True, slots=True)
class OpenedTask:
    """A task whose media a worker has opened. labels: in the order of the label config."""

    user_task: UserTask
    info: VideoInfo
    labels: tuple[LabelColor, ...]


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """An object with prompts, and its label."""

    object_id: ObjectId
    label: str


def objects_of(prompts: PromptSet, labels: Sequence[LabelColor]) -> tuple[ObjectEntry, ...]:
    """The prompted objects: by label in the order of the config, then by the number at the end of the id."""
    order = {label.name: position for position, label in enumerate(labels)}
    entries = [ObjectEntry(each, prompts.labels.get(each, str(each))) for each in prompts.object_ids]
    return tuple(sorted(entries, key=lambda e: (order.get(e.label, len(order)), e.label, _numbered(e.object_id))))


def in_order(prompts: PromptSet) -> PromptSet:
    """The prompts ordered by object id and frame: the order of edits does not change a request's identity."""
    return PromptSet.of(sorted(prompts, key=lambda prompt: _numbered(prompt.object_id)), prompts.labels)


def require_label(label: str, labels: Sequence[LabelColor]) -> None:
    """Raises PromptError for a label that is not in the config."""
    names = [known.name for known in labels]
    if names and label not in names:
        raise PromptError(f"label {label[:60]!r} is not in the label config; it has {', '.join(names)}")


def object_id_of(text: str) -> ObjectId:
    """Raises PromptError for an empty or too long id."""
    if not text.strip() or len(text) > MAX_OBJECT_CHARS:
        raise PromptError(f"an object's id has 1 to {MAX_OBJECT_CHARS} characters")
    return ObjectId(text)


def _numbered(object_id: ObjectId) -> tuple[str, int]:
    """`Cat 2` as ("Cat", 2); an id without a number as number 1."""
    found = re.fullmatch(r"(.*?) ([0-9]{1,9})", object_id)
    return (found[1], int(found[2])) if found else (str(object_id), 1)
