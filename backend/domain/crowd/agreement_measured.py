"""What is measured of one task's annotations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from backend.domain.crowd.agreement import ObjectAgreement
from backend.domain.crowd.gold import GoldMask
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict


@dataclass(frozen=True, slots=True)
class Submission:
    """A person's newest annotation of a task. user: Masklet's name of Label Studio's user. submitted_s: wall clock."""

    user: str
    annotation_id: int
    submitted_s: float


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredTask:
    """The measurements of one task. The columns of `objects` are `people`, in that order.

    gold, verdicts: by user; verdicts: those of others on the person's masks of now.
    """

    task: TaskKey
    people: tuple[Submission, ...]
    objects: tuple[ObjectAgreement, ...]
    gold: Mapping[str, Sequence[GoldMask]] = field(default_factory=dict)
    verdicts: Mapping[str, Mapping[Verdict, int]] = field(default_factory=dict)
