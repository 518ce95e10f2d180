"""Rows of effort in the ledger, as a protocol: active time by beats, and the clicks that the prompts tell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey


@dataclass(frozen=True, slots=True)
class ActiveTime:
    """A person's active time on an object of a task, seconds. object_id None: no object was selected."""

    task: TaskKey
    user: str
    object_id: ObjectId | None
    seconds: float


@dataclass(frozen=True, slots=True)
class PromptEffort:
    """What a person's prompts for an object are, without those that a program made.

    clicks: points and boxes. clicked_frames: frames with these. mask_frames: frames with a mask that the person drew or
    approved. automatic_frames: frames with a prompt that a program made.
    """

    task: TaskKey
    user: str
    object_id: ObjectId
    clicks: int
    clicked_frames: int
    mask_frames: int
    automatic_frames: int = 0


class EffortLedger(Protocol):
    """A part of the Ledger."""

    def record_beat(self, task: TaskKey, object_id: ObjectId | None, *, user: str) -> float:
        """Counts the time since the person's last beat for this object; returns it, in seconds.

        The rule is `domain.crowd.effort.active_s`. A power cut may undo the last beats.
        """
        ...

    def active_times(self, project_id: int) -> tuple[ActiveTime, ...]:
        """The active times in a project, by task, user and object."""
        ...

    def prompt_efforts(self, project_id: int) -> tuple[PromptEffort, ...]:
        """The clicks of everybody in a project, by task, user and object. Reads no masks."""
        ...

    def forget_effort(self, project_id: int, *, user: str) -> float:
        """Deletes a person's active time in a project; returns what was deleted, in seconds."""
        ...
