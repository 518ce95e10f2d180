"""User tasks of annotators that Label Studio has not named yet, and the match to their names later.

A request names no user before the user's first draft is saved, five seconds after the click. Until then the user is
an anonymous annotator. An anonymous annotator's prompts move to the user whose draft shows the same masks as the
answers: this separates two users who mark one page with one label. A request without a draft is of another anonymous
annotator if the latest one has a draft by now, or had one earlier, when its prompts moved to its user. Where drafts
cannot be read, it is of another one APART_S after the latest one's last request.

All of this is in the key-value store: its loss costs a repeated click, never a prompt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.context import prompts_of_annotation
from backend.adapters.labelstudio.reading.drafts import object_frames_of
from backend.adapters.labelstudio.reading.mask_fingerprints import (
    MaskFingerprints,
    fingerprints_of_json,
    fingerprints_to_json,
)
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.prompt_ownership import ObjectFrameKey
from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore
from backend.domain.errors import MaskletError
from backend.domain.masklets import MaskRun
from backend.domain.tasks import ANONYMOUS_MARK, TaskKey, is_anonymous

FIRST = ""
"""The name of the first anonymous annotator, and the user of prompts that came with a batch."""

APART_S = 30.0
"""Much longer than saving a draft takes on a busy machine: a later request without a draft is of another one."""

CLOCKS_APART_S = 2.0
"""How far Label Studio's clock may be from Masklet's."""

LATELY_S = 600.0
"""How long a person may look at an answer before the first action on it."""

MAX_ANONYMOUS = 20


@dataclass(frozen=True, slots=True)
class AnonymousAnnotators:
    """Names users that have no draft yet, and matches them to users later."""

    key_values: KeyValueStore
    clock: Clock
    binding: Binding

    def latest(self, task: TaskKey) -> str | None:
        """The anonymous annotator of the latest request; None without any."""
        return next(iter(self._known(task)), None)

    def shown_lately(self, task: TaskKey) -> dict[str, frozenset[ObjectFrameKey]]:
        """The latest anonymous annotator and the masks they were shown; empty if they have a draft, or long ago."""
        name, entry = next(iter(self._known(task).items()), (FIRST, None))
        if entry is None or entry.has_draft or self.clock.now_s() - entry.seen_s > LATELY_S:
            return {}
        return {name: frozenset(entry.shown.digests)}

    def waited_at(self, task: TaskKey, saved_s: float | None) -> bool:
        """Whether the latest anonymous annotator waited for an answer when a draft was saved, so that it has none.

        saved_s: see Draft.
        """
        entry = next(iter(self._known(task).values()), None)
        if entry is None or entry.has_draft or saved_s is None:
            return False
        end_s = entry.seen_s if entry.shown.digests else self.clock.now_s()
        return entry.asked_s - CLOCKS_APART_S <= saved_s <= end_s + CLOCKS_APART_S

    def mark_named(self, task: TaskKey, name: str) -> None:
        """The anonymous annotator has a draft: later requests without one are of another."""
        entry = self._known(task).get(name)
        if entry is not None and not entry.has_draft:
            self._write(task, name, replace(entry, has_draft=True))

    def assign(self, user_task: UserTask) -> UserTask:
        """The user task of the latest anonymous annotator; of a new one if that has a draft or was seen long ago."""
        now_s = self.clock.now_s()
        known = self._known(user_task.task)
        new = AnonymousAnnotator(now_s, asked_s=now_s)
        latest, entry = next(iter(known.items()), (FIRST, new))
        if known and (entry.has_draft or now_s - entry.seen_s > APART_S):
            latest, entry = _name(1 + max(_number(name) for name in known)), new
        self._write(user_task.task, latest, replace(entry, seen_s=now_s))
        return replace(user_task, user=latest)

    def answered(self, user_task: UserTask, run: MaskRun) -> None:
        """Stores the masks that an anonymous annotator was shown; does nothing for a named user."""
        if not is_anonymous(user_task.user):
            return
        entry = self._known(user_task.task).get(user_task.user, AnonymousAnnotator(0.0))
        entry.shown.add_run(run)
        self._write(user_task.task, user_task.user, replace(entry, seen_s=self.clock.now_s()))

    def match(self, task: TaskKey, result: Sequence[object]) -> dict[str, frozenset[ObjectFrameKey]]:
        """By anonymous annotator, the objects and frames where a user's regions show the annotator's answers.

        Any mask matches where the annotator was shown none: the prompts came with a batch, or no answer came.
        """
        drawn = {key: region for region in result for key in object_frames_of(region, self.binding)}
        known = self._known(task)
        found = {name: frozenset(self._shown_by(drawn, entry.shown)) for name, entry in known.items()}
        if FIRST not in known:
            found[FIRST] = frozenset(drawn)
        return {name: object_frames for name, object_frames in found.items() if object_frames}

    def _shown_by(self, drawn: Mapping[ObjectFrameKey, object], shown: MaskFingerprints) -> Iterator[ObjectFrameKey]:
        for object_frame, region in drawn.items():
            object_id, page = object_frame
            if page is None or (object_id, page) not in shown.digests or self._is_of(region, shown):
                yield object_frame

    def _is_of(self, region: object, shown: MaskFingerprints) -> bool:
        """Whether a region is one of the shown masks, less the strokes drawn over it since."""
        if not isinstance(region, Mapping) or not isinstance(value := region.get("value"), Mapping):
            return False
        if "rle" not in value and "imageDataURL" not in value:
            return True  # polygons and boxes come back rounded: object and frame have to suffice
        bare = {**region, "value": {name: entry for name, entry in value.items() if name != "touches"}}
        try:
            return any(shown.repeats(prompt) for prompt in prompts_of_annotation([bare], self.binding))
        except MaskletError:
            return False

    def _known(self, task: TaskKey) -> dict[str, AnonymousAnnotator]:
        """The task's anonymous annotators, the latest request first."""
        bodies = self.key_values.values(_folder(task))
        stored = [(name.rpartition("/")[2], AnonymousAnnotator.of(body)) for name, body in bodies]
        return {_name(int(leaf)): entry for leaf, entry in sorted(stored, key=lambda pair: -pair[1].seen_s)}

    def _write(self, task: TaskKey, user: str, entry: AnonymousAnnotator) -> None:
        self.key_values.write(f"{_folder(task)}/{_number(user)}", entry.body())
        for surplus in self.key_values.names(_folder(task))[MAX_ANONYMOUS:]:
            self.key_values.remove(surplus)


