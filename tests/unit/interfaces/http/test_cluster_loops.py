"""Loops beside the requests: which process runs them, and what another one tells it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from backend.adapters.machine.processes import is_dead, own_place
from backend.adapters.store.ledger.sql_ledger import SqlLedger
from backend.application.jobs.leases import LeaseKeeper
from backend.application.jobs.leftovers import EVERY_S, OLDER_THAN_S, Leftovers
from backend.interfaces.http.app import create_app
from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.background import Background
from backend.interfaces.http.cluster_loops import background_of, hint_routes, take_leases
from backend.interfaces.http.lead.lead import Lead
from tests.fakes.clock import FakeClock
from tests.fakes.web import ADDRESS, FakeWeb, TestClient

OWN = {"leases", "pulse", "lead", "pushes-0", "pushes-1", "pushes-2", "pushes-3"}


@dataclass
class HintedRouter:
    """A router that notes what it is told."""

    told: list[object] = field(default_factory=list)

    def hint(self, project_id: int) -> None:
        self.told.append(project_id)

    def sweep(self) -> None:
        self.told.append("sweep")


@dataclass
class SweptMasks:
    """A mask store that notes its sweeps."""

    swept_s: list[float] = field(default_factory=list)

    def sweep(self, older_than_s: float) -> tuple[str, ...]:
        self.swept_s.append(older_than_s)
        return ()


class OneWeb:
    """A web process of a cluster on one ledger and key-value store."""

    def __init__(self, web: FakeWeb) -> None:
        assert isinstance(web.stored, SqlLedger)
        self.router = HintedRouter()
        keeper = LeaseKeeper(web.stored, web.clock, own_place(), is_dead)
        self.masks = SweptMasks()
        leftovers = Leftovers(self.masks, web.parts.key_values, web.clock)
        router: Any = self.router
        self.parts = replace(web.parts, leases=keeper, router=router, leftovers=leftovers)
        self.state = AppState(self.parts)
        self.loops = {loop.name: loop for loop in background_of(self.state, Lead(self.state))}
        take_leases(self.state)

    def step(self, name: str) -> None:
        run_once(self.loops[name])


def run_once(loop: Background) -> None:
    loop._step()


def test_a_loop_runs_in_one_process_and_a_webhook_reaches_it() -> None:
    web = FakeWeb()
    runs, rests = OneWeb(web), OneWeb(web)
    assert set(runs.loops) == OWN | set(runs.parts.leases.names)  # type: ignore[union-attr]
    for one in (runs, rests):
        one.step("crowd-routes")
    assert (runs.router.told, rests.router.told) == (["sweep"], [])
    hint_routes(rests.state, 7)
    hint_routes(runs.state, 8)
    runs.step("crowd-routes")
    assert runs.router.told == ["sweep", 8, 7, "sweep"]
    runs.step("crowd-routes")
    assert runs.router.told[4:] == ["sweep"], "a hint is taken once"
    assert rests.router.told == [7]


def test_leftovers_are_swept_once_an_hour_in_the_cluster() -> None:
    web = FakeWeb()
    clock = web.clock
    assert isinstance(clock, FakeClock)
    runs, rests = OneWeb(web), OneWeb(web)
    for _ in range(3):
        rests.step("leftovers")
        runs.step("leftovers")
    assert (runs.masks.swept_s, rests.masks.swept_s) == ([OLDER_THAN_S], [])
    leases = runs.parts.leases
    assert leases is not None
    leases.close()
    take_leases(rests.state)
    rests.step("leftovers")
    assert rests.masks.swept_s == [], "the process that takes over knows of the last sweep"
    clock.advance(EVERY_S)
    take_leases(rests.state)
    rests.step("leftovers")
    assert (runs.masks.swept_s, rests.masks.swept_s) == ([OLDER_THAN_S], [OLDER_THAN_S])


def test_health_says_who_runs_what() -> None:
    web = FakeWeb()
    one = OneWeb(web)
    client = TestClient(create_app(one.parts), base_url=ADDRESS)
    leases = client.get("/health").json()["leases"]
    assert set(leases) == {"crowd-routes", "leftovers", "measuring", "orders", "reconciler", "retention", "sessions"}
    assert leases["orders"]["is_here"]
    assert leases["orders"]["token"] == 1
    assert FakeWeb().client().get("/health").json()["leases"] is None


def test_metrics_say_who_runs_what() -> None:
    web = FakeWeb()
    runs, rests = OneWeb(web), OneWeb(web)
    told = {one: TestClient(create_app(one.parts), base_url=ADDRESS).get("/metrics").text for one in (runs, rests)}
    assert 'masklet_lease_held{loop="leftovers"} 1.0' in told[runs]
    assert 'masklet_lease_held{loop="leftovers"} 0.0' in told[rests]
    assert all('masklet_lease_token{loop="leftovers"} 1.0' in text for text in told.values())
    assert "masklet_lease_held{" not in FakeWeb().client().get("/metrics").text
