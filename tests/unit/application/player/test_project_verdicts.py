"""Everybody's verdicts in a project: their order, labels, and which are outdated."""

from __future__ import annotations

from dataclasses import dataclass, field

from backend.application.player.project_verdicts import ProjectVerdicts, ReportedVerdict, counts_of
from backend.application.player.propagation import WantedRange
from backend.application.player.timeline import Timelines
from backend.application.player.verdicts import Verdicts
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import GivenVerdict, Verdict
from backend.domain.video import Direction, FrameIndex
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.builders import TASK
from tests.unit.application.player.builders import ANN, BOB, CAT, DOG, Player, click, opened_for


@dataclass
class Setup:
    """Ann has masks of a cat and a dog on all frames."""

    player: Player = field(default_factory=Player)

    def __post_init__(self) -> None:
        self.player.put(click(0))
        self.player.put(click(0, DOG), label="Cat")
        self.player.propagations().start(
            self.player.edits().opened, WantedRange(FrameIndex(0), Direction.FORWARD, None, None)
        )
        self.player.parts.work_off()

    @property
    def timelines(self) -> Timelines:
        return Timelines(self.player.masks, MemoryKeyValueStore())

    def judge(self, object_id: ObjectId | None, verdict: Verdict, *, user: str = ANN) -> None:
        Verdicts(self.player.parts.ledger, self.timelines, opened_for(user).user_task).give(object_id, verdict, "why")

    def found(self, task: TaskKey | None = None) -> tuple[ReportedVerdict, ...]:
        return ProjectVerdicts(self.player.parts.ledger, self.timelines).of(TASK.project_id, task=task)


def test_what_is_to_be_redone_comes_first_and_outdated_verdicts_last() -> None:
    setup = Setup()
    setup.judge(CAT, Verdict.SATISFACTORY)
    setup.judge(DOG, Verdict.REDO)
    setup.judge(None, Verdict.REJECT, user=BOB)
    assert [(v.user, v.subject, v.state.value) for v in setup.found()] == [
        (ANN, "Dog (Cat)", "redo"),
        (BOB, "whole task", "reject"),
        (ANN, "Cat", "satisfactory"),
    ]
    setup.player.put(click(4, DOG, x=0.2), label="Cat")
    assert [(v.user, v.subject, v.state.value) for v in setup.found()] == [
        (BOB, "whole task", "reject"),
        (ANN, "Cat", "satisfactory"),
        (ANN, "Dog (Cat)", "outdated"),
    ]
    assert counts_of(setup.found()) == {"reject": 1, "satisfactory": 1, "outdated": 1}


def test_a_task_has_its_own_verdicts_only() -> None:
    setup, other = Setup(), TaskKey(TASK.project_id, 42)
    setup.judge(CAT, Verdict.REDO)
    setup.player.parts.ledger.set_verdict(other, GivenVerdict(None, Verdict.SKIPPED, "", "of earlier masks"), user=BOB)
    assert [(v.task, v.state.value) for v in setup.found()] == [(TASK, "redo"), (other, "outdated")]
    assert [v.task for v in setup.found(TASK)] == [TASK]
