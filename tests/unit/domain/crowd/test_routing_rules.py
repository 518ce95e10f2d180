"""Which verdicts count, what n of them decide, and where an item goes then."""

from __future__ import annotations

import pytest

from backend.domain.crowd.routing import (
    Answer,
    Crowd,
    ItemState,
    Judgement,
    Limits,
    NextStep,
    Role,
    Route,
    Start,
    Step,
    parse_step_name,
)
from backend.domain.crowd.routing_rules import (
    Uncounted,
    counted,
    decided,
    edited_frames,
    kept_objects,
    route_automatic,
    route_made,
    route_verified,
    said,
    verify_note,
    wait_of_verification,
)
from backend.domain.errors import InvalidInput
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import Verdict
from backend.domain.video import FrameIndex

ANN, BOB, CEM = "ann@example.org", "bob@example.org", "cem@example.org"
CAT, DOG = ObjectId("Cat"), ObjectId("Dog")
GOOD, REDO, REJECT = Verdict.SATISFACTORY, Verdict.REDO, Verdict.REJECT
ALL = Crowd("cats", {Role.SELECT: 1, Role.TRACK: 2, Role.VERIFY: 3}, max_redos=2)


def answers(*verdicts: Verdict | None) -> list[Answer]:
    return [Answer(number, f"{number}@example.org", verdict) for number, verdict in enumerate(verdicts)]


def crowd_of(*roles: Role) -> Crowd:
    return Crowd("cats", {role: number for number, role in enumerate(roles, 1)})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([GOOD], GOOD),
        ([GOOD, GOOD, REDO], GOOD),
        ([GOOD, REDO], REDO),
        ([REJECT, REJECT, GOOD], REJECT),
        ([REJECT, REDO, GOOD], REDO),
        ([GOOD, GOOD, REJECT, REJECT], REDO),
    ],
)
def test_more_than_half_decide_and_otherwise_it_is_redone(given: list[Verdict], expected: Verdict) -> None:
    assert decided(answers(*given)) is expected


def test_an_object_to_redo_makes_a_satisfactory_task_one_to_redo() -> None:
    objects = {CAT: Judgement(REDO, "an ear"), DOG: Judgement(REJECT)}
    assert Answer(1, ANN, GOOD, objects=objects).overall is REDO
    assert Answer(1, ANN, GOOD, objects={DOG: Judgement(REJECT)}).overall is GOOD
    assert Answer(1, ANN, REJECT, objects=objects).overall is REJECT


def test_whose_verdicts_count() -> None:
    given = [
        Answer(1, ANN, GOOD),
        Answer(2, BOB, REDO),
        Answer(3, BOB, GOOD),
        Answer(4, CEM, None),
        Answer(5, "", GOOD),
        Answer(6, CEM, Verdict.SKIPPED),
    ]
    whys = [each.why for each in counted(reversed(given), {ANN})]
    missing = Uncounted.MISSING
    assert whys == [Uncounted.MAKER, Uncounted.AGAIN, None, missing, Uncounted.UNNAMED, missing]


def test_why_a_verification_waits() -> None:
    assert wait_of_verification((), 1) == ""
    assert wait_of_verification(counted([Answer(1, ANN, GOOD)], ()), 2) == ""
    assert "another person must verify" in wait_of_verification(counted([Answer(1, ANN, GOOD)], {ANN}), 1)
    assert "annotation 4 does not count" in wait_of_verification(counted([Answer(4, CEM)], ()), 1)


def test_notes_name_nobody() -> None:
    judged = counted([Answer(1, ANN, GOOD), Answer(2, ANN, GOOD), Answer(3, CEM)], {ANN})
    note = verify_note([each for each in judged if each.why is not None])
    assert "2 verdicts do not count: its author made these masks." in note
    assert "1 verdict does not count: it names no verdict" in note
    assert "@" not in note
    sentences = said([Answer(1, ANN, REDO, Limits.AMBIGUOUS, "the\ntail", {CAT: Judgement(REDO, "ear")})])
    assert sentences == 'A verifier says: redo "the tail"; Cat: redo "ear"; limits ambiguous.'


