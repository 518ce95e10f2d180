"""What only a server of one's own shows: PostgreSQL is killed, or has no connection left."""

from __future__ import annotations

from contextlib import ExitStack, closing

import pytest

from backend.adapters.store.ledger import database
from backend.adapters.store.ledger.database import Database
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.domain.errors import ServiceUnavailable
from backend.domain.geometry import Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from scripts.attack_runs.postgresql import postgresql
from tests.fakes.clock import FakeClock

TASK = TaskKey(1, 2)
PROMPTS = PromptSet.of([FramePrompt(ObjectId("cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))], {})


def test_a_ledger_answers_again_after_its_server_was_killed() -> None:
    with postgresql() as server, closing(open_ledger(server.url, FakeClock(now_s=1000.0))) as ledger:
        ledger.record_prompts(TASK, PROMPTS, user="ann")
        server.kill()
        with pytest.raises(ServiceUnavailable, match="does not answer"):
            ledger.prompts(TASK, user="ann")
        server.start()
        assert ledger.prompts(TASK, user="ann").digest() == PROMPTS.digest()


def test_a_thread_without_a_free_connection_is_told_to_try_again(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "POOL", {"pool_size": 1, "max_overflow": 1, "pool_timeout": 0.1})
    with closing(Database(postgresql_url)) as opened, ExitStack() as held:
        for _ in range(2):
            held.enter_context(opened.read())
        with pytest.raises(ServiceUnavailable, match="no connection is free"), opened.read():
            pass
