"""Two web processes behind a balancer without sticky sessions: one person's requests go to both in turn."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from backend.domain.jobs import JobKind, JobState
from tests.fakes.eventually import eventually
from tests.integration.cluster.cluster import TOKEN, Cluster, WebProcess, cluster
from tests.unit.interfaces.http.player.builders import CLICK, TASK

pytestmark = pytest.mark.slow


def events(web: WebProcess, cookies: httpx.Cookies) -> list[str]:
    """The names of the events of a stream until the propagation ends."""
    names: list[str] = []
    web.http.cookies = cookies
    while "end" not in names:
        reply = web.http.get(f"{TASK}/events", params={"cursor": "0"})
        names += [line.removeprefix("event: ") for line in reply.text.splitlines() if line.startswith("event: ")]
    return names


def open_task(both: Cluster) -> None:
    assert both.ask("POST", "/api/player/session", json={"token": TOKEN}).status_code == 200
    eventually(lambda: both.ask("GET", TASK).status_code == 200)
    assert both.ask("GET", TASK).status_code == 200, "the other process has the same person and video"


def objects_shown(reply: httpx.Response) -> set[tuple[str, int]]:
    return {(mask["object"], mask["frame"]) for mask in reply.json()["masks"]}


def test_one_person_works_with_both_until_one_is_killed(tmp_path: Path) -> None:
    with cluster(tmp_path) as both, ThreadPoolExecutor(2) as browser:
        both.worker.may_work.set()
        open_task(both)

        # Clicks go to both at the same time: no change of the person's record is lost.
        puts = [
            browser.submit(both.ask, "PUT", f"{TASK}/prompts/{n}/Cat", at=web, json=CLICK)
            for n, web in enumerate(both.webs)
        ]
        assert [put.result().status_code for put in puts] == [200, 200]
        for web in both.webs:
            shown = both.ask("GET", f"{TASK}/masks?start=0&stop=2", at=web)
            assert objects_shown(shown) == {("Cat", 0), ("Cat", 1)}, shown.text

        assert not any((tmp_path / host / "masks").exists() for host in ("a", "b", "worker")), "they lie in the store"

        # The events come from one process, the propagation is asked of the other.
        both.worker.may_work.clear()
        a, b = both.webs
        started = both.ask("POST", f"{TASK}/propagations", at=b, json={"start": 0})
        assert started.status_code in (200, 202), started.text
        told = browser.submit(events, a, both.cookies)
        both.worker.may_work.set()
        names = told.result()
        assert "masks" in names
        assert names[-1] == "end"

        # Each loop runs in one process.
        (runs, rests) = (a, b) if a.runs_all_loops else (b, a)
        assert runs.runs_all_loops
        assert not any(each["is_here"] for each in rests.leases().values())

        # The process that runs the loops is killed while a click waits in it; the other one answers it.
        both.worker.may_work.clear()
        waiting = browser.submit(both.ask, "PUT", f"{TASK}/prompts/5/Dog", at=runs, json={**CLICK, "label": "Dog"})
        eventually(lambda: bool(both.worker.ledger.jobs(kind=JobKind.INTERACTIVE, states=(JobState.QUEUED,))))
        runs.kill()
        with pytest.raises(httpx.TransportError):
            waiting.result()
        both.valkey.flushall()  # and the queue loses its entries
        (job,) = both.worker.ledger.jobs(kind=JobKind.INTERACTIVE, states=(JobState.QUEUED,))
        eventually(lambda: rests.runs_all_loops)
        eventually(lambda: not both.worker.queue.unknown([job]))
        both.worker.may_work.set()
        again = both.ask("PUT", f"{TASK}/prompts/5/Dog", at=rests, json={**CLICK, "label": "Dog"})
        assert again.status_code == 200, again.text
        prompts = {(each["object"], each["frame"]) for each in both.ask("GET", TASK, at=rests).json()["prompts"]}
        assert prompts == {("Cat", 0), ("Cat", 1), ("Dog", 5)}
        tokens = [each["token"] for each in rests.leases().values()]
        assert min(tokens) >= 2, json.dumps(rests.leases())
