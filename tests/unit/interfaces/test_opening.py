"""A task by itself is one that somebody opens: its first frames are looked at before the first click."""

from __future__ import annotations

import pytest

from backend.application.ports.prewarm import PrewarmRequest
from backend.domain.tasks import MediaRef
from tests.fakes.web import VIDEO, FakeWeb, pages_task, predict_body, video_task


def asked(*tasks: object, label_config: str = VIDEO, prewarm_frames: int = 2) -> list[PrewarmRequest]:
    web = FakeWeb().with_settings(prewarm_frames=prewarm_frames)
    body = predict_body(*tasks, label_config=label_config, project="2.1700000000")
    assert web.client().post("/predict", json=body).status_code == 200
    return web.prewarm_channel.asked


def test_opening_a_task_asks_for_its_first_frames() -> None:
    assert asked(video_task()) == [PrewarmRequest(MediaRef(("/data/clip.mp4",), is_pages=False), (0, 1, 2))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tasks", "frames"),
    [((video_task(8), video_task(9)), 2), ((), 2), ((video_task(),), 0), ((pages_task(),), 2), (("no task",), 2)],
)
def test_a_batch_a_task_without_media_or_a_setting_of_none_ask_for_nothing(
    tasks: tuple[object, ...], frames: int
) -> None:
    assert asked(*tasks, prewarm_frames=frames) == []
