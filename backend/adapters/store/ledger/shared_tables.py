"""The ledger's tables of what several hosts share beside the jobs: notes, leases, imports. As in `tables.py`.

With SQLite notes and imports stay empty: one host has these in files of its data folder.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, LargeBinary, Table, Text

from backend.adapters.store.ledger.training_tables import trainings

_Bytewise = Text().with_variant(Text(collation="C"), "postgresql")
"""Compared byte by byte: the names below a folder are one range of the index."""

notes = Table(
    "masklet_notes",
    trainings.metadata,
    Column("folder", _Bytewise, primary_key=True),
    Column("leaf", _Bytewise, primary_key=True),
    Column("body", LargeBinary, nullable=False),
    Column("written_s", Float, nullable=False),
)
"""The key-value store. folder and leaf: the name before and after its last slash; folder may be empty. written_s: the
time of the last write."""

leases = Table(
    "masklet_leases",
    notes.metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("process", Text, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("expires_s", Float, nullable=False),
)
"""Which process runs a loop of the cluster. holder: a random name of it. process: where it runs, as JSON. token: grows
with every new holder. expires_s: by the database's clock."""

import_media = Table(
    "masklet_import_media",
    notes.metadata,
    Column("media_id", Text, primary_key=True),
    Column("path", Text, primary_key=True),
    Column("body", Text, nullable=False),
)
"""Media by content. Hosts have the same medium at several paths."""

import_files = Table(
    "masklet_import_files",
    notes.metadata,
    Column("path", Text, primary_key=True),
    Column("stamp", Text, primary_key=True),
    Column("media_id", Text, nullable=False),
)

import_items = Table(
    "masklet_import_items",
    notes.metadata,
    Column("project_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, primary_key=True),
    Column("task_id", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
)

import_failures = Table(
    "masklet_import_failures",
    notes.metadata,
    Column("project_id", BigInteger, primary_key=True, autoincrement=False),
    Column("source", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("reason", Text, nullable=False),
)
