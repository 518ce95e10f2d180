"""The real ledger and mask store in temporary folders, in memory if the system can."""

from __future__ import annotations

import functools
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from backend.adapters.store.ledger.database import Database
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore, ObjectMaskStore
from backend.application.ports.clock import Clock
from tests.fakes.clock import FakeClock

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
"""The parent of the folders. None: the default of tempfile. A write to a file in memory waits for no disk."""

_opened: list[ExitStack] = []


@contextmanager
def closed_stores() -> Iterator[None]:
    """Close and remove, at the end of the block, the stores opened in it. Around every test (tests/conftest.py)."""
    with ExitStack() as stack:
        _opened.append(stack)
        stack.callback(_opened.remove, stack)
        yield


def temporary_ledger(clock: Clock) -> SqlLedger:
    path = _folder() / "ledger.sqlite"
    path.write_bytes(_empty_ledger())
    ledger = SqlLedger(Database(f"sqlite:///{path}"), clock)
    _opened[-1].callback(ledger.close)
    return ledger


def temporary_masks() -> FileMaskStore:
    return FileMaskStore(_folder() / "masks")


def damage(masks: ObjectMaskStore, run: str) -> None:
    """Change a chunk of a run, so that its digest is wrong."""
    chunk = next(name for name in masks.objects.names(run) if name.endswith(".jsonl"))
    masks.objects.put(f"{run}/{chunk}", b"{}\n")


def _folder() -> Path:
    return Path(_opened[-1].enter_context(tempfile.TemporaryDirectory(prefix="masklet-test-", dir=MEMORY)))


@functools.cache
def _empty_ledger() -> bytes:
    """The database file of a ledger without rows. A copy is faster than new tables."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        path = Path(folder) / "ledger.sqlite"
        open_ledger(f"sqlite:///{path}", FakeClock()).close()
        return path.read_bytes()
