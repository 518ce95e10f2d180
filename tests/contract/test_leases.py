"""Leases: each loop runs in one process, and one that lost its lease writes nothing more."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from backend.adapters.machine.processes import is_dead, own_place
from backend.adapters.store.ledger.shared.note_rows import NoteRows
from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.jobs.leases import LEASE_S, LONGEST_STEP_S, LeaseKeeper
from backend.application.ports.cluster.leases import ProcessPlace
from backend.domain.errors import LeaseLost, ServiceUnavailable
from tests.fakes.clock import FakeClock

NAMES = ("annotations", "reconciler")
ELSEWHERE = ProcessPlace("another-boot/1", 1, 1, "elsewhere")

DIES = """
import json
from dataclasses import asdict
from backend.adapters.machine.processes import own_place
print(json.dumps(asdict(own_place())))
"""


def keeper(ledger: SqlLedger, clock: FakeClock, place: ProcessPlace = ELSEWHERE) -> LeaseKeeper:
    return LeaseKeeper(ledger, clock, place, is_dead, NAMES)


def run_out(ledger: SqlLedger, holder: LeaseKeeper) -> None:
    """As if a lease's time had passed on the database's clock, which no test sets."""
    ledger.end_leases(holder.holder)


def tell(ran: list[str], text: str) -> Callable[[], None]:
    return lambda: ran.append(text)


def test_the_first_process_runs_the_loops_until_it_ends(ledger: SqlLedger, clock: FakeClock) -> None:
    first, second, ran = keeper(ledger, clock), keeper(ledger, clock), list[str]()
    for one in (first, second, first, second):
        one.renew()
    assert [one.run("reconciler", tell(ran, "x")) for one in (first, second)] == [True, False]
    assert first.token("annotations") == 1
    first.close()
    assert not first.run("reconciler", tell(ran, "x"))
    second.renew()
    assert second.run("reconciler", tell(ran, "y"))
    assert (ran, second.token("annotations")) == (["x", "y"], 2)
    assert second.document()["reconciler"] == {
        "process": "elsewhere:1",
        "is_here": True,
        "token": 2,
        "left_s": pytest.approx(LEASE_S, abs=LEASE_S),
    }


def test_a_holder_that_was_stopped_writes_nothing_more(ledger: SqlLedger, clock: FakeClock) -> None:
    first, second = keeper(ledger, clock), keeper(ledger, clock)
    notes = NoteRows(ledger.database, clock)
    outcomes: list[str] = []

    def stopped_in_a_step() -> None:
        notes.write("polls/1", b"before")
        run_out(ledger, first)
        second.renew()
        assert second.run("annotations", lambda: notes.write("polls/1", b"newer"))
        for write in (lambda: notes.write("polls/1", b"late"), lambda: ledger.hasten(project_id=1)):
            with pytest.raises(LeaseLost, match="taken over 'annotations'"):
                write()
            outcomes.append("refused")
        notes.write("polls/1", b"late")

    first.renew()
    assert first.run("annotations", stopped_in_a_step), "the loop goes on after it"
    assert (outcomes, notes.read("polls/1")) == (["refused", "refused"], b"newer")
    first.renew()
    assert not first.run("annotations", stopped_in_a_step)
    notes.write("polls/1", b"of a request")
    assert notes.read("polls/1") == b"of a request", "outside of a loop nothing is fenced"
    assert issubclass(LeaseLost, ServiceUnavailable)


def test_a_lease_counts_no_longer_than_in_the_database(ledger: SqlLedger, clock: FakeClock) -> None:
    holder = keeper(ledger, clock)
    holder.renew()
    clock.advance(LEASE_S - 1)
    assert holder.holds("reconciler")
    clock.advance(1.0)
    assert not holder.holds("reconciler")


def test_the_lease_of_a_step_that_hangs_is_not_renewed(ledger: SqlLedger, clock: FakeClock) -> None:
    first, second = keeper(ledger, clock), keeper(ledger, clock)
    first.renew()

    def hangs() -> None:
        clock.advance(LONGEST_STEP_S)
        run_out(ledger, first)
        first.renew()
        second.renew()

    assert first.run("reconciler", hangs)
    assert (first.holds("reconciler"), second.holds("reconciler")) == (False, True)
    assert (first.holds("annotations"), second.holds("annotations")) == (True, False)


def test_the_lease_of_a_dead_process_is_taken_at_once(ledger: SqlLedger, clock: FakeClock) -> None:
    said = subprocess.run([sys.executable, "-c", DIES], capture_output=True, text=True, check=True).stdout
    place = ProcessPlace(**json.loads(said))
    own = own_place()
    assert (place.machine, is_dead(place), is_dead(own)) == (own.machine, True, False)
    assert is_dead(replace(own, started=own.started - 1)), "another process has its number now"
    assert not is_dead(replace(place, machine="another-boot/1"))
    killed, next_one, alive = keeper(ledger, clock, place), keeper(ledger, clock, own), keeper(ledger, clock, own)
    killed.renew()
    next_one.renew()
    alive.renew()
    assert (next_one.holds("reconciler"), alive.holds("reconciler")) == (True, False)
