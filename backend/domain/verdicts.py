"""Verdicts: what a person says of the masks of an object, or of a whole task, and for which masks it counts."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from backend.domain.errors import InvalidInput
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey


class Verdict(StrEnum):
    """SATISFACTORY: the masks are right. REDO: prompt or draw again. REJECT: of no use. SKIPPED: not worked on."""

    SATISFACTORY = "satisfactory"
    REDO = "redo"
    REJECT = "reject"
    SKIPPED = "skipped"


STRICTEST_FIRST = (Verdict.REJECT, Verdict.REDO, Verdict.SKIPPED, Verdict.SATISFACTORY)


@dataclass(frozen=True, slots=True)
class GivenVerdict:
    """object_id: None for the whole task. masks: the digest of the masks that the verdict was given for.

    A verdict on the masks of several people has the digest of each, on a line of its own.
    """

    object_id: ObjectId | None
    verdict: Verdict
    comment: str
    masks: str


@dataclass(frozen=True, slots=True)
class UserVerdict:
    """A person's verdict on a task or on one of its objects."""

    task: TaskKey
    user: str
    given: GivenVerdict


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """is_outdated: whether the masks are other ones than those that the verdict was given for."""

    given: GivenVerdict
    is_outdated: bool


@dataclass(frozen=True, slots=True)
class UserShownVerdict:
    """A person's verdict on a task or on one of its objects, compared with masks."""

    task: TaskKey
    user: str
    shown: ShownVerdict


@dataclass(frozen=True, slots=True)
class MaskDigests:
    """Digests of the masks of a task, for the comparison with verdicts.

    objects: of each object's masks. task: of the masks of all objects; empty if it is not known.
    """

    objects: Mapping[ObjectId, str] = field(default_factory=dict)
    task: str = ""

    @classmethod
    def of(cls, objects: Mapping[ObjectId, str]) -> MaskDigests:
        """objects: the digests of all objects of the task."""
        parts = "\n".join(f"{each!r} {digest}" for each, digest in sorted(objects.items()))
        return cls(dict(objects), hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest())

    def of_subject(self, object_id: ObjectId | None) -> str:
        """The digest of an object's masks, or of all; empty if it is not known."""
        return self.task if object_id is None else self.objects.get(object_id, "")

    def shown(self, given: GivenVerdict) -> ShownVerdict:
        """The verdict, compared with these masks."""
        digest = self.of_subject(given.object_id)
        return ShownVerdict(given, not digest or digest not in given.masks.splitlines())


NO_MASKS = MaskDigests.of({}).task
"""The digest of a verdict on the whole task by a person without prompts there."""


class ObjectState(StrEnum):
    """What counts for an object: a verdict; OUTDATED: its masks changed since; NONE: nobody said anything."""

    SATISFACTORY = "satisfactory"
    REDO = "redo"
    REJECT = "reject"
    SKIPPED = "skipped"
    OUTDATED = "outdated"
    NONE = "none"


def counts_text(counts: Mapping[str, int]) -> str:
    """Counts by state as text, such as "2 redo, 1 none"; empty without any."""
    return ", ".join(f"{counts[state]} {state}" for state in ObjectState if counts.get(state))


@dataclass(frozen=True, slots=True)
class MaskVerdicts:
    """The verdicts on the masks of one annotation or run, by user, the whole task's first.

    Of one person the verdict on the object counts, or else the one on the whole task. Of several persons the strictest
    counts: an objection stands until its author takes it back or the masks change. objects: those whose masks were
    compared; a verdict on the whole task is on these.
    """

    listed: tuple[UserShownVerdict, ...] = ()
    objects: Collection[ObjectId] = ()

    @classmethod
    def of(cls, verdicts: Iterable[UserVerdict], masks: MaskDigests, *, author: str) -> MaskVerdicts:
        """Those of the masks' author, also outdated ones, and those of others that were given for the same masks.

        A person without masks of their own objects to whatever masks the task has: `redo` and `reject` on the whole
        task are never outdated. Their other verdicts are on no masks, and left out.
        """
        listed = []
        for each in verdicts:
            shown = masks.shown(each.given)
            if each.user != author and is_on_no_masks(each.given):
                if each.given.verdict not in (Verdict.REDO, Verdict.REJECT):
                    continue
                shown = ShownVerdict(each.given, is_outdated=False)
            if each.user == author or not shown.is_outdated:
                listed.append(UserShownVerdict(each.task, each.user, shown))
        return cls(tuple(listed), frozenset(masks.objects))

    def state(self, object_id: ObjectId) -> ObjectState:
        """What counts for an object."""
        on_task: dict[str, Verdict] = {}
        on_object: dict[str, Verdict] = {}
        is_outdated = False
        for each in self.listed:
            given = each.shown.given
            if not self._is_on(given, object_id):
                continue
            is_outdated = is_outdated or each.shown.is_outdated
            if not each.shown.is_outdated:
                (on_task if given.object_id is None else on_object)[each.user] = given.verdict
        counting = {**on_task, **on_object}.values()
        strictest = next((verdict for verdict in STRICTEST_FIRST if verdict in counting), None)
        if strictest is not None:
            return ObjectState(strictest.value)
        return ObjectState.OUTDATED if is_outdated else ObjectState.NONE

    def _is_on(self, given: GivenVerdict, object_id: ObjectId) -> bool:
        if given.object_id is not None:
            return given.object_id == object_id
        return object_id in self.objects or is_on_no_masks(given)


def is_on_no_masks(given: GivenVerdict) -> bool:
    """Whether the person had no masks of their own on the task."""
    return given.object_id is None and given.masks == NO_MASKS


@dataclass(frozen=True, slots=True)
class VerdictChoice:
    """Which objects an export keeps, by what counts for them. states None: all objects."""

    states: frozenset[ObjectState] | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `all`, or verdicts with commas between. Raises InvalidInput naming the choices."""
        if text == "all":
            return cls()
        names = [name.strip() for name in text.split(",")]
        unknown = next((name for name in names if name not in list(ObjectState)), None)
        if unknown is not None:
            known = ", ".join(ObjectState)
            raise InvalidInput(f"--verdict takes all, or some of {known} with commas between, not {unknown!r}")
        return cls(frozenset(map(ObjectState, names)))

    def keeps(self, state: ObjectState) -> bool:
        return self.states is None or state in self.states

    def __str__(self) -> str:
        return "all" if self.states is None else ",".join(state for state in ObjectState if state in self.states)
