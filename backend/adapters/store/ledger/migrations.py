"""The ledger's schema versions: a new ledger is made whole, an older one is brought forward, a newer one is refused.

`MIGRATIONS` has one function for each version after the first. They say what they do in plain SQL and do not use
`tables.py`, which changes with later versions. All of them run in the transaction of the caller, who keeps other
processes out: afterwards the ledger has the newest schema, or it is as it was. Of a SQLite file a copy is kept.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, delete, insert, inspect, select, text

from backend.adapters.store.ledger.shared_migrations import to_13, to_14
from backend.adapters.store.ledger.shared_tables import notes
from backend.adapters.store.ledger.tables import counters
from backend.codecs.sqlite_files import copy_path, keep_copy
from backend.domain.errors import ServiceUnavailable

logger = logging.getLogger(__name__)

FIRST_VERSION = 1


def _to_2(connection: Connection) -> None:
    """What is missing in ledgers of the first builds; the index for the jobs of a task of one kind, newest first."""
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS masklet_awaited (job_id TEXT NOT NULL, since_s FLOAT NOT NULL, "
        "until_s FLOAT NOT NULL, backward BOOLEAN NOT NULL, PRIMARY KEY (job_id))"
    )
    connection.exec_driver_sql(
        "CREATE TABLE IF NOT EXISTS masklet_counters (name TEXT NOT NULL, value BIGINT NOT NULL, PRIMARY KEY (name))"
    )
    if connection.exec_driver_sql("SELECT 1 FROM masklet_counters WHERE name = 'sequence'").first() is None:
        connection.exec_driver_sql(
            "INSERT INTO masklet_counters SELECT 'sequence', COALESCE(MAX(sequence), 0) FROM "
            "(SELECT sequence FROM masklet_prompts UNION ALL SELECT sequence FROM masklet_jobs) AS given"
        )
    connection.exec_driver_sql(
        "CREATE INDEX masklet_jobs_task_kind ON masklet_jobs (project_id, task_id, kind, sequence, state)"
    )


def _to_3(connection: Connection) -> None:
    """The table of failed tries."""
    connection.exec_driver_sql(
        "CREATE TABLE masklet_failures (kind TEXT NOT NULL, subject TEXT NOT NULL, project_id BIGINT NOT NULL, "
        "task_id BIGINT NOT NULL, cause TEXT NOT NULL, tries INTEGER NOT NULL, since_s FLOAT NOT NULL, "
        "next_try_s FLOAT NOT NULL, is_given_up BOOLEAN NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (kind, subject))"
    )


def _to_4(connection: Connection) -> None:
    """The user of each job: of open ones from their requests; final ones are not superseded any more."""
    connection.exec_driver_sql("ALTER TABLE masklet_jobs ADD COLUMN user_name TEXT DEFAULT '' NOT NULL")
    opened = connection.exec_driver_sql("SELECT job_id, request FROM masklet_jobs WHERE state IN ('queued', 'running')")
    users = [(row.job_id, json.loads(row.request).get("user", "")) for row in opened]
    update = text("UPDATE masklet_jobs SET user_name = :user_name WHERE job_id = :job_id")
    for job_id, user_name in users:
        connection.execute(update, {"job_id": job_id, "user_name": user_name})


def _to_5(connection: Connection) -> None:
    """The table of propagations that are to end with the masks they have."""
    connection.exec_driver_sql(
        "CREATE TABLE masklet_stops (job_id TEXT NOT NULL, requested_s FLOAT NOT NULL, PRIMARY KEY (job_id))"
    )


def _to_6(connection: Connection) -> None:
    """The table of annotations into which the masks of the player are written."""
    connection.exec_driver_sql(
        "CREATE TABLE masklet_annotation_writes (annotation_id BIGINT NOT NULL, project_id BIGINT NOT NULL, "
        "task_id BIGINT NOT NULL, user_name TEXT NOT NULL, seen TEXT NOT NULL, wanted BIGINT NOT NULL, "
        "is_pending BOOLEAN NOT NULL, claimed_until_s FLOAT NOT NULL, masks_run TEXT NOT NULL, "
        "PRIMARY KEY (annotation_id))"
    )
    connection.exec_driver_sql(
        "CREATE INDEX masklet_annotation_writes_pending ON masklet_annotation_writes (is_pending)"
    )


def _to_7(connection: Connection) -> None:
    """The table of verdicts."""
    connection.exec_driver_sql(
        "CREATE TABLE masklet_verdicts (project_id BIGINT NOT NULL, task_id BIGINT NOT NULL, user_name TEXT NOT NULL, "
        "object_id TEXT NOT NULL, verdict TEXT NOT NULL, comment TEXT NOT NULL, masks TEXT NOT NULL, "
        "PRIMARY KEY (project_id, task_id, user_name, object_id))"
    )


def _to_8(connection: Connection) -> None:
    """The tables of crowds: their projects, items, steps and answers."""
    for statement in (
        "CREATE TABLE masklet_crowds (name TEXT NOT NULL, roles TEXT NOT NULL, verifiers INTEGER NOT NULL, "
        "max_redos INTEGER NOT NULL, checks TEXT NOT NULL, label_config TEXT NOT NULL, is_ready BOOLEAN NOT NULL, "
        "created_s FLOAT NOT NULL, PRIMARY KEY (name))",
        "CREATE TABLE masklet_crowd_projects (project_id BIGINT NOT NULL, crowd TEXT NOT NULL, role TEXT NOT NULL, "
        "changed_at TEXT NOT NULL, last_task_id BIGINT NOT NULL, PRIMARY KEY (project_id))",
        "CREATE UNIQUE INDEX masklet_crowd_projects_role ON masklet_crowd_projects (crowd, role)",
        "CREATE TABLE masklet_crowd_items (project_id BIGINT NOT NULL, task_id BIGINT NOT NULL, crowd TEXT NOT NULL, "
        "state TEXT NOT NULL, redos INTEGER NOT NULL, created_s FLOAT NOT NULL, changed_s FLOAT NOT NULL, "
        "PRIMARY KEY (project_id, task_id))",
        "CREATE INDEX masklet_crowd_items_state ON masklet_crowd_items (crowd, state, changed_s)",
        "CREATE TABLE masklet_crowd_steps (item_project_id BIGINT NOT NULL, item_task_id BIGINT NOT NULL, "
        "number INTEGER NOT NULL, crowd TEXT NOT NULL, role TEXT NOT NULL, project_id BIGINT NOT NULL, "
        "task_id BIGINT, state TEXT NOT NULL, start TEXT NOT NULL, source TEXT NOT NULL, note TEXT NOT NULL, "
        "waits TEXT NOT NULL, maker TEXT NOT NULL, edited_frames INTEGER NOT NULL, uncounted INTEGER NOT NULL, "
        "tries INTEGER NOT NULL, claimed_until_s FLOAT NOT NULL, look_s FLOAT NOT NULL, wanted_s FLOAT NOT NULL, "
        "opened_s FLOAT NOT NULL, done_s FLOAT NOT NULL, PRIMARY KEY (item_project_id, item_task_id, number))",
        "CREATE UNIQUE INDEX masklet_crowd_steps_task ON masklet_crowd_steps (project_id, task_id)",
        "CREATE INDEX masklet_crowd_steps_due ON masklet_crowd_steps (state, look_s)",
        "CREATE INDEX masklet_crowd_steps_queue ON masklet_crowd_steps (crowd, role, state, opened_s)",
        "CREATE TABLE masklet_crowd_answers (annotation_id BIGINT NOT NULL, item_project_id BIGINT NOT NULL, "
        "item_task_id BIGINT NOT NULL, number INTEGER NOT NULL, user_name TEXT NOT NULL, verdict TEXT NOT NULL, "
        "limits TEXT NOT NULL, comment TEXT NOT NULL, objects TEXT NOT NULL, updated_at TEXT NOT NULL, "
        "uncounted TEXT NOT NULL, PRIMARY KEY (annotation_id))",
        "CREATE INDEX masklet_crowd_answers_step ON masklet_crowd_answers (item_project_id, item_task_id, number)",
    ):
        connection.exec_driver_sql(statement)


def _to_9(connection: Connection) -> None:
    """The tables of a crowd's quality: measurements, gold, consensus."""
    connection.exec_driver_sql(
        "CREATE TABLE masklet_measurements (project_id BIGINT NOT NULL, task_id BIGINT NOT NULL, state TEXT NOT NULL, "
        "body TEXT NOT NULL, PRIMARY KEY (project_id, task_id))"
    )
    sequence = "INTEGER" if connection.dialect.name == "sqlite" else "BIGINT"
    connection.exec_driver_sql(
        f"CREATE TABLE masklet_gold (sequence {sequence} NOT NULL, project_id BIGINT NOT NULL, "
        "task_id BIGINT NOT NULL, gold_key TEXT NOT NULL, source_project_id BIGINT NOT NULL, "
        "source_task_id BIGINT NOT NULL, annotation_id BIGINT NOT NULL, truth TEXT NOT NULL, added_s FLOAT NOT NULL, "
        "PRIMARY KEY (sequence))"
    )
    connection.exec_driver_sql("CREATE INDEX masklet_gold_project ON masklet_gold (project_id)")
    connection.exec_driver_sql(
        "CREATE TABLE masklet_consensus (project_id BIGINT NOT NULL, task_id BIGINT NOT NULL, state TEXT NOT NULL, "
        "masks_run TEXT NOT NULL, prediction_id BIGINT NOT NULL, PRIMARY KEY (project_id, task_id))"
    )


