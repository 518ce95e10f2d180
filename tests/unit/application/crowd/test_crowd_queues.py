"""A crowd's queues on the lead's page, and its verifiers' verdicts in people's trust."""

from __future__ import annotations

import pytest

from backend.application.crowd.lead.crowd_queues import CrowdQueues
from backend.application.crowd.routing.status import CrowdStatuses
from backend.application.ports.crowd_ledger import CrowdRecord
from backend.domain.crowd.routing import Answer, Crowd, ItemState, NextStep, Role, Route, Source, Start
from backend.domain.tasks import TaskKey
from tests.fakes.clock import FakeClock
from tests.fakes.stores import temporary_ledger

ANN = "ann@example.org"
STOPPED, WAITING, MADE = (TaskKey(3, number) for number in (41, 42, 43))


@pytest.fixture
def queues() -> CrowdQueues:
    clock = FakeClock()
    ledger = temporary_ledger(clock)
    ledger.add_crowd(CrowdRecord(Crowd("cats", {}, 2), (Role.TRACK, Role.VERIFY), "<View/>"))
    ledger.set_crowd_project("cats", Role.TRACK, 3)
    ledger.set_crowd_project("cats", Role.VERIFY, 4)
    ledger.set_crowd_ready("cats")
    ledger.add_items("cats", Role.TRACK, [STOPPED, WAITING, MADE])
    ledger.end_step(ledger.steps_of_item(STOPPED)[0], Route(ItemState.STOPPED), maker=ANN)
    ledger.note_answers(ledger.steps_of_item(WAITING)[0], [Answer(7, ANN)])
    (due,) = ledger.due_steps(9e9)
    ledger.look_again(due, at_s=9e17, waits="annotation 7 has no masks", uncounted={})
    to_verify = Route(ItemState.OPEN, NextStep(Role.VERIFY, Start.MASKS, source=Source(MADE, ANN)))
    ledger.end_step(ledger.steps_of_item(MADE)[0], to_verify, maker=ANN)
    return CrowdQueues(ledger, CrowdStatuses(ledger, ledger, clock))


def test_a_crowds_queues_are_those_of_each_of_its_projects(queues: CrowdQueues) -> None:
    track, verify = queues.queues(4)
    assert (track.stage, track.project_id, track.waiting, track.done) == ("track", 3, 1, 2)
    assert (verify.stage, verify.waiting, verify.done, verify.stuck) == ("verify", 1, 0, ())
    assert track.per_hour == pytest.approx(2 / 24)
    assert track.stuck == (
        "task 3/42: annotation 7 has no masks",
        "item 3/41: stopped after 0 redo(s), last task 3/41.",
    )
    assert queues.queues(3) == queues.queues(4)


def test_a_project_of_no_crowd_has_no_queue(queues: CrowdQueues) -> None:
    assert (queues.phase(3), queues.phase(4), queues.phase(5)) == ("track", "verify", "")
    assert queues.queues(5) == ()


def test_who_redoes_masks_is_told_why_and_who_verifies_is_not(queues: CrowdQueues) -> None:
    assert queues.note(MADE) == ""
    (verify,) = [step for step in queues.ledger.steps_of_item(MADE) if step.role is Role.VERIFY]
    claimed = queues.ledger.set_step_task(verify, 90)
    queues.ledger.open_step(verify)
    assert claimed == 90
    told = NextStep(Role.TRACK, Start.MASKS, note='Redo 1 of 2. A verifier says: redo "the tail".')
    opened = next(step for step in queues.ledger.steps_of_item(MADE) if step.role is Role.VERIFY)
    queues.ledger.end_step(opened, Route(ItemState.OPEN, told, is_redo=True))
    again = queues.ledger.steps_of_item(MADE)[-1]
    queues.ledger.set_step_task(again, 91)
    assert queues.note(TaskKey(3, 91)) == 'Redo 1 of 2. A verifier says: redo "the tail".'
    assert queues.note(TaskKey(4, 90)) == ""
    assert queues.note(TaskKey(3, 999)) == ""
