"""A client that tracks in the page, with real processes: web process, queue, workers, decoder, demo model."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.benchmarks.interactive_stack import masklet_up, serving
from tests.fakes.clips import HEIGHT, WIDTH, ClipSpec, write_clip
from tests.fakes.events import body, box, pixels

pytestmark = pytest.mark.slow

FRAMES = 24


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, str]]:
    folder = tmp_path_factory.mktemp("tracking")
    media, data = folder / "media", folder / "data"
    media.mkdir()
    data.mkdir()
    write_clip(media / "clip.mp4", ClipSpec(frame_count=FRAMES))
    settings = {"MASKLET_MODEL": "demo", "MASKLET_THREADS": "1", "MASKLET_REPLY_DEADLINE_S": "80"}
    with (
        serving(Path(media)) as address,
        masklet_up(data, port=19640, media=address, **settings) as url,
        httpx.Client(base_url=url, timeout=100.0) as http,
    ):
        yield http, f"{address}/clip.mp4"


def ask(client: tuple[httpx.Client, str], event: str, **context: object) -> dict[str, Any]:
    http, address = client
    task = {"id": 8, "project": 2, "data": {"video": address}}
    reply = http.post("/predict", json=body(event, context, tasks=[task]))
    assert reply.status_code == 200, reply.text
    value: dict[str, Any] = reply.json()["results"][0]["result"][0]["value"]
    return value


def test_prewarm_predict_track_and_release(client: tuple[httpx.Client, str]) -> None:
    for _ in range(600):
        prewarmed = ask(client, "prewarm", frame=3, window=1)
        assert (prewarmed.get("status"), prewarmed.get("frame_count", FRAMES)) in (("ok", FRAMES), ("error", FRAMES))
        if prewarmed.get("cached") == [2, 3]:
            break
        time.sleep(0.2)
    assert prewarmed["cached"] == [2, 3]

    picture = ask(client, "predict", time_ms=100.0, result=[box()])
    assert pixels(picture).shape == (HEIGHT, WIDTH)

    started = ask(client, "track", frame=4, max_frames=5, result=[box()])
    assert (started["total_frames"], started["fps"]) == (6, 30.0)
    seen: list[int] = []
    cursor = 0
    for _ in range(600):
        progress = ask(client, "track_progress", session_id=started["session_id"], cursor=cursor)
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

    assert ask(client, "track_cancel", session_id=started["session_id"]) == {"status": "cancelled"}
    assert ask(client, "release")["status"] == "released"
    for _ in range(600):
        if ask(client, "prewarm", frame=20, window=0)["cached"] == [19]:
            break
        time.sleep(0.2)
    assert ask(client, "prewarm", frame=3, window=1)["pending"] == [2, 3]