def _to_10(connection: Connection) -> None:
    """The tables of effort and of the lead's page, and the place of each verdict in the ledger's sequence."""
    key = "project_id BIGINT NOT NULL, task_id BIGINT NOT NULL, user_name TEXT NOT NULL"
    connection.exec_driver_sql(
        f"CREATE TABLE masklet_effort ({key}, object_id TEXT NOT NULL, seconds FLOAT NOT NULL, "
        "PRIMARY KEY (project_id, task_id, user_name, object_id))"
    )
    connection.exec_driver_sql("CREATE INDEX masklet_effort_user ON masklet_effort (user_name)")
    connection.exec_driver_sql(
        "CREATE TABLE masklet_effort_beats (user_name TEXT NOT NULL, beat_s FLOAT NOT NULL, PRIMARY KEY (user_name))"
    )
    connection.exec_driver_sql(
        f"CREATE TABLE masklet_run_summaries ({key}, masks_run TEXT NOT NULL, frame_count BIGINT NOT NULL, "
        "uncertainty FLOAT NOT NULL, worst_frame BIGINT NOT NULL, objects TEXT NOT NULL, "
        "PRIMARY KEY (project_id, task_id, user_name))"
    )
    connection.exec_driver_sql(
        f"CREATE TABLE masklet_orders ({key}, state TEXT NOT NULL, sequence BIGINT NOT NULL, job_id TEXT NOT NULL, "
        "reason TEXT NOT NULL, PRIMARY KEY (project_id, task_id, user_name))"
    )
    connection.exec_driver_sql("CREATE INDEX masklet_orders_state ON masklet_orders (state, sequence)")
    connection.exec_driver_sql("ALTER TABLE masklet_verdicts ADD COLUMN sequence BIGINT DEFAULT 0 NOT NULL")


