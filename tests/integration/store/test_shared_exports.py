"""Exports in a store that machines share: made by one web process, given out by another with a disk of its own."""

from __future__ import annotations

import io
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from backend.adapters.store.objects.shared import SharedStore
from backend.domain.errors import NotFound, StoreUnavailable
from backend.interfaces.http.lead import export_runs, shared_exports
from backend.interfaces.http.lead.export_orders import ExportOrder
from backend.interfaces.http.lead.export_runs import ExportRuns
from backend.interfaces.http.lead.shared_exports import SharedExports
from tests.fakes.servers.object_store import FaultyServer, Reply
from tests.unit.interfaces.http.lead.builders import PROJECT, LeadWeb

ORDER = ExportOrder(2, (41, 42), "coco", "all", "predictions", "newest")
WRITES = """
import os, pathlib, sys
out = pathlib.Path(sys.argv[sys.argv.index("--out") + 1])
out.mkdir()
(out / "a.bin").write_bytes(os.urandom(300_000))
print("2 masks are written.", file=sys.stderr)
"""


def at_once(work: Callable[[], None]) -> None:
    work()


def later(work: Callable[[], None]) -> None:
    """As if the process ended before."""


class Machines:
    """Two web processes on one store, with disks of their own."""

    def __init__(self, shared: SharedStore, folder: Path) -> None:
        self.shared = shared
        self.folder = folder
        self.now_s = 1_790_000_000.0

    def runs(self, name: str, program: str = WRITES, run: Callable[[Callable[[], None]], None] = at_once) -> ExportRuns:
        stored = SharedExports(self.shared.objects("exports"), lambda: self.now_s)
        return ExportRuns(self.folder / name, stored, masklet=(sys.executable, "-c", program), run=run)


@pytest.fixture
def machines(shared: SharedStore, tmp_path: Path) -> Machines:
    return Machines(shared, tmp_path)


def test_the_other_machine_gives_out_what_one_made(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_exports, "PART_BYTES", 100_000)
    one, other = machines.runs("one"), machines.runs("other")
    assert one.start(ORDER).state == "done"
    (found,) = other.all(2)
    assert (found.state, found.detail, found.order, found.archive) == ("done", "2 masks are written.", ORDER, None)
    body = b"".join(other.content(found))
    assert len(body) == found.size
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert len(archive.read("a.bin")) == 300_000
    assert list((machines.folder / "one").iterdir()) == [], "nothing stays on the disk of the one"
    assert other.all(3) == ()
    other.remove(2, found.name)
    with pytest.raises(NotFound):
        one.read(2, found.name)


def test_a_failure_and_a_running_export_are_seen_on_both(machines: Machines) -> None:
    machines.runs("one", "import sys; sys.exit('masklet: task 41 has no labels')").start(ORDER)
    machines.runs("one", run=later).start(ORDER)
    running, failed = machines.runs("other").all(2)
    assert (failed.state, failed.detail) == ("failed", "task 41 has no labels")
    assert running.state == "running"
    machines.now_s += shared_exports.SILENT_S
    interrupted, _ = machines.runs("other").all(2)
    assert (interrupted.state, "start it again" in interrupted.detail) == ("failed", True)


def test_one_that_runs_for_long_says_so(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_runs, "ALIVE_EVERY_S", 0.01)
    waits = "import sys, time; time.sleep(0.2); sys.exit('masklet: no')"
    machines.runs("one", waits).start(ORDER)
    (failed,) = machines.runs("other").all(2)
    assert failed.detail == "no"


def test_what_was_removed_meanwhile_does_not_come_back(machines: Machines) -> None:
    begun: list[Callable[[], None]] = []
    one = machines.runs("one", run=begun.append)
    name = one.start(ORDER).name
    machines.runs("other").remove(2, name)
    begun[0]()
    assert one.all(2) == ()
    assert machines.shared.objects("exports").folders() == ()


def test_two_orders_at_the_same_moment_have_their_own_numbers(machines: Machines) -> None:
    names = {machines.runs(each, run=later).start(ORDER).name for each in ("one", "other")}
    assert len(names) == 2


def test_the_newest_are_kept(machines: Machines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export_runs, "KEPT", 2)
    for number in range(3):
        machines.now_s += 1.0
        machines.runs(f"machine-{number}", run=later).start(ORDER)
    assert len(machines.runs("other").all(2)) == 2


def test_an_outage_at_the_end_is_an_interruption(machines: Machines, server: FaultyServer) -> None:
    begun: list[Callable[[], None]] = []
    one = machines.runs("one", run=begun.append)
    one.start(ORDER)
    server.always(Reply(503, "SlowDown"))
    begun[0]()
    with pytest.raises(StoreUnavailable):
        one.all(2)
    server.never()
    machines.now_s += shared_exports.SILENT_S
    (found,) = one.all(2)
    assert found.state == "failed"


def test_the_page_downloads_from_the_store(machines: Machines) -> None:
    done = machines.runs("one").start(ORDER)
    made = LeadWeb()
    made.web.parts = replace(
        made.web.parts, exports=machines.folder / "web", shared_exports=machines.shared.objects("exports")
    )
    made.app = made.web.app
    client = made.client()
    (listed,) = client.get(f"{PROJECT}/exports").json()["exports"]
    assert (listed["id"], listed["state"], listed["bytes"]) == (done.name, "done", done.size)
    reply = client.get(listed["address"])
    assert reply.headers["content-disposition"] == f'attachment; filename="project-2-coco-{done.name}.zip"'
    with zipfile.ZipFile(io.BytesIO(reply.content)) as archive:
        assert archive.namelist() == ["a.bin"]
