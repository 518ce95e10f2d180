"""Many annotators at once, on a real ledger, with a worker in a thread: each gets their own mask."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.application.ports.requests.prewarm import MediaStatus
from backend.domain.jobs import JobKind, JobState
from backend.domain.tasks import TaskKey
from tests.fakes.engine import FakeVideo
from tests.fakes.web import VIDEO, FakeWeb, keypoint, pages_task, predict_body, video_box, video_task

ANNOTATORS = 20


@contextmanager
def working(web: FakeWeb, released: threading.Event, *kinds: JobKind) -> Iterator[None]:
    """A worker that runs the queued jobs of these kinds, by default the clicks, while `released` is set."""
    stopped = threading.Event()

    def work() -> None:
        while not stopped.is_set():
            if released.wait(0.02):
                web.work_off(*(kinds or (JobKind.INTERACTIVE,)))
                stopped.wait(0.01)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(120)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[FakeWeb]:
    clock = SystemClock()
    ledger = open_ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}", clock)
    yield FakeWeb(clock=clock, ledger=ledger).with_settings(reply_deadline_s=250.0)
    ledger.close()


def test_health_answers_while_twenty_clicks_wait(web: FakeWeb) -> None:
    released = threading.Event()

    def click(number: int) -> tuple[int, str]:
        body = predict_body(pages_task(100 + number), regions=[keypoint(page=number % 10)])
        reply = client.post("/predict", json=body)
        assert reply.status_code == 200, reply.text
        (prediction,) = reply.json()["results"]
        (region,) = prediction["result"]
        return region["item_index"], region["id"]

    with web.client() as client, working(web, released), ThreadPoolExecutor(ANNOTATORS) as pool:
        clicks = [pool.submit(click, number) for number in range(ANNOTATORS)]
        while web.stored.counts().get((JobKind.INTERACTIVE, JobState.QUEUED), 0) < ANNOTATORS:
            assert not any(answer.done() for answer in clicks)
        assert client.get("/health").json()["status"] == "UP"
        released.set()
        answers = [answer.result() for answer in clicks]
    assert [page for page, _ in answers] == [number % 10 for number in range(ANNOTATORS)]
    assert len({region_id for _, region_id in answers}) == ANNOTATORS


def test_each_user_of_one_task_keeps_their_prompts(web: FakeWeb) -> None:
    released = threading.Event()
    released.set()

    def click(number: int) -> int:
        task = {**pages_task(), "drafts": [{"user": f"u{number}@example.org", "result": []}]}
        body = predict_body(task, regions=[keypoint(page=number % 10, x=float(number + 1))])
        return int(client.post("/predict", json=body).status_code)

    with web.client() as client, working(web, released), ThreadPoolExecutor(8) as pool:
        assert list(pool.map(click, range(8))) == [200] * 8
    for number in range(8):
        (prompt,) = web.stored.prompts(TaskKey(1, 7), user=f"u{number}@example.org")
        assert [point.point.x_rel for point in prompt.points] == [pytest.approx((number + 1) / 100)]


@pytest.mark.parametrize("kind", ["action", "box"])
def test_twenty_on_one_task_each_get_masks_or_pending(web: FakeWeb, kind: str) -> None:
    released = threading.Event()
    released.set()
    at_once = threading.Barrier(ANNOTATORS)

    def post(number: int, region: dict[str, object]) -> dict[str, Any]:
        drafts = [{"user": f"u{number}@example.org", "updated_at": "2026", "result": []}]
        if kind == "box":
            task = {**video_task(), "drafts": drafts}
            body = predict_body(task, label_config=VIDEO, project="2.17", regions=[region])
        else:
            body = predict_body({**pages_task(), "drafts": drafts}, regions=[region])
        reply = client.post("/predict", json=body)
        assert reply.status_code == 200, reply.text
        return dict(reply.json()["results"][0])

    def work(number: int) -> int:
        """The count of masks; -1 for an answer that says that they follow."""
        if kind == "box":
            web.prewarm_channel.report(
                media_of_task(video_task(), read_binding(VIDEO), task_id=1), MediaStatus(FakeVideo().info)
            )
        else:
            post(number, keypoint(page=2, x=float(number + 1)))
        at_once.wait()
        asked = keypoint("▶ 2", page=2, region_id="k2") if kind == "action" else video_box(region_id=f"b{number}")
        answer = post(number, asked)
        return len(answer["result"]) or -("pending" in answer)

    # A propagation stops while clicks wait, so they have a worker of their own.
    clicks, propagations = working(web, released), working(web, released, JobKind.PROPAGATE)
    with web.client() as client, clicks, propagations, ThreadPoolExecutor(ANNOTATORS) as pool:
        answers = list(pool.map(work, range(ANNOTATORS)))
    assert answers == [3 if kind == "action" else 1] * ANNOTATORS
    assert web.stored.counts().get((JobKind.PROPAGATE, JobState.SUPERSEDED), 0) == 0


def test_the_same_click_fifty_times_at_once_is_one_job(web: FakeWeb) -> None:
    released = threading.Event()
    body = predict_body(pages_task(), regions=[keypoint()])
    with web.client() as client, working(web, released), ThreadPoolExecutor(50) as pool:
        clicks = [pool.submit(lambda: client.post("/predict", json=body).json()["results"]) for _ in range(50)]
        released.set()
        answers = [answer.result() for answer in clicks]
    assert all(answer == answers[0] for answer in answers)
    assert len(web.stored.jobs()) == 2


def test_twenty_annotators_keep_their_own_prompts(web: FakeWeb) -> None:
    """Two annotators per task. A draft names the user from the second click on."""
    released = threading.Event()
    released.set()

    def work(number: int) -> list[int]:
        user, task_id = f"u{number}@example.org", 200 + number // 2
        drawn: list[object] = []
        statuses = []
        for step in range(3):
            page, label = step * 2 + number % 2, ("Cat", "Dog")[number % 2]
            drafts = [{"user": user, "updated_at": "2026", "result": list(drawn)}] if step else []
            body = predict_body(
                {**pages_task(task_id), "drafts": drafts},
                regions=[keypoint(label, page=page, x=float(number + 1), region_id=f"k{step}")],
            )
            reply = client.post("/predict", json=body)
            statuses.append(reply.status_code)
            drawn += [r for r in reply.json()["results"][0]["result"] if r["value"]["brushlabels"] == [label]]
        return statuses

    with web.client() as client, working(web, released), ThreadPoolExecutor(ANNOTATORS) as pool:
        assert list(pool.map(work, range(ANNOTATORS))) == [[200] * 3] * ANNOTATORS
    for number in range(ANNOTATORS):
        task = TaskKey(1, 200 + number // 2)
        prompts = web.stored.prompts(task, user=f"u{number}@example.org")
        mine = [p for p in prompts if p.points[0].point.x_rel == pytest.approx((number + 1) / 100)]
        assert [p.frame_index for p in mine] == [number % 2, 2 + number % 2, 4 + number % 2]
    for pair in range(ANNOTATORS // 2):
        assert not web.stored.prompts(TaskKey(1, 200 + pair))