def test_what_is_made_goes_to_the_next_role_that_there_is() -> None:
    assert route_made(ALL, Role.SELECT) == Route(ItemState.OPEN, NextStep(Role.TRACK, Start.PROMPTS))
    assert route_made(ALL, Role.TRACK) == Route(ItemState.OPEN, NextStep(Role.VERIFY, Start.MASKS))
    selects = crowd_of(Role.SELECT, Role.VERIFY)
    assert route_made(selects, Role.SELECT) == Route(ItemState.OPEN, NextStep(Role.VERIFY, Start.MASKS))
    assert route_made(crowd_of(Role.SELECT, Role.TRACK), Role.TRACK) == Route(ItemState.ACCEPTED)


def test_a_verdict_accepts_rejects_or_sends_back_to_the_maker() -> None:
    assert route_verified(ALL, 0, answers(GOOD)) == Route(ItemState.ACCEPTED)
    assert route_verified(ALL, 0, answers(REJECT)) == Route(ItemState.REJECTED)
    back = route_verified(ALL, 1, answers(REDO))
    assert back.is_redo
    assert back.next_step is not None
    assert (back.next_step.role, back.next_step.start) == (Role.TRACK, Start.MASKS)
    assert back.next_step.note.startswith("Redo 2 of 2.")
    assert route_verified(ALL, 2, answers(REDO)) == Route(ItemState.STOPPED)
    assert route_verified(crowd_of(Role.VERIFY), 0, answers(REDO)) == Route(ItemState.STOPPED)
    selects = route_verified(crowd_of(Role.SELECT, Role.VERIFY), 0, answers(REDO)).next_step
    assert selects is not None
    assert selects.role is Role.SELECT


def test_good_automatic_objects_begin_the_next_task() -> None:
    first = Answer(1, ANN, GOOD, objects={DOG: Judgement(REJECT)})
    assert kept_objects([first, Answer(2, BOB, GOOD)], [CAT, DOG]) == (CAT,)
    route = route_automatic(ALL, [first], [CAT, DOG])
    assert not route.is_redo
    assert route.next_step is not None
    assert (route.next_step.role, route.next_step.start, route.next_step.objects) == (Role.TRACK, Start.MASKS, (CAT,))
    for verdict in (REDO, REJECT):
        bad = route_automatic(ALL, answers(verdict), [CAT]).next_step
        assert bad is not None
        assert (bad.role, bad.start, bad.objects) == (Role.TRACK, Start.EMPTY, None)
    assert route_automatic(crowd_of(Role.VERIFY), answers(GOOD), [CAT]) == Route(ItemState.ACCEPTED)


def test_edited_frames_are_those_of_the_most_edited_object() -> None:
    def click(object_id: ObjectId, frame: int, automatic: float | None = None) -> FramePrompt:
        return FramePrompt(object_id, FrameIndex(frame), (PointPrompt(Point(0.5, 0.5)),), automatic=automatic)

    assert edited_frames(PromptSet(())) == 0
    prompts = [click(CAT, 0), click(CAT, 4), click(DOG, 1), click(DOG, 2, 0.9), click(DOG, 3, 0.9)]
    assert edited_frames(PromptSet.of(prompts, {})) == 2


@pytest.mark.parametrize(
    ("name", "verifiers", "redos", "sentence"),
    [
        ("cats", 0, 3, "1 to 5 people verify an item, not 0"),
        ("cats", 6, 3, "1 to 5 people verify an item, not 6"),
        ("cats", 1, -1, "0 to 20 times, not -1"),
        ("a/b", 1, 3, "cannot be a crowd's name"),
        ("", 1, 3, "cannot be a crowd's name"),
        ("x" * 41, 1, 3, "cannot be a crowd's name"),
    ],
)
def test_settings_that_cannot_work_are_refused(name: str, verifiers: int, redos: int, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        Crowd(name, {}, verifiers, redos)


def test_a_steps_name_is_read_back() -> None:
    step = Step("cats 1", TaskKey(3, 41), 2, Role.TRACK, 4)
    assert parse_step_name(step.name) == ("cats 1", TaskKey(3, 41), 2)
    assert parse_step_name("cats/3/41") is None
