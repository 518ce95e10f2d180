"""The sweep of leftovers: how often it runs, and what it removes."""

from __future__ import annotations

import os

import pytest

from backend.application.jobs.leftovers import EVERY_S, LAST_SWEEP, OLDER_THAN_S, Leftovers
from backend.domain.video import FrameIndex
from tests.fakes.key_value import MemoryKeyValueStore
from tests.unit.application.builders import USER_TASK, Parts, click_on, parts_of_today


def open_run(parts: Parts, run: str) -> None:
    """A run whose writer was killed."""
    folder = parts.masks._root / run
    folder.mkdir(parents=True)
    (folder / "header.json").write_text("{}")


def test_runs_of_killed_writers_go_and_complete_ones_stay() -> None:
    parts = parts_of_today()
    parts.service.answer_click(USER_TASK, click_on(1), FrameIndex(1), deadline_s=5)
    parts.work_off()
    complete = parts.masks.runs()
    for run in ("old", "new"):
        open_run(parts, run)
    for run in (*complete, "old"):
        long_ago_s = parts.clock.now_s() - OLDER_THAN_S - 60
        os.utime(parts.masks._root / run, (long_ago_s, long_ago_s))
    Leftovers(parts.masks, MemoryKeyValueStore(), parts.clock).sweep()
    assert parts.masks.runs() == tuple(sorted((*complete, "new")))


@pytest.mark.parametrize("note", [b"", b"yesterday", b"99999999999"])
def test_a_note_that_cannot_be_stops_no_sweep(note: bytes) -> None:
    parts, notes = parts_of_today(), MemoryKeyValueStore()
    notes.write(LAST_SWEEP, note)
    open_run(parts, "old")
    os.utime(parts.masks._root / "old", (1, 1))
    leftovers = Leftovers(parts.masks, notes, parts.clock)
    leftovers.sweep()
    assert parts.masks.runs() == ()
    assert float(notes.read(LAST_SWEEP) or b"") == pytest.approx(parts.clock.now_s(), abs=1)
    open_run(parts, "older")
    os.utime(parts.masks._root / "older", (1, 1))
    leftovers.sweep()
    assert parts.masks.runs() == ("older",), "the next sweep is an hour later"
    parts.clock.advance(EVERY_S + 1)
    leftovers.sweep()
    assert parts.masks.runs() == ()


@pytest.mark.parametrize("share", [0.0, 0.4, 0.6])
def test_a_process_that_takes_over_at_once_does_not_sweep_again(share: float) -> None:
    parts, notes = parts_of_today(), MemoryKeyValueStore()
    parts.clock.advance(1 + share - parts.clock.now_s() % 1)
    Leftovers(parts.masks, notes, parts.clock).sweep()
    open_run(parts, "old")
    os.utime(parts.masks._root / "old", (1, 1))
    Leftovers(parts.masks, notes, parts.clock).sweep()
    assert parts.masks.runs() == ("old",)
