"""The user's verdicts on a task and its objects. A verdict counts for the masks that it was given for."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from backend.application.annotation.annotation_service import UserTask
from backend.application.player.timeline import Lane, Timelines
from backend.application.ports.player_ledger import PlayerLedger
from backend.domain.errors import NotFound
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import GivenVerdict, Verdict


@dataclass(frozen=True, slots=True)
class ShownVerdict:
    """is_outdated: whether the masks have changed since the verdict was given."""

    given: GivenVerdict
    is_outdated: bool


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of one user task."""

    ledger: PlayerLedger
    timelines: Timelines
    user_task: UserTask

    def all(self) -> tuple[ShownVerdict, ...]:
        """The whole task's first, then by object. Objects without prompts have none."""
        given = self.ledger.verdicts(self.user_task.task, user=self.user_task.user)
        if not given:
            return ()
        lanes = self.timelines.of(self.user_task).lanes
        return tuple(
            ShownVerdict(each, each.masks != _digest(lanes, each.object_id))
            for each in given
            if each.object_id is None or each.object_id in lanes
        )

    def give(self, object_id: ObjectId | None, verdict: Verdict, comment: str) -> tuple[ShownVerdict, ...]:
        """Records a verdict on the current masks; it replaces the earlier one. Returns all verdicts.

        object_id: None for the whole task. Raises NotFound for an object without prompts.
        """
        lanes = self.timelines.of(self.user_task).lanes
        if object_id is not None and object_id not in lanes:
            raise NotFound(f"nothing is prompted for {object_id[:60]!r}")
        given = GivenVerdict(object_id, verdict, comment, _digest(lanes, object_id))
        self.ledger.set_verdict(self.user_task.task, given, user=self.user_task.user)
        return self.all()

    def take_back(self, object_id: ObjectId | None) -> tuple[ShownVerdict, ...]:
        """Removes a verdict; returns the others. Raises NotFound without one."""
        if not self.ledger.remove_verdicts(self.user_task.task, [object_id], user=self.user_task.user):
            raise NotFound("there is no such verdict of yours on this task")
        return self.all()


def _digest(lanes: Mapping[ObjectId, Lane], object_id: ObjectId | None) -> str:
    """The digest of the masks of an object, or of all objects."""
    if object_id is not None:
        return lanes[object_id].digest
    parts = "\n".join(f"{each!r} {lane.digest}" for each, lane in sorted(lanes.items()))
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
