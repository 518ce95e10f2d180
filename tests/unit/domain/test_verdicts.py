"""Which verdict counts for an object, and the choice of objects by verdict."""

from __future__ import annotations

import pytest

from backend.domain.errors import InvalidInput
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import (
    NO_MASKS,
    GivenVerdict,
    MaskDigests,
    MaskVerdicts,
    ObjectState,
    UserVerdict,
    Verdict,
    VerdictChoice,
)

TASK = TaskKey(3, 41)
CAT, DOG = ObjectId("Cat"), ObjectId("Dog")
ANN, BOB = "ann@example.org", "bob@example.org"
MASKS = MaskDigests.of({CAT: "cat's masks", DOG: "dog's masks"})
OLD = "earlier masks"


def said(user: str, verdict: Verdict, object_id: ObjectId | None = CAT, masks: str | None = None) -> UserVerdict:
    digest = MASKS.of_subject(object_id) if masks is None else masks
    return UserVerdict(TASK, user, GivenVerdict(object_id, verdict, "", digest))


def state(*verdicts: UserVerdict, of: ObjectId = CAT) -> ObjectState:
    return MaskVerdicts.of(verdicts, MASKS, author=ANN).state(of)


def test_without_verdicts_nothing_counts() -> None:
    assert state() is ObjectState.NONE
    assert state(said(ANN, Verdict.REDO, DOG)) is ObjectState.NONE


@pytest.mark.parametrize("strict", [Verdict.REJECT, Verdict.REDO, Verdict.SKIPPED])
def test_of_several_persons_the_strictest_counts(strict: Verdict) -> None:
    for first, second in ((ANN, BOB), (BOB, ANN)):
        assert state(said(first, Verdict.SATISFACTORY), said(second, strict)).value == strict.value
    assert state(said(ANN, Verdict.REDO), said(BOB, Verdict.REJECT)) is ObjectState.REJECT


def test_the_verdict_on_an_object_counts_before_the_same_persons_on_the_task() -> None:
    verdicts = (said(ANN, Verdict.REDO, None), said(ANN, Verdict.SATISFACTORY))
    assert state(*verdicts) is ObjectState.SATISFACTORY
    assert state(*verdicts, of=DOG) is ObjectState.REDO
    assert state(*verdicts, said(BOB, Verdict.REJECT, None)) is ObjectState.REJECT


def test_an_outdated_verdict_counts_as_outdated_if_there_is_no_other() -> None:
    assert state(said(ANN, Verdict.REDO, masks=OLD)) is ObjectState.OUTDATED
    assert state(said(ANN, Verdict.REDO, masks=OLD), said(BOB, Verdict.SATISFACTORY)) is ObjectState.SATISFACTORY
    assert state(said(ANN, Verdict.REDO, None, OLD)) is ObjectState.OUTDATED


def test_what_others_said_of_other_masks_is_not_listed() -> None:
    found = MaskVerdicts.of([said(BOB, Verdict.REDO, masks=OLD)], MASKS, author=ANN)
    assert (found.listed, found.state(CAT)) == ((), ObjectState.NONE)


def test_an_objection_of_a_person_without_masks_stands() -> None:
    for verdict in (Verdict.REDO, Verdict.REJECT):
        assert state(said(ANN, Verdict.SATISFACTORY), said(BOB, verdict, None, NO_MASKS)).value == verdict.value
    for verdict in (Verdict.SATISFACTORY, Verdict.SKIPPED):
        assert state(said(BOB, verdict, None, NO_MASKS)) is ObjectState.NONE
    assert state(said(ANN, Verdict.REDO, None, NO_MASKS)) is ObjectState.OUTDATED


def test_an_object_that_was_not_among_the_judged_ones_has_no_verdict() -> None:
    cow = ObjectId("Cow")
    assert state(said(ANN, Verdict.SATISFACTORY, None), of=cow) is ObjectState.NONE
    assert state(said(BOB, Verdict.REJECT, None, NO_MASKS), of=cow) is ObjectState.REJECT


def test_without_digests_no_verdict_is_current() -> None:
    given = [said(ANN, Verdict.SATISFACTORY), said(ANN, Verdict.SATISFACTORY, None)]
    found = MaskVerdicts.of(given, MaskDigests(), author=ANN)
    assert [each.shown.is_outdated for each in found.listed] == [True, True]


def test_a_verdict_on_the_masks_of_several_people_counts_for_each() -> None:
    theirs = MaskDigests.of({CAT: "another cat's masks"})
    given = said("lead@example.org", Verdict.REDO, None, f"{theirs.task}\n{MASKS.task}")
    for masks, author in ((MASKS, ANN), (theirs, BOB)):
        assert MaskVerdicts.of([given], masks, author=author).state(CAT) is ObjectState.REDO
    changed = MaskDigests.of({CAT: "cat's new masks"})
    assert MaskVerdicts.of([given], changed, author=ANN).state(CAT) is ObjectState.NONE


def test_a_choice_names_what_counts() -> None:
    choice = VerdictChoice.parse("none, satisfactory")
    assert str(choice) == "satisfactory,none"
    assert [each for each in ObjectState if choice.keeps(each)] == [ObjectState.SATISFACTORY, ObjectState.NONE]
    assert all(VerdictChoice.parse("all").keeps(each) for each in ObjectState)


@pytest.mark.parametrize("text", ["good", "", "redo,", "all,redo"])
def test_an_unknown_verdict_is_named_with_the_possible_ones(text: str) -> None:
    with pytest.raises(InvalidInput, match="satisfactory, redo, reject, skipped, outdated, none with commas"):
        VerdictChoice.parse(text)
