"""Verdicts: for which masks they count, and when they are outdated."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from backend.application.jobs.queries import newest_propagation
from backend.application.player.prediction_start import PredictionStart
from backend.application.player.propagation import WantedRange
from backend.application.player.timeline import Timelines
from backend.application.player.verdicts import Verdicts, run_verdicts
from backend.domain.errors import NotFound
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.verdicts import MaskVerdicts, ObjectState, ShownVerdict, Verdict
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.engine import FakeCodec
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.builders import TASK
from tests.unit.application.player.builders import ANN, BOB, CAT, DOG, Player, click, opened_for


@dataclass
class Setup:
    """A cat and a dog with masks on all frames."""

    player: Player = field(default_factory=Player)

    def __post_init__(self) -> None:
        self.player.put(click(0))
        self.player.put(click(0, DOG))
        self.propagate()

    def verdicts(self, user: str = ANN) -> Verdicts:
        timelines = Timelines(self.player.masks, MemoryKeyValueStore())
        return Verdicts(self.player.parts.ledger, timelines, opened_for(user).user_task)

    def run_verdicts(self) -> MaskVerdicts:
        """The verdicts on the newest finished propagation."""
        parts = self.player.parts
        job = newest_propagation(parts.ledger, TASK)
        assert job is not None
        return run_verdicts(parts.ledger, parts.masks, FakeCodec(), job)

    def propagate(self, *objects: ObjectId, count: int | None = None) -> None:
        wanted = WantedRange(FrameIndex(0), Direction.FORWARD, count, objects or None)
        self.player.propagations().start(self.player.edits().opened, wanted)
        self.player.parts.work_off()

    @property
    def outdated(self) -> dict[ObjectId | None, bool]:
        return {each.given.object_id: each.is_outdated for each in self.verdicts().all()}


def said(verdicts: tuple[ShownVerdict, ...]) -> list[tuple[str | None, str, str, bool]]:
    return [(v.given.object_id, v.given.verdict, v.given.comment, v.is_outdated) for v in verdicts]


def test_a_verdict_is_kept_with_its_comment() -> None:
    setup = Setup()
    setup.verdicts().give(CAT, Verdict.REDO, "the tail is missing")
    setup.verdicts().give(None, Verdict.REJECT, "")
    assert said(setup.verdicts().all()) == [(None, "reject", "", False), ("Cat", "redo", "the tail is missing", False)]
    assert setup.verdicts(BOB).all() == ()


def test_a_verdict_is_outdated_once_masks_of_its_object_change() -> None:
    setup = Setup()
    for object_id in (None, CAT, DOG):
        setup.verdicts().give(object_id, Verdict.SATISFACTORY, "")
    setup.player.put(click(4, x=0.2))
    assert setup.outdated == {None: True, CAT: True, DOG: False}
    setup.propagate(CAT)
    assert setup.outdated == {None: True, CAT: True, DOG: False}
    setup.verdicts().give(CAT, Verdict.SATISFACTORY, "")
    assert setup.outdated[CAT] is False


def test_a_mask_that_a_person_approved_outdates_a_verdict() -> None:
    setup = Setup()
    setup.verdicts().give(CAT, Verdict.REDO, "")
    setup.player.edits().approve(CAT, FrameRange(FrameIndex(3), FrameIndex(4)))
    assert setup.outdated == {CAT: True}


def test_an_edit_that_is_undone_brings_the_verdict_back() -> None:
    setup = Setup()
    setup.verdicts().give(CAT, Verdict.SATISFACTORY, "")
    setup.player.put(click(4, x=0.2))
    setup.player.edits().delete(CAT, FrameIndex(4), deadline_s=5)
    assert setup.outdated == {CAT: False}


def test_a_forgotten_object_takes_its_verdict_with_it() -> None:
    setup = Setup()
    setup.verdicts().give(CAT, Verdict.REDO, "")
    setup.verdicts().give(DOG, Verdict.REDO, "")
    setup.player.edits().forget(CAT)
    setup.player.put(click(0))
    assert setup.outdated == {DOG: False}


def test_a_verdict_needs_prompts_of_its_object() -> None:
    with pytest.raises(NotFound, match="nothing is prompted for 'Cow'"):
        Setup().verdicts().give(ObjectId("Cow"), Verdict.REDO, "")


def test_a_task_without_masks_can_be_skipped() -> None:
    setup = Setup()
    setup.verdicts(BOB).give(None, Verdict.SKIPPED, "too dark")
    assert said(setup.verdicts(BOB).all()) == [(None, "skipped", "too dark", False)]
    setup.player.put(click(0), user=BOB)
    assert said(setup.verdicts(BOB).all()) == [(None, "skipped", "too dark", True)]


def test_a_verdict_counts_for_the_run_that_the_player_shows() -> None:
    setup = Setup()
    setup.verdicts().give(CAT, Verdict.SATISFACTORY, "")
    setup.verdicts().give(None, Verdict.REDO, "")
    run = setup.run_verdicts()
    assert [(each.user, each.shown.is_outdated) for each in run.listed] == [(ANN, False), (ANN, False)]
    assert (run.state(CAT), run.state(DOG)) == (ObjectState.SATISFACTORY, ObjectState.REDO)


def test_a_verdict_on_later_masks_is_outdated_for_the_run() -> None:
    setup = Setup()
    setup.player.edits().approve(CAT, FrameRange(FrameIndex(3), FrameIndex(4)))
    for object_id in (CAT, DOG):
        setup.verdicts().give(object_id, Verdict.SATISFACTORY, "")
    assert setup.outdated == {CAT: False, DOG: False}
    assert (setup.run_verdicts().state(CAT), setup.run_verdicts().state(DOG)) == (
        ObjectState.OUTDATED,
        ObjectState.SATISFACTORY,
    )
    setup.propagate()
    assert setup.outdated == {CAT: False, DOG: False}
    assert setup.run_verdicts().state(CAT) is ObjectState.SATISFACTORY


def test_a_propagation_of_a_part_is_not_what_was_judged() -> None:
    setup = Setup()
    setup.player.put(click(4, x=0.2))
    setup.propagate(CAT, count=2)
    setup.verdicts().give(CAT, Verdict.SATISFACTORY, "")
    assert setup.outdated == {CAT: False}
    assert setup.run_verdicts().state(CAT) is ObjectState.OUTDATED


def test_a_verdict_can_be_taken_back() -> None:
    setup = Setup()
    setup.verdicts().give(CAT, Verdict.REDO, "")
    assert setup.verdicts().take_back(CAT) == ()
    with pytest.raises(NotFound, match="there is no such verdict"):
        setup.verdicts().take_back(CAT)


def test_who_is_shown_a_prediction_judges_its_masks() -> None:
    """Until the person's first edit, which makes other masks."""
    setup = Setup(Player())
    for prompt in setup.player.parts.ledger.prompts(TASK, user=ANN):
        setup.player.parts.ledger.record_prompts(TASK, PromptSet.of([prompt], {}), user="")
    setup.player.parts.service.propagate(opened_for("").user_task)
    setup.player.parts.work_off()
    bobs = setup.verdicts(BOB)
    bobs.give(CAT, Verdict.REDO, "an ear")
    bobs.give(None, Verdict.SATISFACTORY, "")
    assert said(bobs.all()) == [(None, "satisfactory", "", False), ("Cat", "redo", "an ear", False)]
    assert setup.run_verdicts().state(CAT) is ObjectState.REDO
    PredictionStart(setup.player.masks).take_over(opened_for(BOB).user_task)
    setup.player.put(click(4, x=0.2), user=BOB)
    assert {each.given.object_id: each.is_outdated for each in bobs.all()} == {None: True, CAT: True}
