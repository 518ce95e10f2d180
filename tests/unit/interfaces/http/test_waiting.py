"""The time that a request waits, and its reply at the deadline, on a simulated clock."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.application.ports.requests.prewarm import MediaStatus
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


def reply_time_s(web: FakeWeb, body: dict[str, object]) -> tuple[float, int, dict[str, object]]:
    """The reply's time on the simulated clock (seconds), its status, and its first result or the refusal's body."""
    before_s = web.clock.monotonic_s()
    reply = web.client().post("/predict", json=body)
    document = reply.json()
    return web.clock.monotonic_s() - before_s, reply.status_code, document.get("results", [document])[0]


VIDEO_BODY = predict_body(video_task(), label_config=VIDEO, project="2.1700000000", regions=[video_box()])


def report_clip_times(web: FakeWeb) -> None:
    """Reports the clip's times, as a worker does when the page is opened."""
    web.prewarm_channel.report(
        media_of_task(video_task(), read_binding(VIDEO), task_id=1), MediaStatus(FakeVideo().info)
    )


def test_the_default_deadline_is_below_that_of_proxies() -> None:
    assert Settings.model_fields["reply_deadline_s"].default <= 30


@pytest.mark.parametrize("deadline_s", [5.0, 25.0])
def test_a_slow_propagation_is_answered_in_time_as_pending(deadline_s: float) -> None:
    web = FakeWeb().with_settings(reply_deadline_s=deadline_s)
    clock = clock_of(web)
    steps: list[None] = []

    def slow(index: int) -> None:
        clock.advance(4.0)
        steps.append(None)

    web.segmenter.on_frame = slow
    clock.work = lambda: None
    report_clip_times(web)
    seconds, status, result = reply_time_s(web, VIDEO_BODY)
    regions = result["result"]
    assert isinstance(regions, list)
    (region,) = regions
    assert (status, result["pending"]) == (200, PENDING)
    assert [(keyframe["frame"], keyframe["enabled"]) for keyframe in region["value"]["sequence"]] == [(1, False)]
    assert deadline_s <= seconds <= deadline_s + 0.2
    web.work_off()
    assert len(steps) == 10
    web.parts.reconciler.sweep()
    assert len(web.sink.predictions) == 1


def test_the_reply_has_the_frames_finished_by_the_deadline() -> None:
    answer: list[tuple[float, int, dict[str, object]]] = []

    def slow(index: int) -> None:
        clock_of(web).advance(2.0)  # every frame is flushed
        if index == 6:
            answer.append(reply_time_s(web, VIDEO_BODY))

    web = FakeWeb(segmenter=FakeSegmenter(slow)).with_settings(reply_deadline_s=0.1)
    clock_of(web).work = lambda: None
    report_clip_times(web)
    web.client().post("/predict", json=VIDEO_BODY)
    web.work_off()
    ((_, status, result),) = answer
    regions = result["result"]
    assert isinstance(regions, list)
    assert (status, result["pending"]) == (200, PENDING)
    assert 0 < len(regions[0]["value"]["sequence"]) < 10


def test_a_prompt_on_an_unopened_video_is_refused_in_time() -> None:
    """Frame numbers need the video's times: a wrong frame would be worse than no answer."""
    web = FakeWeb().with_settings(reply_deadline_s=5.0)
    clock_of(web).work = lambda: None
    seconds, status, refusal = reply_time_s(web, VIDEO_BODY)
    assert (status, 5.0 <= seconds <= 5.2) == (503, True)
    assert "no worker has opened the media yet; ask again" in str(refusal["detail"])
    assert not web.stored.jobs()


def test_a_complete_reply_is_not_pending() -> None:
    _, status, result = reply_time_s(FakeWeb(), VIDEO_BODY)
    assert (status, set(result)) == (200, {"model_version", "score", "result"})


def test_a_click_without_a_worker_is_refused_and_kept() -> None:
    web = FakeWeb()
    clock_of(web).work = lambda: None
    seconds, status, document = reply_time_s(web, predict_body(pages_task(), regions=[keypoint()]))
    assert (status, str(document["detail"])[:60]) == (
        503,
        "no worker answered within 25 s; the prompt is kept, ask agai",
    )
    assert 25 <= seconds <= 25.2
    assert web.stored.counts() == {(JobKind.INTERACTIVE, JobState.QUEUED): 1, (JobKind.PROPAGATE, JobState.QUEUED): 1}


def test_a_request_without_a_free_thread_is_refused_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
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
        assert second.status_code == 503
        assert second.json()["detail"] == "1 requests wait for workers already; ask again"
        assert first.result().status_code == 200
