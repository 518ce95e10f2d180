"""Ledgers of older schemas are migrated whole and once, in SQLite and PostgreSQL; newer ones are refused."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection
from sqlalchemy.engine import make_url

from backend.adapters.store.ledger import migrations
from backend.adapters.store.ledger.migrations import MIGRATIONS, SCHEMA_VERSION
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.domain.errors import ServiceUnavailable
from backend.domain.geometry import Box
from backend.domain.jobs import JobKind, JobState, PropagationRequest, PushState
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.clock import FakeClock
from tests.fakes.old_ledgers import (
    STORED,
    of_first_build,
    of_this_build,
    rows_of,
    run,
    schema_of,
    store,
    version_of,
    without_version,
)
from tests.fakes.together import together

TASK, OTHER_TASK = TaskKey(3, 41), TaskKey(3, 42)
DONE = "p-da24e7c5443822214e852e464a26e29fbf6a6e0d"
WATCHED = "p-c6a25332e315eede16076dce959ce35e574a86b1"

OPENER = """
import logging, sys
logging.basicConfig(stream=sys.stdout, level=logging.INFO)
from backend.adapters.store.ledger.database import Database
print("ready", flush=True)
sys.stdin.read()
database = Database(sys.argv[1])
database.set_up()
database.close()
"""
"""The program of each of the ten processes. It imports the database alone, since the ledger takes seconds."""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.sqlite"
    return str(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A ledger of version 1."""
    path = tmp_path / "ledger.sqlite"
    store(f"sqlite:///{path}")
    return path


@pytest.mark.parametrize("made", [of_first_build, store, without_version, of_this_build])
def test_a_migration_keeps_every_prompt_job_and_push(url: str, made: Callable[[str], None]) -> None:
    made(url)
    before = rows_of(url)
    with closing(open_ledger(url, FakeClock())) as ledger:
        assert rows_of(url) == {"awaited": [], **before}
        assert version_of(url) == [(SCHEMA_VERSION,)]
        ann = {(p.object_id, p.frame_index): p for p in ledger.prompts(TASK, user="ann")}
        assert [p.positive for p in ann["cat", 0].points] == [True, False]  # type: ignore[index]
        assert ann["dog", 4].box == Box(0.1, 0.2, 0.5, 0.6)  # type: ignore[index]
        (ben,) = ledger.prompts(TASK, user="ben")
        assert ben.mask is not None
        assert ben.mask.sum() == 20
        states = [(job.kind, job.state) for task in (OTHER_TASK, TASK) for job in ledger.jobs(task=task)]
        assert states == [
            (JobKind.PROPAGATE, JobState.DONE),
            (JobKind.INTERACTIVE, JobState.FAILED),
            (JobKind.INTERACTIVE, JobState.QUEUED),
            (JobKind.PROPAGATE, JobState.RUNNING),
            (JobKind.PROPAGATE, JobState.SUPERSEDED),
            (JobKind.PROPAGATE, JobState.DONE),
        ]
        push = ledger.latest_push(TASK)
        assert push is not None
        assert (push.job_id, push.state, push.prediction_id) == (DONE, PushState.PUSHED, 77)
        assert [w.job_id for w in ledger.pending_waits().jobs] == [w[0] for w in before.get("awaited", [])]


def test_a_migrated_ledger_takes_new_jobs(url: str) -> None:
    without_version(url)
    with closing(open_ledger(url, FakeClock())) as ledger:
        request = ledger.request(DONE)
        assert isinstance(request, PropagationRequest)
        assert ledger.submit(JobKind.PROPAGATE, request) == (ledger.job(DONE), False)
        assert ledger.jobs(task=TASK)[0].job_id == DONE, "its sequence number is higher than all that were given out"
        assert ledger.job(WATCHED).state is JobState.SUPERSEDED
        assert len(ledger.record_prompts(TASK, request.prompts, user="ben").prompts) == 2


def test_open_jobs_belong_to_the_users_of_their_requests(url: str) -> None:
    store(url)
    with closing(open_ledger(url, FakeClock())) as ledger:
        assert {job.user for job in ledger.jobs(states=(JobState.RUNNING,), kind=JobKind.PROPAGATE)} == {"ann"}
        assert ledger.job(DONE).user == ""


@pytest.mark.parametrize("made", [of_first_build, store, without_version])
def test_a_migrated_schema_equals_that_of_a_new_ledger(url: str, made: Callable[[str], None]) -> None:
    made(url)
    open_ledger(url, FakeClock()).close()
    forward = schema_of(url)
    run(url, "".join(f"DROP TABLE {name};" for name in forward))
    assert schema_of(url) == {}
    open_ledger(url, FakeClock()).close()
    assert forward == schema_of(url)


def test_ten_processes_that_start_together_migrate_once(url: str) -> None:
    store(url)
    before = rows_of(url)
    outputs = together(OPENER, url)
    assert sum(output.count("goes from schema 1 to") for output in outputs) == 1
    assert rows_of(url) == before
    assert version_of(url) == [(SCHEMA_VERSION,)]


def test_a_newer_ledger_is_refused_and_unchanged(url: str) -> None:
    of_this_build(url)
    run(url, "UPDATE masklet_counters SET value = 99 WHERE name = 'schema'; DROP TABLE masklet_awaited")
    before = rows_of(url)
    sentence = f"has schema 99 and this Masklet knows 1 to {SCHEMA_VERSION}; start the Masklet that made it, or another"
    with pytest.raises(ServiceUnavailable, match=sentence) as caught:
        open_ledger(url, FakeClock())
    assert (make_url(url).database or "") in str(caught.value)
    assert rows_of(url) == before