def _to_11(connection: Connection) -> None:
    """The users whose request equals that of another one."""
    connection.exec_driver_sql(
        "CREATE TABLE masklet_askers (job_id TEXT NOT NULL, user_name TEXT NOT NULL, project_id BIGINT NOT NULL, "
        "task_id BIGINT NOT NULL, PRIMARY KEY (job_id, user_name))"
    )
    connection.exec_driver_sql("CREATE INDEX masklet_askers_user ON masklet_askers (project_id, task_id, user_name)")


def _to_12(connection: Connection) -> None:
    """The table of trainings."""
    texts = ("state", "base", "request", "progress", "result", "labels", "reason", "note", "worker")
    connection.exec_driver_sql(
        "CREATE TABLE masklet_trainings (training_id TEXT NOT NULL PRIMARY KEY, project_id BIGINT NOT NULL, sequence "
        f"BIGINT NOT NULL, {' TEXT NOT NULL, '.join(texts)} TEXT NOT NULL, attempt INTEGER NOT NULL, tries INTEGER NOT "
        "NULL, reached FLOAT NOT NULL, is_cancelled BOOLEAN NOT NULL, created_s FLOAT NOT NULL, updated_s FLOAT NOT "
        "NULL, heartbeat_s FLOAT NOT NULL)"
    )
    where, on = "WHERE state IN ('queued', 'running')", "ON masklet_trainings"
    connection.exec_driver_sql(f"CREATE INDEX masklet_trainings_project {on} (project_id, sequence)")
    connection.exec_driver_sql(f"CREATE UNIQUE INDEX masklet_trainings_open {on} (project_id) {where}")