@dataclass(frozen=True, slots=True)
class AnonymousAnnotator:
    """An anonymous annotator: the time of the last request or answer, and the fingerprints of the masks shown.

    has_draft: whether the prompts moved to the user whose draft shows these masks. asked_s: the time of the first
    request. Times are in seconds since 1970.
    """

    seen_s: float
    shown: MaskFingerprints = field(default_factory=MaskFingerprints)
    has_draft: bool = False
    asked_s: float = 0.0

    @classmethod
    def of(cls, body: bytes) -> AnonymousAnnotator:
        document = json.loads(body)
        shown = fingerprints_of_json(document["shown"])
        seen_s = float(document["seen_s"])
        return cls(seen_s, shown, bool(document.get("has_draft")), float(document.get("asked_s", seen_s)))

    def body(self) -> bytes:
        shown = fingerprints_to_json(self.shown)
        times = {"seen_s": self.seen_s, "asked_s": self.asked_s}
        return json.dumps({**times, "shown": shown, "has_draft": self.has_draft}).encode()


def _name(number: int) -> str:
    return FIRST if number == 1 else f"{ANONYMOUS_MARK}{number}"


def _number(name: str) -> int:
    return 1 if name == FIRST else int(name.removeprefix(ANONYMOUS_MARK))


def _folder(task: TaskKey) -> str:
    return f"newcomers/{task.project_id}-{task.task_id}"
