"""What the classes of rows share."""

from __future__ import annotations

from backend.adapters.store.ledger.database import Database
from backend.application.ports.clock import Clock


class Rows:
    """The database and the clock. Each public method of a subclass is one transaction."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
