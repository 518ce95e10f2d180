"""The ledger's database: concurrent access, a full disk, foreign files, other versions."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from backend.adapters.store.ledger.database import Database
from backend.adapters.store.ledger.migrations import SCHEMA_VERSION
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.ledger.tables import metadata
from backend.domain.errors import InvalidInput, ServiceUnavailable, StorageFull
from backend.domain.geometry import Point
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.clock import FakeClock

TASK = TaskKey(1, 2)
REPOSITORY = Path(__file__).parents[5]


def url_of(folder: Path) -> str:
    return f"sqlite:///{folder}/deep/ledger.sqlite"


def prompts(x_rel: float, object_id: str = "cat") -> PromptSet:
    prompt = FramePrompt(ObjectId(object_id), FrameIndex(0), (PointPrompt(Point(x_rel, 0.5)),))
    return PromptSet.of([prompt], {})


def request(x_rel: float = 0.5) -> PropagationRequest:
    return PropagationRequest(TASK, MediaRef(("a.mp4",), is_pages=False), prompts(x_rel))


def in_threads(count: int, call: object) -> None:
    assert callable(call)
    barrier = threading.Barrier(count)
    errors: list[BaseException] = []

    def body(number: int) -> None:
        barrier.wait()
        try:
            call(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=body, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_written_rows_are_there_after_reopening(tmp_path: Path) -> None:
    first = open_ledger(url_of(tmp_path), FakeClock())
    job, _ = first.submit(JobKind.PROPAGATE, request())
    first.record_prompts(TASK, prompts(0.5))
    first.close()
    second = open_ledger(url_of(tmp_path), FakeClock())
    assert second.job(job.job_id) == job
    assert second.prompts(TASK).digest() == prompts(0.5).digest()
    second.close()


def test_commits_are_synced_to_disk(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path))
    database.set_up()
    with database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    database.close()


def test_only_repeatable_writes_are_not_synced(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path))
    database.set_up()
    for durable, level in ((True, 2), (False, 1), (True, 2)):
        with database.write(durable=durable) as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == level
    database.close()


def test_several_processes_open_a_new_ledger_at_once(tmp_path: Path) -> None:
    text = (
        "import sys\n"
        "from backend.adapters.store.ledger.sql_ledger import open_ledger\n"
        "from tests.fakes.clock import FakeClock\n"
        "sys.stdin.read()\n"
        "open_ledger(sys.argv[1], FakeClock()).close()\n"
    )
    command = [sys.executable, "-c", text, url_of(tmp_path)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY) for _ in range(3)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
    assert [(process.communicate()[1], process.returncode) for process in processes] == [(b"", 0)] * 3


def test_fifty_equal_requests_at_once_are_one_job(ledger: SqlLedger) -> None:
    answers: list[tuple[str, bool]] = []

    def ask(_: int) -> None:
        job, is_new = ledger.submit(JobKind.PROPAGATE, request())
        answers.append((job.job_id, is_new))

    in_threads(50, ask)
    assert len({job_id for job_id, _ in answers}) == 1
    assert sum(is_new for _, is_new in answers) == 1


def test_twenty_claims_at_once_have_one_winner(ledger: SqlLedger) -> None:
    job, _ = ledger.submit(JobKind.PROPAGATE, request())
    winners: list[int] = []

    def claim(number: int) -> None:
        if ledger.start(job.job_id, 1, f"worker-{number}") is not None:
            winners.append(number)

    in_threads(20, claim)
    assert ledger.job(job.job_id).worker == f"worker-{winners[0]}"
    assert len(winners) == 1


def test_twenty_annotators_of_one_task_lose_no_prompt(ledger: SqlLedger) -> None:
    in_threads(20, lambda number: ledger.record_prompts(TASK, prompts(number / 20, f"object-{number % 4}")))
    clicks = {(prompt.object_id, p.point.x_rel) for prompt in ledger.prompts(TASK) for p in prompt.points}
    assert clicks == {(f"object-{number % 4}", number / 20) for number in range(20)}


def test_a_full_disk_is_named_and_loses_no_row(ledger: SqlLedger, tmp_path: Path) -> None:
    job, _ = ledger.submit(JobKind.PROPAGATE, request())
    with ledger._database.write() as connection:
        pages = int(connection.exec_driver_sql("PRAGMA page_count").scalar_one())
    ledger._database.close()  # the limit applies to one connection: set it on each new one
    real_connect = sqlite3.connect

    def limited(*args: object, **kwargs: object) -> sqlite3.Connection:
        connection = real_connect(*args, **kwargs)  # type: ignore[call-overload]
        connection.execute(f"PRAGMA max_page_count={pages + 2}")
        return connection  # type: ignore[no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3.dbapi2, "connect", limited)
        full = open_ledger(url_of(tmp_path), FakeClock())
        with pytest.raises(StorageFull, match=r"the disk of the ledger .* is full; free some space"):
            fill(full)
        full.close()
    assert ledger.job(job.job_id) == job
    ledger.cancel(job.job_id)
    assert ledger.job(job.job_id).state is JobState.CANCELLED


def fill(ledger: SqlLedger) -> None:
    for number in range(1000):
        ledger.record_prompts(TASK, prompts(number / 1000, f"object-{number}"))


def test_a_ledger_of_another_version_is_refused(tmp_path: Path) -> None:
    database = Database(url_of(tmp_path))
    database.set_up()
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE masklet_counters SET value = 99 WHERE name = 'schema'")
    with pytest.raises(ServiceUnavailable, match=f"has schema 99 and this Masklet knows 1 to {SCHEMA_VERSION}"):
        database.set_up()
    database.close()


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"these are not the bytes of a database at all" * 200)
    with pytest.raises(ServiceUnavailable, match=r"ledger\.sqlite does not answer: file is not a database"):
        open_ledger(f"sqlite:///{path}", FakeClock())


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "deep").write_text("a file where the folder should be")
    with pytest.raises(ServiceUnavailable, match="cannot be written"):
        open_ledger(url_of(tmp_path), FakeClock())


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("not a url", "must look like sqlite:///file"),
        ("mysql://user:secret@host/db", "names mysql; Masklet keeps its ledger in SQLite or PostgreSQL"),
        ("sqlite://", "must name a file"),
        ("sqlite:///:memory:", "must name a file"),
    ],
)
def test_invalid_addresses_are_refused(url: str, message: str) -> None:
    with pytest.raises(InvalidInput, match=message) as caught:
        Database(url)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_uses_psycopg_and_hides_its_password(scheme: str) -> None:
    database = Database(f"{scheme}://user:secret@host/name")
    assert database.name == "postgresql+psycopg://user:***@host/name"
    database.close()


def test_the_tables_compile_for_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    for table in metadata.sorted_tables:
        assert f"CREATE TABLE {table.name}" in str(CreateTable(table).compile(dialect=dialect))
        for index in table.indexes:
            unique = "UNIQUE " if index.unique else ""
            assert f"CREATE {unique}INDEX {index.name}" in str(CreateIndex(index).compile(dialect=dialect))


def test_a_value_that_no_database_stores_is_an_invalid_input(ledger: SqlLedger) -> None:
    with pytest.raises(InvalidInput, match="the ledger cannot keep this value"):
        ledger.prompts(TaskKey(1, 2**70))
    with pytest.raises(InvalidInput, match="the ledger cannot keep this value"):
        ledger.record_prompts(TASK, prompts(0.5, "\ud800"))
