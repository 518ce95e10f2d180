"""The allow-list of queue entries: one function with a job id and an attempt."""

from __future__ import annotations

import json
import sys
import tracemalloc
import types
import zlib

import pytest
from redis import Redis

from backend.adapters.queue.ledger_job import LedgerJob
from backend.adapters.queue.names import RUN_JOB
from backend.domain.errors import NotAllowed

JOB_ID = "p-" + "0a" * 20


def stored(call: object, **fields: bytes) -> dict[bytes, bytes]:
    own = {name.encode(): value for name, value in fields.items()}
    return {b"data": json.dumps(call).encode(), b"status": b"queued", b"success_callback_name": b"", **own}


def restored(call: object, **fields: bytes) -> LedgerJob:
    job = LedgerJob("entry", connection=Redis(), serializer="json")  # connects on first use only
    job.restore(stored(call, **fields))
    return job


def test_our_function_with_our_arguments_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = types.ModuleType("backend.interfaces.worker")
    calls: list[tuple[str, int]] = []
    monkeypatch.setattr(entry, "run_job", lambda job_id, attempt: calls.append((job_id, attempt)), raising=False)
    monkeypatch.setitem(sys.modules, "backend.interfaces.worker", entry)
    job = restored([RUN_JOB, None, [JOB_ID, 3], {}])
    job.func(*job.args)
    assert calls == [(JOB_ID, 3)]


@pytest.mark.parametrize(
    "call",
    [
        ["os.makedirs", None, ["/tmp/forged"], {}],
        ["os.makedirs", None, [JOB_ID, 1], {}],
        [RUN_JOB + " ", None, [JOB_ID, 1], {}],
        [None, None, [JOB_ID, 1], {}],
        [RUN_JOB, {"an": "instance"}, [JOB_ID, 1], {}],
        [RUN_JOB, None, [JOB_ID, 1], {"extra": 1}],
        [RUN_JOB, None, [JOB_ID], {}],
        [RUN_JOB, None, [JOB_ID, "1"], {}],
        [RUN_JOB, None, [JOB_ID, True], {}],
        [RUN_JOB, None, [JOB_ID, 0], {}],
        [RUN_JOB, None, ["../etc", 1], {}],
        [RUN_JOB, None, [JOB_ID + "\n", 1], {}],
        [RUN_JOB, None, [[JOB_ID], 1], {}],
        [RUN_JOB, None, None, {}],
    ],
)
def test_any_other_call_is_refused(call: object) -> None:
    with pytest.raises(NotAllowed, match="queue entry entry"):
        _ = restored(call).func


@pytest.mark.parametrize(
    "name",
    [
        "success_callback_name",
        "failure_callback_name",
        "stopped_callback_name",
        "webhooks",
        "dependency_id",
        "dependency_ids",
        "group_id",
        "repeats_left",
        "retries_left",
    ],
)
def test_fields_that_rq_acts_on_are_refused(name: str) -> None:
    with pytest.raises(NotAllowed, match=f"queue entry entry carries {name}; Masklet did not write it"):
        restored([RUN_JOB, None, [JOB_ID, 1], {}], **{name: b"os.abort"})


def test_a_call_that_expands_is_refused_before_it_is_expanded() -> None:
    bomb = zlib.compress(bytes(2**28))
    job = LedgerJob("entry", connection=Redis(), serializer="json")
    tracemalloc.start()
    try:
        with pytest.raises(NotAllowed, match="larger than 4096 bytes"):
            job.restore({b"data": bomb, b"status": b"queued"})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_an_error_text_that_expands_is_dropped() -> None:
    job = restored([RUN_JOB, None, [JOB_ID, 3], {}], exc_info=zlib.compress(bytes(2**25)))
    assert not job._exc_info
    assert restored([RUN_JOB, None, [JOB_ID, 3], {}], exc_info=zlib.compress(b"an error"))._exc_info == "an error"
