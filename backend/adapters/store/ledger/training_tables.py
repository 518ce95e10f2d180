"""The ledger's table of trainings. As in `tables.py`."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, Integer, Table, Text, text

from backend.adapters.store.ledger.crowd_tables import crowds

_IS_OPEN = text("state IN ('queued', 'running')")

trainings = Table(
    "masklet_trainings",
    crowds.metadata,
    Column("training_id", Text, primary_key=True),
    Column("project_id", BigInteger, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("base", Text, nullable=False),
    Column("request", Text, nullable=False),
    Column("progress", Text, nullable=False),
    Column("result", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("worker", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("reached", Float, nullable=False),
    Column("is_cancelled", Boolean, nullable=False),
    Column("created_s", Float, nullable=False),
    Column("updated_s", Float, nullable=False),
    Column("heartbeat_s", Float, nullable=False),
    Index("masklet_trainings_project", "project_id", "sequence"),
    Index("masklet_trainings_open", "project_id", unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN),
)
"""request, progress, result, labels: JSON; the last two are empty before they are known. reached: the share at which
the tries began to count anew. masklet_trainings_open: one open training of a project."""
