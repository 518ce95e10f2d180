"""A ledger in a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from tests.fakes.clock import FakeClock


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[SqlLedger]:
    opened = open_ledger(f"sqlite:///{tmp_path}/deep/ledger.sqlite", FakeClock())
    yield opened
    opened.close()
