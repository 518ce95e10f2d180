"""The Ledger port on a database: SQLite in a file, or PostgreSQL by address.

Each method is one transaction. What people said, what was asked for and what is to be pushed is on disk when it
returns; how far a worker is with it survives every crash but a power cut, after which it is done again. Safe to use
from many threads and processes at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from backend.adapters.store.ledger.adopted_run_rows import AdoptedRunRows
from backend.adapters.store.ledger.annotation_write_rows import AnnotationWriteRows
from backend.adapters.store.ledger.asker_rows import AskerRows
from backend.adapters.store.ledger.clock_rows import ClockRows
from backend.adapters.store.ledger.crowd.counts import CrowdCounts
from backend.adapters.store.ledger.crowd.decision_rows import CrowdDecisionRows
from backend.adapters.store.ledger.crowd.effort_rows import EffortRows
from backend.adapters.store.ledger.crowd.lead_rows import LeadRows
from backend.adapters.store.ledger.crowd.quality_rows import QualityRows
from backend.adapters.store.ledger.crowd.rows import CrowdRows
from backend.adapters.store.ledger.crowd.step_rows import CrowdStepRows
from backend.adapters.store.ledger.database import Database
from backend.adapters.store.ledger.failure_rows import FailureRows
from backend.adapters.store.ledger.job_rows import JobRows, submit
from backend.adapters.store.ledger.player_rows import PlayerRows
from backend.adapters.store.ledger.prompt_rows import PromptRows, record
from backend.adapters.store.ledger.push_rows import PushRows
from backend.adapters.store.ledger.retention_rows import RetentionRows
from backend.adapters.store.ledger.shared.lease_rows import LeaseRows
from backend.adapters.store.ledger.training_rows import TrainingRows
from backend.adapters.store.ledger.waiter_rows import WaiterRows
from backend.application.ports.clock import Clock
from backend.codecs.request_json import Request
from backend.domain.jobs import Job, kind_of
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey


def open_ledger(url: str, clock: Clock) -> SqlLedger:
    """Open the ledger at an address (sqlite:///file or postgresql://...), making its tables or bringing them forward.

    Raises InvalidInput for another kind of address, ServiceUnavailable if the database cannot be used or is of a newer
    Masklet.
    """
    database = Database(url)
    try:
        database.set_up()
    except BaseException:
        database.close()  # its pool would keep the connection open
        raise
    return SqlLedger(database, clock)


class SqlLedger(
    PromptRows,
    JobRows,
    AskerRows,
    AdoptedRunRows,
    PushRows,
    AnnotationWriteRows,
    WaiterRows,
    RetentionRows,
    FailureRows,
    PlayerRows,
    CrowdRows,
    CrowdStepRows,
    CrowdDecisionRows,
    CrowdCounts,
    QualityRows,
    EffortRows,
    LeadRows,
    TrainingRows,
    ClockRows,
    LeaseRows,
):
    """Ledger by SQLAlchemy Core."""

    @property
    def database(self) -> Database:
        """For what lies in the same database and is not of the Ledger port."""
        return self._database

    def close(self) -> None:
        """Let go of all connections."""
        self._database.close()

    def accept(
        self,
        task: TaskKey,
        prompts: PromptSet,
        ask: Callable[[PromptSet], Sequence[Request]],
        *,
        user: str = "",
        wait_s: float = 0.0,
    ) -> tuple[tuple[Job, bool], ...]:
        with self._database.write() as connection:
            requests = ask(record(connection, task, prompts, user))
            now_s = self._clock.now_s()
            return tuple(
                submit(connection, kind_of(request), request, now_s=now_s, wait_s=wait_s) for request in requests
            )
