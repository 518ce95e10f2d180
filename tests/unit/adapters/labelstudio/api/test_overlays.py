"""The data field of mask overlays, and writing it; drafts."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from backend.adapters.labelstudio.api.client import DraftRecord, LabelStudioClient
from backend.adapters.labelstudio.api.overlays import overlay_key, require_overlay_key
from backend.domain.errors import InvalidInput, LabelStudioRefused
from backend.domain.tasks import TaskKey

CONFIGS = Path(__file__).parents[5] / "label_config"
TOKEN = "a" * 40


def config(name: str) -> str:
    return (CONFIGS / f"{name}.xml").read_text()


@pytest.mark.parametrize(
    ("name", "key"), [("video_overlay", "overlay"), ("video", None), ("frames", None), ("keyframe", None)]
)
def test_the_second_player_reads_the_overlay(name: str, key: str | None) -> None:
    assert overlay_key(config(name)) == key


def test_a_second_player_without_sync_shows_no_overlay() -> None:
    unsynced = config("video_overlay").replace(' sync="video"', "")
    assert overlay_key(unsynced) is None
    with pytest.raises(InvalidInput, match=r"project 3 has no second <Video> tag .* label_config/video_overlay.xml"):
        require_overlay_key(unsynced, 3)


def test_drafts_of_all_users_are_read() -> None:
    region = {"id": "r1"}
    drafts = [{"user": "ann@example.org", "result": [region]}, {"user": "ben@example.org", "result": None}]

    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.url.path, request.headers["Authorization"]) == ("/api/tasks/7/drafts", f"Token {TOKEN}")
        return httpx.Response(200, json=drafts)

    client = LabelStudioClient("http://studio", TOKEN, transport=httpx.MockTransport(answer))
    assert client.drafts(TaskKey(1, 7)) == (
        DraftRecord("ann@example.org", [region]),
        DraftRecord("ben@example.org", []),
    )


def test_refused_drafts_raise_a_domain_error() -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(403, json={"detail": "no"}))
    client = LabelStudioClient("http://studio", TOKEN, transport=transport)
    with pytest.raises(LabelStudioRefused, match=r"403 \(to list the drafts of task 7\): no"):
        client.drafts(TaskKey(1, 7))
