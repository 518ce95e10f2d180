"""A person's action is answered during another task's propagation, whose masks stay the same.

Real processes, a real queue server and the demo model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.domain.jobs import Job, JobKind, JobState
from backend.domain.tasks import TaskKey
from scripts.benchmarks.interactive_stack import SIZE, disc_at, masklet_up, serving, write_pages
from tests.fakes.web import FRAMES, keypoint, predict_body

pytestmark = pytest.mark.slow

SETTINGS = {"MASKLET_MODEL": "demo", "MASKLET_THREADS": "1", "MASKLET_REPLY_DEADLINE_S": "90"}
PAGES = (60, 120, 240, 480)
"""A busy machine may ask too late; then a longer propagation is asked beside."""

START = 30
CONFIG = FRAMES.replace('<Label value="✕ reset"/>', '<Label value="✕ reset"/><Label value="◀ 2"/>')


class Annotator:
    """Clicks and actions of one person on one task."""

    def __init__(self, http: httpx.Client, ledger: SqlLedger, pages: Sequence[str], task_id: int) -> None:
        self._http = http
        self._ledger = ledger
        self._task: Mapping[str, object] = {"id": task_id, "project": 1, "data": {"frames": list(pages)}}
        self._key = TaskKey(1, task_id)

    def choose(self, label: str, page: int) -> set[int]:
        """Click on the disc with this label; returns the pages in the answer."""
        x, _ = disc_at(page)  # halfway down the page
        point = {**keypoint(page=page, label=label, x=100 * x / SIZE.width)}
        region = {**point, "original_width": SIZE.width, "original_height": SIZE.height}
        reply = self._http.post("/predict", json=predict_body(dict(self._task), label_config=CONFIG, regions=[region]))
        assert reply.status_code == 200, reply.text
        (prediction,) = reply.json()["results"]
        return {found["item_index"] for found in prediction["result"]}

    @property
    def propagation(self) -> Job:
        (job,) = self._ledger.jobs(task=self._key, kind=JobKind.PROPAGATE)
        return job


def eventually(condition: Callable[[], bool]) -> None:
    for _ in range(12000):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("it did not come true")


def answered_meanwhile(background: Annotator, ann: Annotator, bob: Annotator) -> bool:
    """Whether the actions of two people are answered before a third one's propagation ends."""
    background.choose("Cat", START)
    eventually(lambda: background.propagation.state.is_final or background.propagation.done > 2)
    ann.choose("Cat", START)
    assert ann.choose("▶ 2", START) >= {START + 1, START + 2}
    bob.choose("Cat", START)
    assert bob.choose("◀ 2", START) >= {START - 2, START - 1}
    # The backward action does not wait for the end of the video either.
    return not background.propagation.state.is_final and not bob.propagation.state.is_final


def test_actions_are_answered_while_another_task_is_propagated(tmp_path: Path) -> None:
    (tmp_path / "pages").mkdir()
    (tmp_path / "data").mkdir()
    names = write_pages(tmp_path / "pages", PAGES[-1])
    with (
        serving(tmp_path / "pages") as media,
        masklet_up(tmp_path / "data", port=19650, media=media, **SETTINGS) as url,
        closing(open_ledger(f"sqlite:///{tmp_path / 'data' / 'ledger.sqlite'}", SystemClock())) as ledger,
        httpx.Client(base_url=url, timeout=100.0) as http,
    ):
        for attempt, count in enumerate(PAGES):
            pages = [f"{media}/{name}" for name in names[:count]]
            first = 1 + 4 * attempt
            reference, background, ann, bob = (Annotator(http, ledger, pages, first + number) for number in range(4))
            if answered_meanwhile(background, ann, bob):
                break
        else:
            pytest.fail("the actions waited for the end of another task's propagation")

        reference.choose("Cat", START)
        for annotator in (reference, background, ann, bob):
            eventually(lambda annotator=annotator: annotator.propagation.state.is_final)  # type: ignore[misc]
        masks = FileMaskStore(tmp_path / "data" / "masks")
        expected = list(masks.records(reference.propagation.masks_run))
        assert len(expected) == count
        for annotator in (background, ann, bob):
            assert list(masks.records(annotator.propagation.masks_run)) == expected
        back = next(job for job in ledger.jobs(states=(JobState.DONE,)) if job.is_session)
        of_page = {frame.frame_index: frame.mask for _, frame in expected}
        for _, frame in masks.records(back.masks_run):
            assert frame.mask == of_page[frame.frame_index]
