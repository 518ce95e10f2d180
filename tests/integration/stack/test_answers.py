"""Answers of one running stack: a real web process, queue server, workers, decoder and the demo model.

A person's action is answered during another task's propagation, whose masks stay the same; a client tracks in the page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.adapters.store.masks.store import FileMaskStore
from backend.domain.jobs import Job, JobKind, JobState
from backend.domain.tasks import TaskKey
from scripts.benchmarks.interactive_stack import SIZE, disc_at, masklet_up, serving, write_pages
from tests.fakes.clips import HEIGHT, WIDTH, ClipSpec, write_clip
from tests.fakes.events import body, box, pixels
from tests.fakes.eventually import eventually
from tests.fakes.web import FRAMES, keypoint, predict_body

pytestmark = pytest.mark.slow

SETTINGS = {"MASKLET_MODEL": "demo", "MASKLET_THREADS": "1", "MASKLET_REPLY_DEADLINE_S": "90"}
PAGES = (60, 120, 240, 480)
"""A busy machine may ask too late; then a longer propagation is asked beside."""

START = 30
CLIP_FRAMES = 24
CONFIG = FRAMES.replace('<Label value="✕ reset"/>', '<Label value="✕ reset"/><Label value="◀ 2"/>')


@dataclass(frozen=True)
class Stack:
    """media: the address of the served files. data: the data folder."""

    http: httpx.Client
    media: str
    data: Path
    pages: list[str]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("stack")
    files, data = folder / "files", folder / "data"
    files.mkdir()
    data.mkdir()
    names = write_pages(files, PAGES[-1])
    write_clip(files / "clip.mp4", ClipSpec(frame_count=CLIP_FRAMES))
    with (
        serving(files) as media,
        masklet_up(data, port=19650, media=media, **SETTINGS) as url,
        httpx.Client(base_url=url, timeout=100.0) as http,
    ):
        yield Stack(http, media, data, [f"{media}/{name}" for name in names])


class Annotator:
    """Clicks and actions of one person on one task."""

    def __init__(self, http: httpx.Client, ledger: SqlLedger, pages: Sequence[str], task_id: int) -> None:
        self._http = http
        self._ledger = ledger
        self._task: Mapping[str, object] = {"id": task_id, "project": 1, "data": {"frames": list(pages)}}
        self.key = TaskKey(1, task_id)

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
        (job,) = self._ledger.jobs(task=self.key, kind=JobKind.PROPAGATE)
        return job


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


def test_actions_are_answered_while_another_task_is_propagated(stack: Stack) -> None:
    with closing(open_ledger(f"sqlite:///{stack.data / 'ledger.sqlite'}", SystemClock())) as ledger:
        for attempt, count in enumerate(PAGES):
            pages, first = stack.pages[:count], 1 + 4 * attempt
            reference, background, ann, bob = (
                Annotator(stack.http, ledger, pages, first + number) for number in range(4)
            )
            if answered_meanwhile(background, ann, bob):
                break
        else:
            pytest.fail("the actions waited for the end of another task's propagation")

        reference.choose("Cat", START)
        for annotator in (reference, background, ann, bob):
            eventually(lambda annotator=annotator: annotator.propagation.state.is_final)  # type: ignore[misc]
        masks = FileMaskStore(stack.data / "masks")
        expected = list(masks.records(reference.propagation.masks_run))
        assert len(expected) == count
        for annotator in (background, ann, bob):
            assert list(masks.records(annotator.propagation.masks_run)) == expected
        done = ledger.jobs(states=(JobState.DONE,))
        back = next(job for job in done if job.is_session and job.task == bob.key)
        of_page = {frame.frame_index: frame.mask for _, frame in expected}
        for _, frame in masks.records(back.masks_run):
            assert frame.mask == of_page[frame.frame_index]


def ask(stack: Stack, event: str, **context: object) -> dict[str, Any]:
    task = {"id": 8, "project": 2, "data": {"video": f"{stack.media}/clip.mp4"}}
    reply = stack.http.post("/predict", json=body(event, context, tasks=[task]))
    assert reply.status_code == 200, reply.text
    value: dict[str, Any] = reply.json()["results"][0]["result"][0]["value"]
    return value


def is_forgotten_after_a_release(stack: Stack) -> bool:
    """Whether frames that were ready are to be encoded again. A worker takes the newest request first, so that it may
    take the release after the frame that is asked for next: then it is asked again.
    """
    assert ask(stack, "release")["status"] == "released"
    eventually(lambda: bool(ask(stack, "prewarm", frame=20, window=0)["cached"] == [19]))
    return bool(ask(stack, "prewarm", frame=3, window=1)["pending"] == [2, 3])


def test_prewarm_predict_track_and_release(stack: Stack) -> None:
    for _ in range(600):
        prewarmed = ask(stack, "prewarm", frame=3, window=1)
        assert (prewarmed.get("status"), prewarmed.get("frame_count", CLIP_FRAMES)) in (
            ("ok", CLIP_FRAMES),
            ("error", CLIP_FRAMES),
        )
        if prewarmed.get("cached") == [2, 3]:
            break
        time.sleep(0.2)
    assert prewarmed["cached"] == [2, 3]

    picture = ask(stack, "predict", time_ms=100.0, result=[box()])
    assert pixels(picture).shape == (HEIGHT, WIDTH)

    started = ask(stack, "track", frame=4, max_frames=5, result=[box()])
    assert (started["total_frames"], started["fps"]) == (6, 30.0)
    seen: list[int] = []
    cursor = 0
    for _ in range(600):
        progress = ask(stack, "track_progress", session_id=started["session_id"], cursor=cursor)
        seen += [frame["frame"] for frame in progress["frames"]]
        assert [frame["time_ms"] for frame in progress["frames"]] == [
            pytest.approx(1000 * frame["frame"] / 30, abs=0.01) for frame in progress["frames"]
        ]
        cursor = progress["cursor"]
        if progress["done"]:
            break
    assert (progress["done"], progress["error"], progress["produced"], cursor) == (True, None, 6, 6)
    assert seen == sorted(set(seen))
    assert set(seen) <= set(range(3, 9))

    assert ask(stack, "track_cancel", session_id=started["session_id"]) == {"status": "cancelled"}
    eventually(lambda: is_forgotten_after_a_release(stack))
