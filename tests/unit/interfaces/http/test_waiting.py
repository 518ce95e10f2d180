"""How long a request is held, and what is said of what was not ready by then. The clock is the test's."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.application.ports.prewarm import MediaStatus
from backend.domain.jobs import JobKind, JobState
from backend.interfaces.http import app_state
from backend.interfaces.labelstudio.predict import PENDING
from backend.settings import Settings
from tests.fakes.clock import WorkingClock
from tests.fakes.engine import FakeSegmenter, FakeVideo
from tests.fakes.web import VIDEO, FakeWeb, keypoint, pages_task, predict_body, video_box, video_task


def clock_of(web: FakeWeb) -> WorkingClock:
    assert isinstance(web.clock, WorkingClock)
    return web.clock


def held_s(web: FakeWeb, body: dict[str, object]) -> tuple[float, int, dict[str, object]]:
    """How long the reply took on the test's clock, its status, and its first result (or the whole of a refusal)."""
    before_s = web.clock.monotonic_s()
    reply = web.client().post("/predict", json=body)
    document = reply.json()
    return web.clock.monotonic_s() - before_s, reply.status_code, document.get("results", [document])[0]


VIDEO_BODY = predict_body(video_task(), label_config=VIDEO, project="2.1700000000", regions=[video_box()])


def look_at_clip(web: FakeWeb) -> None:
    """As a worker did when the page was opened."""
    web.prewarm_channel.report(media_of_task(video_task(), read_binding(VIDEO)), MediaStatus(FakeVideo().info))


def test_the_settings_own_limit_is_below_what_proxies_allow() -> None:
    assert Settings.model_fields["reply_deadline_s"].default <= 30


@pytest.mark.parametrize("deadline_s", [5.0, 25.0])
def test_a_slow_propagation_is_answered_in_time_and_the_reply_says_that_more_comes(deadline_s: float) -> None:
    web = FakeWeb().with_settings(reply_deadline_s=deadline_s)
    clock = clock_of(web)
    steps: list[None] = []

    def slow(index: int) -> None:
        clock.advance(4.0)
        steps.append(None)

    web.segmenter.on_frame = slow
    clock.work = lambda: None
    look_at_clip(web)
    seconds, status, result = held_s(web, VIDEO_BODY)
    assert (status, result["pending"], result["result"]) == (200, PENDING, [])
    assert deadline_s <= seconds <= deadline_s + 0.2
    web.work_off()
    assert len(steps) == 10
    web.parts.reconciler.sweep()
    assert len(web.sink.predictions) == 1


def test_what_was_made_by_then_is_in_the_reply() -> None:
    answer: list[tuple[float, int, dict[str, object]]] = []

    def slow(index: int) -> None:
        clock_of(web).advance(2.0)  # so that every frame is flushed
        if index == 6:
            answer.append(held_s(web, VIDEO_BODY))

    web = FakeWeb(segmenter=FakeSegmenter(slow)).with_settings(reply_deadline_s=0.1)
    clock_of(web).work = lambda: None
    look_at_clip(web)
    web.client().post("/predict", json=VIDEO_BODY)
    web.work_off()
    ((_, status, result),) = answer
    regions = result["result"]
    assert isinstance(regions, list)
    assert (status, result["pending"]) == (200, PENDING)
    assert 0 < len(regions[0]["value"]["sequence"]) < 10


def test_a_prompt_on_a_video_that_no_worker_can_open_yet_is_refused_in_time() -> None:
    """Without the video's times its frame numbers mean nothing: a wrong frame would be worse than no answer."""
    web = FakeWeb().with_settings(reply_deadline_s=5.0)
    clock_of(web).work = lambda: None
    seconds, status, refusal = held_s(web, VIDEO_BODY)
    assert (status, 5.0 <= seconds <= 5.2) == (503, True)
    assert "no worker has opened the media yet; ask again" in str(refusal["detail"])
    assert not web.stored.jobs()


def test_a_reply_with_everything_says_nothing_of_the_kind() -> None:
    _, status, result = held_s(FakeWeb(), VIDEO_BODY)
    assert (status, set(result)) == (200, {"model_version", "score", "result"})


def test_a_click_that_no_worker_takes_is_told_so_and_kept() -> None:
    web = FakeWeb()
    clock_of(web).work = lambda: None
    seconds, status, document = held_s(web, predict_body(pages_task(), regions=[keypoint()]))
    assert (status, str(document["detail"])[:60]) == (
        503,
        "no worker answered within 25 s; the prompt is kept, ask agai",
    )
    assert 25 <= seconds <= 25.2
    assert web.stored.counts() == {(JobKind.INTERACTIVE, JobState.QUEUED): 1, (JobKind.PROPAGATE, JobState.QUEUED): 1}


def test_who_finds_all_threads_taken_is_told_so_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app_state, "WAITING_THREADS", 1)
    web = FakeWeb().with_settings(reply_deadline_s=0.05)
    is_working, may_end = threading.Event(), threading.Event()

    def stuck(index: int) -> None:
        is_working.set()
        may_end.wait(120)

    web.segmenter.on_frame = stuck
    with web.client() as client, ThreadPoolExecutor(1) as other:
        first = other.submit(client.post, "/predict", json=predict_body(pages_task(), regions=[keypoint()]))
        assert is_working.wait(120)
        second = client.post("/predict", json=predict_body(pages_task(9), regions=[keypoint()]))
        may_end.set()
        assert (second.status_code, second.json()) == (
            503,
            {"detail": "1 requests wait for workers already; ask again"},
        )
        assert first.result().status_code == 200
