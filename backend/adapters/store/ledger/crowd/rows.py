"""Rows of crowds and their projects."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select, update

from backend.adapters.store.ledger.crowd.forms import (
    record_of,
)
from backend.adapters.store.ledger.crowd_tables import crowd_projects, crowds
from backend.adapters.store.ledger.database import next_sequence
from backend.adapters.store.ledger.rows import Rows
from backend.application.ports.crowd_ledger import CrowdRecord, Cursor
from backend.domain.crowd.routing import (
    Role,
)


class CrowdRows(Rows):
    """The Ledger port's methods on crowds."""

    def crowd_records(self) -> tuple[CrowdRecord, ...]:
        with self._database.read() as connection:
            return tuple(
                record_of(row, _projects(connection, row.name))
                for row in connection.execute(select(crowds).order_by(crowds.c.name)).all()
            )

    def crowd_record(self, name: str) -> CrowdRecord | None:
        with self._database.read() as connection:
            return _record(connection, name)

    def add_crowd(self, record: CrowdRecord) -> bool:
        with self._database.write() as connection:
            next_sequence(connection)
            if _record(connection, record.crowd.name) is not None:
                return False
            connection.execute(
                insert(crowds).values(
                    name=record.crowd.name,
                    roles=",".join(record.roles),
                    verifiers=record.crowd.verifiers,
                    max_redos=record.crowd.max_redos,
                    checks=record.crowd.checks,
                    label_config=record.label_config,
                    is_ready=False,
                    created_s=self._clock.now_s(),
                )
            )
            return True

    def set_crowd_project(self, name: str, role: Role, project_id: int) -> None:
        with self._database.write() as connection:
            next_sequence(connection)
            if role not in _projects(connection, name):
                values = {"project_id": project_id, "crowd": name, "role": str(role)}
                connection.execute(insert(crowd_projects).values(changed_at="", last_task_id=0, **values))

    def set_crowd_ready(self, name: str) -> None:
        with self._database.write() as connection:
            connection.execute(update(crowds).where(crowds.c.name == name).values(is_ready=True))

    def crowd_of_project(self, project_id: int) -> CrowdRecord | None:
        with self._database.read() as connection:
            of_project = crowd_projects.c.project_id == project_id
            name = connection.scalar(select(crowd_projects.c.crowd).where(of_project))
            return None if name is None else _record(connection, name)

    def crowd_cursor(self, project_id: int) -> Cursor:
        with self._database.read() as connection:
            query = select(crowd_projects).where(crowd_projects.c.project_id == project_id)
            row = connection.execute(query).one_or_none()
            return Cursor() if row is None else Cursor(row.changed_at, row.last_task_id)

    def set_crowd_cursor(self, project_id: int, cursor: Cursor) -> None:
        with self._database.write(durable=False) as connection:
            connection.execute(
                update(crowd_projects)
                .where(crowd_projects.c.project_id == project_id)
                .values(changed_at=cursor.changed_at, last_task_id=cursor.task_id)
            )


def _projects(connection: Connection, name: str) -> dict[Role, int]:
    rows = connection.execute(select(crowd_projects).where(crowd_projects.c.crowd == name))
    return {Role(row.role): row.project_id for row in rows}


def _record(connection: Connection, name: str) -> CrowdRecord | None:
    row = connection.execute(select(crowds).where(crowds.c.name == name)).one_or_none()
    return None if row is None else record_of(row, _projects(connection, name))
