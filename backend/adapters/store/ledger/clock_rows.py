"""The ledger's clock: the times in the ledger are of one scale, which no setting of a machine's clock moves.

The scale is a machine's monotonic clock plus an offset. The first process of each boot stores the offset among the
counters, as `clock/BOOT` in microseconds; all later processes of that boot use it. PostgreSQL's own time is where the
offset comes from, so that several machines agree.
"""

from __future__ import annotations

from sqlalchemy import Float, cast, func, insert, select

from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.tables import counters, jobs

MICROSECONDS = 1e6
_DATABASE_NOW = select(cast(func.extract("epoch", func.clock_timestamp()), Float))


class ClockRows(Rows):
    """The offset of the ledger's clock."""

    def clock_offset_s(self, boot: str) -> float:
        """Seconds to add to this machine's monotonic clock. boot: names this boot of this machine.

        A new boot's times do not lie before the newest heartbeat: a clock that was set back meanwhile changes nothing.
        """
        with self._database.write() as connection:
            next_sequence(connection)  # of two first processes, one stores the offset
            name = f"clock/{boot}"
            stored = connection.scalar(select(counters.c.value).where(counters.c.name == name))
            if stored is None:
                now_s = self._clock.now_s()
                if connection.dialect.name == "postgresql":
                    now_s = connection.execute(_DATABASE_NOW).scalar_one()
                newest_s = connection.scalar(select(func.max(jobs.c.heartbeat_s)))
                offset_s = max(now_s, newest_s or 0.0) - self._clock.monotonic_s()
                stored = round(offset_s * MICROSECONDS)
                connection.execute(insert(counters).values(name=name, value=stored))
            return int(stored) / MICROSECONDS
