"""A router whose process is killed before or after any of its calls: each step happens once, and nothing is lost."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from backend.application.crowd.routing.arrivals import CHANGES_AT_ONCE
from backend.domain.crowd.routing import ItemState, Role, StepState
from backend.domain.verdicts import Verdict
from tests.fakes.crowd.routed_tasks import CrowdOfTest, MemoryCrowdTasks
from tests.unit.application.builders import click_on

ANN, BOB = "ann@example.org", "bob@example.org"
MOST_CALLS = 60


class Killed(BaseException):
    """kill -9."""


@dataclass
class Fuse:
    """Burns down with each call; at zero the process is killed before the call, or right after it."""

    calls: int
    is_after: bool = False

    def guard(self, collaborator: object) -> object:
        return _Guarded(collaborator, self)


class _Guarded:
    def __init__(self, collaborator: object, fuse: Fuse) -> None:
        self._collaborator, self._fuse = collaborator, fuse

    def __getattr__(self, name: str) -> object:
        method = getattr(self._collaborator, name)

        def called(*given: object, **named: object) -> object:
            self._fuse.calls -= 1
            if self._fuse.calls == 0 and not self._fuse.is_after:
                raise Killed
            answer = method(*given, **named)
            if self._fuse.calls == 0:
                raise Killed
            return answer

        return called


@pytest.mark.parametrize("is_after", [False, True])
def test_a_kill_at_any_call_loses_and_doubles_nothing(is_after: bool) -> None:
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    killed = 0
    for calls in range(1, MOST_CALLS):
        key = crowd.enter(video=f"/data/{calls}.mp4")
        crowd.make(key, ANN, click_on(0))
        killed += sweep_killed(crowd, Fuse(calls, is_after))
        crowd.sweep()
        track, verify = crowd.parts.ledger.steps_of_item(key)
        assert (track.state, verify.state, verify.task in crowd.tasks.tasks) == (StepState.DONE, StepState.OPEN, True)
        assert verify.task is not None
        crowd.tasks.annotate(verify.task, BOB, Verdict.SATISFACTORY)
        killed += sweep_killed(crowd, Fuse(calls, is_after))
        crowd.sweep()
        item = crowd.parts.ledger.item(key)
        assert item is not None
        assert (item.state, len(crowd.parts.ledger.steps_of_item(key))) == (ItemState.ACCEPTED, 2)
        assert len(crowd.tasks.created) == calls
    assert killed > 30


def sweep_killed(crowd: CrowdOfTest, fuse: Fuse, *, guarded: type = object) -> int:
    """Sweeps until the fuse has burnt, or nothing is left to do; whether it killed the router.

    guarded: whose calls burn it down.
    """
    crowd.wrap = lambda each: fuse.guard(each) if isinstance(each, guarded) else each
    try:
        crowd.sweep()
    except Killed:
        return 1
    finally:
        crowd.wrap = lambda collaborator: collaborator
    return 0


def test_a_router_that_is_killed_again_and_again_gets_on() -> None:
    """Each life ends after so few calls to Label Studio that what arrived cannot be read at once."""
    crowd = CrowdOfTest((Role.TRACK, Role.VERIFY))
    keys = [crowd.enter(video=f"/data/{number}.mp4") for number in range(4 * CHANGES_AT_ONCE)]
    for key in keys:
        crowd.make(key, ANN, click_on(0))
    lives = 0
    while sweep_killed(crowd, Fuse(3 * CHANGES_AT_ONCE), guarded=MemoryCrowdTasks):
        lives += 1
        assert lives < 60
    steps = [crowd.parts.ledger.steps_of_item(key) for key in keys]
    assert [[step.state for step in each] for each in steps] == [[StepState.DONE, StepState.OPEN]] * len(keys)
    assert len(crowd.tasks.created) == len(keys)
