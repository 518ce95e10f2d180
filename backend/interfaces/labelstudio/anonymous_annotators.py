"""Canvases of people whom Label Studio has not named yet, and whose they turn out to be.

Nothing in a request says who clicks before their first draft is saved, five seconds after the click. Until then a
person is a newcomer. A newcomer's prompts become a person's whose draft shows the very masks that the newcomer was
answered with: two people who mark the same page with the same label are told apart by that. Whoever asks without a
draft when the last newcomer has one is another newcomer; so is, where drafts cannot be read, who asks when one would
long have been saved.

Everything that is known about newcomers is a note: losing it costs a repeated click, never a prompt.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.context import prompts_of_annotation
from backend.adapters.labelstudio.reading.drafts import object_frame_of
from backend.adapters.labelstudio.reading.mask_fingerprints import (
    MaskFingerprints,
    fingerprints_of_json,
    fingerprints_to_json,
)
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.prompt_ownership import Spot
from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore
from backend.domain.errors import MaskletError
from backend.domain.masklets import MaskRun
from backend.domain.tasks import TaskKey

FIRST = ""
"""The first newcomer's name, which is also that of prompts that came with a batch."""

MARK = "?"
"""What the others' names begin with, and no e-mail address does."""

APART_S = 30.0
"""Much longer than a draft takes to be saved, on a busy machine too: who asks without one after that is another one."""

MAX_ANONYMOUS = 20


@dataclass(frozen=True, slots=True)
class AnonymousAnnotators:
    """Seats people without a name, and tells which of them somebody was."""

    notes: KeyValueStore
    clock: Clock
    binding: Binding

    def latest(self, task: TaskKey) -> str | None:
        """The newcomer who asked last; None if there was none."""
        return next(iter(self._known(task)), None)

    def assign(self, canvas: UserTask, *, latest_left: bool) -> UserTask:
        """The canvas of the newcomer who asked last, or of a new one. latest_left: that one has a name by now."""
        now_s = self.clock.now_s()
        known = self._known(canvas.task)
        latest, seen = next(iter(known.items()), (FIRST, Seen(now_s)))
        if known and (latest_left or now_s - seen.seen_s > APART_S):
            latest, seen = _name(1 + max(_number(newcomer) for newcomer in known)), Seen(now_s)
        self._write(canvas.task, latest, Seen(now_s, seen.shown))
        return replace(canvas, user=latest)

    def answered(self, canvas: UserTask, run: MaskRun) -> None:
        """Remember what a newcomer was shown; nothing for who has a name."""
        if canvas.user != FIRST and not canvas.user.startswith(MARK):
            return
        seen = self._known(canvas.task).get(canvas.user, Seen(0.0))
        seen.shown.add_run(run)
        self._write(canvas.task, canvas.user, Seen(self.clock.now_s(), seen.shown))

    def match(self, task: TaskKey, result: Sequence[object]) -> dict[str, frozenset[Spot]]:
        """Of each newcomer, the spots at which these regions, a person's, show what the newcomer was answered with.

        Where a newcomer was shown no mask, prompts came with a batch or no answer came: there any mask will do.
        """
        drawn = {spot: region for region in result if (spot := object_frame_of(region, self.binding)) is not None}
        known = self._known(task)
        found = {newcomer: frozenset(self._shown_by(drawn, seen.shown)) for newcomer, seen in known.items()}
        if FIRST not in known:
            found[FIRST] = frozenset(drawn)
        return {newcomer: spots for newcomer, spots in found.items() if spots}

    def _shown_by(self, drawn: Mapping[Spot, object], shown: MaskFingerprints) -> Iterator[Spot]:
        for spot, region in drawn.items():
            object_id, page = spot
            if page is None or (object_id, page) not in shown.digests or self._is_of(region, shown):
                yield spot

    def _is_of(self, region: object, shown: MaskFingerprints) -> bool:
        """Whether a region is a mask of the trace, whatever strokes were drawn over it since."""
        if not isinstance(region, Mapping) or not isinstance(value := region.get("value"), Mapping):
            return False
        if "rle" not in value and "imageDataURL" not in value:
            return True  # polygons and boxes come back rounded: there the spot has to do
        bare = {**region, "value": {name: entry for name, entry in value.items() if name != "touches"}}
        try:
            return any(shown.repeats(prompt) for prompt in prompts_of_annotation([bare], self.binding))
        except MaskletError:
            return False

    def _known(self, task: TaskKey) -> dict[str, Seen]:
        """The task's newcomers, the one who asked last first."""
        bodies = ((name, self.notes.read(name)) for name in self.notes.names(_folder(task)))
        seen = [(name.rpartition("/")[2], Seen.of(body)) for name, body in bodies if body is not None]
        return {_name(int(leaf)): newcomer for leaf, newcomer in sorted(seen, key=lambda entry: -entry[1].seen_s)}

    def _write(self, task: TaskKey, user: str, seen: Seen) -> None:
        self.notes.write(f"{_folder(task)}/{_number(user)}", seen.body())
        for surplus in self.notes.names(_folder(task))[MAX_ANONYMOUS:]:
            self.notes.remove(surplus)


@dataclass(frozen=True, slots=True)
class Seen:
    """When a newcomer asked last, and what they were answered with."""

    seen_s: float
    shown: MaskFingerprints = field(default_factory=MaskFingerprints)

    @classmethod
    def of(cls, body: bytes) -> Seen:
        document = json.loads(body)
        return cls(float(document["seen_s"]), fingerprints_of_json(document["shown"]))

    def body(self) -> bytes:
        return json.dumps({"seen_s": self.seen_s, "shown": fingerprints_to_json(self.shown)}).encode()


def _name(number: int) -> str:
    return FIRST if number == 1 else f"{MARK}{number}"


def _number(newcomer: str) -> int:
    return 1 if newcomer == FIRST else int(newcomer.removeprefix(MARK))


def _folder(task: TaskKey) -> str:
    return f"newcomers/{task.project_id}-{task.task_id}"