_IN_ORDER = (_to_2, _to_3, _to_4, _to_5, _to_6, _to_7, _to_8, _to_9, _to_10, _to_11, _to_12, to_13, to_14)

MIGRATIONS: Mapping[int, Callable[[Connection], None]] = dict(enumerate(_IN_ORDER, FIRST_VERSION + 1))
"""By the version that a function leads to, from the one before."""

SCHEMA_VERSION = max(MIGRATIONS)
"""The version of `tables.py`. Stored as the counter `schema`."""


class Upgrade:
    """The way of one ledger to the newest schema. name: the ledger's address, for messages."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._version = SCHEMA_VERSION
        self._copy: Path | None = None

    def run(self, connection: Connection) -> None:
        """Make the tables, or run the migrations that are missing, in this transaction.

        Raises ServiceUnavailable for a version that is not known, and if no copy can be made.
        """
        version = _stored_version(connection)
        if version is None:
            notes.metadata.create_all(connection)  # all tables of the four modules
            rows = [{"name": "schema", "value": SCHEMA_VERSION}, {"name": "sequence", "value": 0}]
            connection.execute(insert(counters), rows)
            return
        file = _file_of(connection)
        if not FIRST_VERSION <= version <= SCHEMA_VERSION:
            raise ServiceUnavailable(self._refusal(version, file))
        if version < SCHEMA_VERSION:
            if file is not None:
                self._copy = self._keep_copy(file, version)
            self._forward(connection, version)

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Around the whole transaction: say of a migration that failed where the ledger stands, and where its copy is.

        Raises ServiceUnavailable.
        """
        try:
            yield
        except Exception as error:
            if self._version == SCHEMA_VERSION:
                raise  # no migration began
            kept = "" if self._copy is None else f", and {self._copy} is a copy of it"
            cause = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ServiceUnavailable(
                f"the ledger {self._name} could not be brought forward from schema {self._version} to "
                f"{SCHEMA_VERSION} ({cause}); it is as it was{kept}: mend the cause and start again, or start the "
                "Masklet that made it"
            ) from error

    def _forward(self, connection: Connection, version: int) -> None:
        self._version = version
        for number in range(version + 1, SCHEMA_VERSION + 1):
            MIGRATIONS[number](connection)
        connection.execute(delete(counters).where(counters.c.name == "schema"))
        connection.execute(insert(counters).values(name="schema", value=SCHEMA_VERSION))
        kept = "" if self._copy is None else f"; a copy from before is {self._copy}"
        logger.info("the ledger %s goes from schema %d to %d%s", self._name, version, SCHEMA_VERSION, kept)

    def _keep_copy(self, file: Path, version: int) -> Path:
        try:
            return keep_copy(file, version)
        except (OSError, sqlite3.Error) as error:
            raise ServiceUnavailable(
                f"the ledger {self._name} has schema {version} and cannot be copied to {copy_path(file, version)} "
                f"before it is brought forward to {SCHEMA_VERSION} ({error}); it is as it was: free some space or make "
                "its folder writable, and start again"
            ) from error

    def _refusal(self, version: int, file: Path | None) -> str:
        copy = None if file is None else copy_path(file, SCHEMA_VERSION)
        back = "" if copy is None or not copy.exists() else f", or put {copy}, a copy from before, in its place"
        return (
            f"the ledger {self._name} has schema {version} and this Masklet knows {FIRST_VERSION} to {SCHEMA_VERSION}; "
            f"start the Masklet that made it, or another data folder{back}"
        )


def _stored_version(connection: Connection) -> int | None:
    """None: there is no ledger yet. One that says nothing of its version has the first."""
    tables = inspect(connection)
    if tables.has_table(counters.name):
        version = connection.scalar(select(counters.c.value).where(counters.c.name == "schema"))
        if version is not None:
            return int(version)
    return FIRST_VERSION if tables.has_table("masklet_jobs") else None


def _file_of(connection: Connection) -> Path | None:
    """The SQLite file that a connection has open; None for PostgreSQL."""
    if connection.dialect.name != "sqlite":
        return None
    return Path(str(connection.exec_driver_sql("SELECT file FROM pragma_database_list WHERE name = 'main'").scalar()))
