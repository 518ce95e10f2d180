"""Rows of leases. Their ends are on the database's clock: hosts need not agree on the time."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict

from sqlalchemy import Connection, Float, case, cast, func, literal, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from backend.adapters.store.ledger.database import fenced
from backend.adapters.store.ledger.rows import Rows
from backend.adapters.store.ledger.shared_tables import leases
from backend.application.ports.cluster.leases import Lease, ProcessPlace

OVER_S = 0.0


class LeaseRows(Rows):
    """See the LeaseLedger port."""

    def take_leases(self, names: Sequence[str], holder: str, place: ProcessPlace, *, for_s: float) -> dict[str, int]:
        if not names:
            return {}
        with self._database.write(durable=False, is_counted=False) as connection:
            now_s = self._now_s(connection)
            insert = sqlite.insert(leases) if connection.dialect.name == "sqlite" else postgresql.insert(leases)
            own = {"holder": holder, "process": json.dumps(asdict(place)), "token": 1, "expires_s": now_s + for_s}
            rows = insert.values([{"name": name, **own} for name in sorted(names)])  # in one order: no deadlock
            is_own = leases.c.holder == rows.excluded.holder
            taken = rows.on_conflict_do_update(
                index_elements=[leases.c.name],
                set_={
                    "holder": rows.excluded.holder,
                    "process": rows.excluded.process,
                    "token": leases.c.token + case((is_own, 0), else_=1),
                    "expires_s": rows.excluded.expires_s,
                },
                where=or_(is_own, leases.c.expires_s <= now_s),
            ).returning(leases.c.name, leases.c.token)
            return {row.name: row.token for row in connection.execute(taken)}

    def end_leases(self, holder: str, names: Sequence[str] = ()) -> None:
        of_holder = leases.c.holder == holder
        where = [of_holder, leases.c.name.in_(names)] if names else [of_holder]
        with self._database.write(durable=False, is_counted=False) as connection:
            connection.execute(update(leases).where(*where).values(expires_s=OVER_S))

    def leases(self) -> tuple[Lease, ...]:
        with self._database.read() as connection:
            left_s = (leases.c.expires_s - self._now_s(connection)).label("left_s")
            rows = connection.execute(select(leases, left_s).order_by(leases.c.name)).all()
        return tuple(
            Lease(row.name, row.holder, ProcessPlace(**json.loads(row.process)), row.token, row.left_s) for row in rows
        )

    def fenced(self, name: str, token: int) -> AbstractContextManager[None]:
        return fenced(name, token)

    def _now_s(self, connection: Connection) -> ColumnElement[float]:
        """In SQLite, which one machine uses, that machine's clock of the ledger."""
        if connection.dialect.name == "sqlite":
            return literal(self._clock.now_s(), Float)
        return cast(func.extract("epoch", func.clock_timestamp()), Float)
