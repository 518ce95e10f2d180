"""A request for a single task means that a person opens it: its first frames are prewarmed."""

from __future__ import annotations

import pytest

from backend.application.ports.requests.prewarm import PrewarmRequest
from backend.domain.tasks import MediaRef, TaskKey
from tests.fakes.web import VIDEO, FakeWeb, pages_task, predict_body, video_task


def prewarm_requests(*tasks: object, label_config: str = VIDEO, prewarm_frames: int = 2) -> list[PrewarmRequest]:
    web = FakeWeb().with_settings(prewarm_frames=prewarm_frames)
    body = predict_body(*tasks, label_config=label_config, project="2.1700000000")
    assert web.client().post("/predict", json=body).status_code == 200
    return web.prewarm_channel.asked


def test_opening_a_task_prewarms_its_first_frames() -> None:
    wanted = PrewarmRequest(MediaRef(("/data/clip.mp4",), is_pages=False), (0, 1, 2), task=TaskKey(2, 8))  # type: ignore[arg-type]
    assert prewarm_requests(video_task()) == [wanted]


@pytest.mark.parametrize(
    ("tasks", "frames"),
    [((video_task(8), video_task(9)), 2), ((), 2), ((video_task(),), 0), ((pages_task(),), 2), (("no task",), 2)],
)
def test_a_batch_missing_media_and_zero_frames_prewarm_nothing(tasks: tuple[object, ...], frames: int) -> None:
    assert prewarm_requests(*tasks, prewarm_frames=frames) == []
