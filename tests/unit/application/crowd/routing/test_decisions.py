"""A lead decides of items, whatever their people said."""

from __future__ import annotations

import pytest

from backend.application.crowd.routing.decisions import Decisions
from backend.application.crowd.routing.ports import NOTE_FIELD
from backend.domain.crowd.routing import Decision, ItemState, Role, Route
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.verdicts import Verdict
from tests.fakes.crowd.routed_tasks import CrowdOfTest
from tests.unit.application.builders import click_on
from tests.unit.application.crowd.routing.builders import ANN, BOB, CEM, item_of, roles, shown, to_verify


def test_a_lead_sends_a_stopped_item_back_or_ends_any_item() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY), max_redos=0)
    key, verify = to_verify(crowd)
    of_ann = shown(crowd, verify, CEM)
    crowd.tasks.annotate(verify, BOB, Verdict.REDO)
    crowd.sweep()
    assert item_of(crowd, key).state is ItemState.STOPPED
    decisions = Decisions(crowd.parts.ledger, crowd.tasks)
    decisions.decide("cats", key, Decision.REDO, "the\nears")
    crowd.sweep()
    track = crowd.open_task(Role.TRACK)
    assert crowd.tasks.tasks[track][NOTE_FIELD] == 'The lead sends it back: "the ears".'
    assert shown(crowd, track, CEM) == of_ann
    decisions.decide("cats", key, Decision.ACCEPT)
    assert (item_of(crowd, key).state, item_of(crowd, key).redos) == (ItemState.ACCEPTED, 0)
    assert crowd.tasks.notes[track] == "The lead decided: accept. There is nothing left to do here."
    crowd.make(track, ANN, click_on(1))
    crowd.sweep()
    assert roles(crowd, key) == [Role.TRACK, Role.VERIFY, Role.TRACK]


def test_decisions_that_cannot_work_are_refused() -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    key = crowd.enter()
    crowd.sweep()
    decisions = Decisions(crowd.parts.ledger)
    with pytest.raises(NotFound, match="crowd 'dogs' has no item 2/41"):
        decisions.decide("dogs", key, Decision.ACCEPT)
    with pytest.raises(InvalidInput, match="cannot be sent back: its masks were not verified yet"):
        decisions.decide("cats", key, Decision.REDO)
    (step,) = crowd.parts.ledger.steps_of_item(key)
    crowd.make(key, ANN, click_on(0))
    crowd.sweep()
    assert not crowd.parts.ledger.decide_item(step, Route(ItemState.ACCEPTED))