def breaks_in_sql(connection: Connection) -> None:
    connection.exec_driver_sql("CREATE TABLE masklet_half_made (name TEXT)")
    connection.exec_driver_sql("DELETE FROM masklet_prompts")
    connection.exec_driver_sql("DROP TABLE masklet_not_there")


def breaks_in_python(connection: Connection) -> None:
    connection.exec_driver_sql("ALTER TABLE masklet_jobs ADD COLUMN extra TEXT")
    raise KeyError("frames")


@pytest.mark.parametrize("broken", [breaks_in_sql, breaks_in_python])
def test_a_failed_migration_changes_nothing(
    url: str, broken: Callable[[Connection], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    store(url)
    rows, schema = rows_of(url), schema_of(url)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", {2: broken})
        with pytest.raises(ServiceUnavailable, match=f"forward from schema 1 to {SCHEMA_VERSION}") as caught:
            open_ledger(url, FakeClock())
    copy = f"it is as it was, and {make_url(url).database}.v1 is a copy of it"
    assert (copy in str(caught.value)) == url.startswith("sqlite")
    assert (rows_of(url), schema_of(url), version_of(url)) == (rows, schema, [(1,)])
    open_ledger(url, FakeClock()).close()
    assert rows_of(url) == rows


def test_every_version_after_the_first_has_its_function() -> None:
    assert sorted(MIGRATIONS) == list(range(2, SCHEMA_VERSION + 1))


def test_a_migration_keeps_a_copy_of_the_old_file(file: Path) -> None:
    before = rows_of(f"sqlite:///{file}")
    schema = schema_of(f"sqlite:///{file}")
    open_ledger(f"sqlite:///{file}", FakeClock()).close()
    open_ledger(f"sqlite:///{file}", FakeClock()).close()
    assert sorted(p.name for p in file.parent.glob("*.v*")) == ["ledger.sqlite.v1"]
    copy = file.with_name("ledger.sqlite.v1")
    with closing(sqlite3.connect(copy)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    assert rows_of(f"sqlite:///{copy}") == before
    assert schema_of(f"sqlite:///{copy}") == schema
    assert copy.stat().st_mode == file.stat().st_mode


def test_a_restored_copy_is_migrated_again(file: Path) -> None:
    before = rows_of(f"sqlite:///{file}")
    open_ledger(f"sqlite:///{file}", FakeClock()).close()
    file.with_name("ledger.sqlite.v1").replace(file)
    open_ledger(f"sqlite:///{file}", FakeClock()).close()
    assert rows_of(f"sqlite:///{file}") == before
    assert file.with_name("ledger.sqlite.v1").exists()


def test_the_copy_has_all_writes_before_the_migration(file: Path) -> None:
    """A worker of the older build still writes: its commits are in the ledger and in the copy."""
    insert = "INSERT INTO masklet_labels VALUES (3, 41, 'late', ?, 'Cat')"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as old:
        old.execute("PRAGMA wal_autocheckpoint=0")
        old.execute(insert, ("in the wal",))
        old.execute("BEGIN IMMEDIATE")
        old.execute(insert, ("in a moment",))
        opening = threading.Thread(target=lambda: open_ledger(f"sqlite:///{file}", FakeClock()).close())
        opening.start()
        time.sleep(0.5)
        old.execute("COMMIT")
        opening.join()
    for path in (file, file.with_name("ledger.sqlite.v1")):
        late = [row[3] for row in rows_of(f"sqlite:///{path}")["labels"] if row[2] == "late"]
        assert late == ["in a moment", "in the wal"]


def test_a_failed_copy_prevents_the_migration(file: Path) -> None:
    file.with_name("ledger.sqlite.v1").mkdir()
    with pytest.raises(ServiceUnavailable, match=r"cannot be copied to .*ledger\.sqlite\.v1 before .*it is as it was"):
        open_ledger(f"sqlite:///{file}", FakeClock())
    assert version_of(f"sqlite:///{file}") == [(1,)]
    assert not file.with_name("ledger.sqlite.v1.part").exists()


def test_the_refusal_of_a_newer_ledger_names_the_copy(file: Path) -> None:
    run(f"sqlite:///{file}", "UPDATE masklet_counters SET value = 99 WHERE name = 'schema'")
    copy = file.with_name(f"ledger.sqlite.v{SCHEMA_VERSION}")
    copy.touch()
    with pytest.raises(ServiceUnavailable, match=rf"or put {copy}, a copy from before, in its place"):
        open_ledger(f"sqlite:///{file}", FakeClock())


def test_masks_are_readable_after_a_migration(file: Path) -> None:
    shutil.copytree(STORED / "masks", file.parent / "masks")
    with closing(open_ledger(f"sqlite:///{file}", FakeClock())) as ledger:
        run_of_masks = FileMaskStore(file.parent / "masks").read(ledger.job(DONE).masks_run)
    assert run_of_masks.complete
    (cat,) = run_of_masks.masklets
    assert [frame.frame_index for frame in cat.frames] == [FrameIndex(index) for index in range(4)]
    assert [round(frame.uncertainty or 0.0, 1) for frame in cat.frames] == [0.0, 0.1, 0.2, 0.3]


def test_jobs_of_a_kind_are_searched_with_their_index(file: Path) -> None:
    open_ledger(f"sqlite:///{file}", FakeClock()).close()
    query = (
        "EXPLAIN QUERY PLAN SELECT * FROM masklet_jobs WHERE project_id = 3 AND task_id = 41 AND kind = 'propagate' "
        "AND state IN ('done', 'failed') ORDER BY sequence DESC LIMIT 5"
    )
    with closing(sqlite3.connect(file)) as database:
        (step,) = (row[3] for row in database.execute(query))
    assert "USING INDEX masklet_jobs_task_kind (project_id=? AND task_id=? AND kind=?" in step
