"""Addresses of cloud storage: one path of Label Studio's resolver, from whichever side the task's data come."""

from __future__ import annotations

import base64

import pytest

from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.player_config import player_media
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.adapters.labelstudio.storage_addresses import as_stored, media_address, storage_address
from tests.unit.adapters.labelstudio.builders import PAGES, VIDEO

PLAYER = '<View><HyperText name="p" value="$film"/><Video name="v" value="$film"/></View>'


def resolver(address: str, task: int = 7, host: str = "", base: str = "") -> str:
    return f"{host}{base}/tasks/{task}/resolve/?fileuri={base64.urlsafe_b64encode(address.encode()).decode()}"


@pytest.mark.parametrize(
    "stored", ["s3://films/dir/clip 7.mp4", "gs://films/a?b#c.mp4", "azure-blob://films/кошка.mp4", "s3://f/%20+.mp4"]
)
@pytest.mark.parametrize("host", ["", "http://localhost:8080", "https://studio.example.org"])
def test_a_storages_address_is_the_resolvers_path(stored: str, host: str) -> None:
    path = resolver(stored)
    assert media_address(stored, 7) == path
    assert media_address(resolver(stored, host=host, base="/ls" if host else ""), 7) == path
    assert storage_address(path) == stored


@pytest.mark.parametrize(
    "address",
    [
        "/data/upload/1/a.mp4",
        "https://films.example.org/tasks/7/resolve/clip.mp4",
        "S3://films/a.mp4",
        "redis://films/a.mp4",
        "s3://",
        resolver("https://inner/a.mp4"),
        resolver("s3://films/a.mp4", task=8),
        resolver("s3://films/a.mp4").replace("tasks", "projects"),
        "/tasks/7/resolve/?fileuri=%%%",
    ],
)
def test_other_addresses_stay(address: str) -> None:
    assert media_address(address, 7) == address


def test_resolved_data_are_stored_data_again() -> None:
    stored = {"pages": ["s3://films/a.png", "/data/b.png"], "x": {"y": "gs://films/q"}, "n": 3, "clip": "a s3://b"}
    host = "http://label-studio:8080"
    answered = {
        "pages": [resolver("s3://films/a.png", host=host), "/data/b.png"],
        "x": {"y": resolver("gs://films/q", host=host)},
        "n": 3,
        "clip": "a s3://b",
    }
    assert as_stored(answered, 7) == stored
    assert as_stored(stored, 7) == stored


def test_media_of_requests_and_of_the_player_are_resolved() -> None:
    pages = media_of_task({"data": {"frames": ["s3://f/0.png", "/data/1.png"]}}, read_binding(PAGES), task_id=7)
    assert pages.addresses == (resolver("s3://f/0.png"), "/data/1.png")
    video = media_of_task({"data": {"clip": {"file": " s3://f/v.mp4 "}}}, read_binding(VIDEO), task_id=7)
    assert video.addresses == (resolver("s3://f/v.mp4"),)
    assert player_media({"film": "gs://f/v.mp4"}, PLAYER, task_id=7).addresses == (resolver("gs://f/v.mp4"),)
