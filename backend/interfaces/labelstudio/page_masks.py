"""The masks on a person's page, by their drafts and Masklet's answers, and the ones that the person deleted.

A draft is saved seconds late, and the page drops an answer that arrives after a newer request. So a mask counts as
deleted only if it was on the page before: an earlier draft of the same number had it, or this draft has another mask
that came with the same answer alone. Two things are no deletion: undo, which removes every mask that an answer added,
and the removal of masks whose object was reset.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.drafts import Draft, object_frames_of
from backend.adapters.labelstudio.writing.regions import region_id
from backend.application.annotation.annotation_service import UserTask
from backend.application.ports.key_value import KeyValueStore
from backend.codecs.coco_rle import box_rel
from backend.domain.geometry import FrameSize
from backend.domain.masklets import MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

FOLDER = "on-page"
MAX_ANSWERS = 8
"""The newest answers that are kept: a draft has the earlier ones by then."""

Key = tuple[ObjectId, FrameIndex]


@dataclass(frozen=True, slots=True)
class Answer:
    """The masks of an answer, and those of them that were not on the page before."""

    keys: frozenset[Key]
    new: frozenset[Key]


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a page. present: the masks in the draft, and whether each is a region of Masklet.

    draft: its name. ignored: masks of objects that were reset. size: of the masks, in pixels.
    """

    draft: str = ""
    present: Mapping[Key, bool] = field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    ignored: frozenset[Key] = frozenset()
    size: FrameSize | None = None

    def deleted(self, now: Mapping[Key, bool]) -> frozenset[Key]:
        """The masks of Masklet that were on the page and are not in the draft's present masks."""
        shown = {key for key, is_own in self.present.items() if is_own}
        for answer in self.answers:
            others = {key for other in self.answers if other is not answer for key in other.keys}
            if any(now.get(key) for key in answer.new - others):
                shown |= answer.keys
        gone = shown - now.keys() - self.ignored
        for answer in self.answers:
            if len(answer.new) > 1 and answer.new.isdisjoint(now.keys()):
                gone -= answer.new
        return frozenset(gone)


@dataclass(frozen=True, slots=True)
class PageMasks:
    """The record of one user's page of a task with frames as pages."""

    key_values: KeyValueStore
    user_task: UserTask
    binding: Binding

    def update(self, draft: Draft, *, earlier_names: Iterable[str] = ()) -> frozenset[Key]:
        """Reads the newest draft; returns the masks that the person deleted since the one before.

        earlier_names: of the anonymous annotators whose masks the draft shows. Their answers count for the first draft:
        before it Label Studio does not name the person.
        """
        if not draft.name:
            return frozenset()
        record = self.read()
        if not record.draft:
            record = self._with_answers_of(record, earlier_names)
        now = self._in_draft(draft)
        is_same = record.draft in (draft.name, "")
        kept = {key: is_own for key, is_own in now.items() if key not in record.ignored}
        size = _size_of(draft) or record.size
        changed = Record(draft.name, kept, record.answers if is_same else (), record.ignored, size)
        if changed != record:  # the draft is the same for five seconds of clicks
            self._write(changed)
        return record.deleted(now) if is_same else frozenset()

    def _with_answers_of(self, record: Record, names: Iterable[str]) -> Record:
        for name in names:
            other = replace(self, user_task=replace(self.user_task, user=name)).read()
            record = replace(
                record,
                answers=(*record.answers, *other.answers)[-MAX_ANSWERS:],
                ignored=record.ignored | other.ignored,
                size=record.size or other.size,
            )
        return record

    def answered(self, run: MaskRun) -> None:
        """Records the masks of an answer."""
        keys = frozenset(
            (masklet.object_id, frame.frame_index)
            for masklet in run.masklets
            for frame in masklet.frames
            if box_rel(frame.mask) is not None
        )
        if keys:
            record = self.read()
            answers = (*record.answers, Answer(keys, keys - record.present.keys()))[-MAX_ANSWERS:]
            self._write(replace(record, answers=answers, ignored=record.ignored - keys, size=run.video.size))

    def reset(self, object_ids: Collection[ObjectId]) -> None:
        """Ignores the masks of these objects from now on, until an answer has them again."""
        record = self.read()
        on_page = {*record.present, *(key for answer in record.answers for key in answer.keys)}
        reset = frozenset(key for key in on_page if key[0] in object_ids)
        self._write(
            replace(
                record,
                present={key: is_own for key, is_own in record.present.items() if key not in reset},
                answers=tuple(Answer(answer.keys - reset, answer.new - reset) for answer in record.answers),
                ignored=record.ignored | reset,
            )
        )

    def keys(self) -> frozenset[Key]:
        """The masks that may be on the page."""
        record = self.read()
        return frozenset({*record.present, *record.ignored, *(key for each in record.answers for key in each.keys)})

    def read(self) -> Record:
        """The record; an empty one if there is none."""
        body = self.key_values.read(self._name)
        return Record() if body is None else _record_of(json.loads(body))

    def _write(self, record: Record) -> None:
        self.key_values.write(self._name, json.dumps(_document_of(record)).encode())

    def _in_draft(self, draft: Draft) -> dict[Key, bool]:
        """The masks in a draft, and whether a region of each has Masklet's id."""
        found: dict[Key, bool] = {}
        for region in draft.result:
            for object_id, page in object_frames_of(region, self.binding):
                if page is not None and isinstance(region, Mapping):
                    key = (object_id, page)
                    found[key] = region.get("id") == region_id(self._task, *key) or found.get(key, False)
        return found

    @property
    def _task(self) -> TaskKey:
        return self.user_task.task

    @property
    def _name(self) -> str:
        user = hashlib.sha256(self.user_task.user.encode("utf-8", "surrogatepass")).hexdigest()[:24]
        return f"{FOLDER}/{self._task.project_id}-{self._task.task_id}/{user}"


def _size_of(draft: Draft) -> FrameSize | None:
    for region in draft.result:
        sides = [region.get(name) for name in ("original_width", "original_height")] if isinstance(region, dict) else []
        if sides and all(type(side) is int and side > 0 for side in sides):
            return FrameSize(*(int(str(side)) for side in sides))
    return None


def _document_of(record: Record) -> dict[str, object]:
    return {
        "draft": record.draft,
        "present": [[*key, is_own] for key, is_own in record.present.items()],
        "answers": [[_rows(answer.keys), _rows(answer.new)] for answer in record.answers],
        "ignored": _rows(record.ignored),
        "size": None if record.size is None else [record.size.width, record.size.height],
    }


def _record_of(document: Mapping[str, list[list[object]]]) -> Record:
    size = document["size"]
    return Record(
        str(document["draft"]),
        {_key(row): bool(row[2]) for row in document["present"]},
        tuple(Answer(_keys(keys), _keys(new)) for keys, new in document["answers"]),
        _keys(document["ignored"]),
        None if size is None else FrameSize(*(int(str(side)) for side in size)),
    )


def _rows(keys: Iterable[Key]) -> list[list[object]]:
    return [[*key] for key in sorted(keys)]


def _keys(rows: object) -> frozenset[Key]:
    assert isinstance(rows, list), "written by _rows"
    return frozenset(_key(row) for row in rows)


def _key(row: list[object]) -> Key:
    return ObjectId(str(row[0])), FrameIndex(int(str(row[1])))
