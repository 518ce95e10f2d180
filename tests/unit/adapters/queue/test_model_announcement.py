"""The announcement of a worker's model in a file and in Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from redis import ConnectionError as RedisConnectionError

from backend.adapters.queue.model_announcement import KEY, ModelAnnouncement
from backend.domain.jobs import ModelInfo

TINY = ModelInfo(name="tiny", version="masklet-tiny-7402e0d8", image_size=1024, device="cpu", is_demo=False)
DEMO = ModelInfo(name="demo", version="masklet-demo-12345678", image_size=256, device="cuda:0", is_demo=True)


class OneKeyRedis:
    """The commands of Redis that ModelAnnouncement uses. is_away: every command fails."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.is_away = False

    def set(self, key: str, value: str, *, nx: bool = False) -> bool | None:
        self._require_available()
        if nx and key in self.kept:
            return None
        self.kept[key] = value.encode()
        return True

    def get(self, key: str) -> bytes | None:
        self._require_available()
        return self.kept.get(key)

    def _require_available(self) -> None:
        if self.is_away:
            raise RedisConnectionError("away")


def test_before_any_announcement_there_is_no_model(tmp_path: Path) -> None:
    assert ModelAnnouncement(tmp_path / "model.json").announced() is None


def test_the_last_announcement_counts_and_leaves_one_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "model.json"
    ModelAnnouncement(path).announce(TINY)
    ModelAnnouncement(path).announce(DEMO)
    assert ModelAnnouncement(path).announced() == DEMO
    assert [entry.name for entry in path.parent.iterdir()] == ["model.json"]


@pytest.mark.parametrize("text", ["", "{", "null", "[]", '"tiny"', '{"name": "tiny"}', '{"name": 1, "image_size": []}'])
def test_text_that_is_no_model_reads_as_none(tmp_path: Path, text: str) -> None:
    path = tmp_path / "model.json"
    path.write_text(text)
    assert ModelAnnouncement(path).announced() is None


def test_a_web_process_elsewhere_reads_the_key(tmp_path: Path) -> None:
    redis = OneKeyRedis()
    ModelAnnouncement(tmp_path / "worker.json", redis).announce(TINY)  # type: ignore[arg-type]
    assert list(redis.kept) == [KEY]
    assert ModelAnnouncement(tmp_path / "web.json", redis).announced() == TINY  # type: ignore[arg-type]


def test_the_key_counts_before_the_file_of_a_host(tmp_path: Path) -> None:
    redis, now_s = OneKeyRedis(), [0.0]
    here = ModelAnnouncement(tmp_path / "web.json", redis, monotonic_s=lambda: now_s[0])  # type: ignore[arg-type]
    here.announce(DEMO)
    assert here.announced() == DEMO
    ModelAnnouncement(tmp_path / "elsewhere.json", redis).announce(TINY)  # type: ignore[arg-type]
    assert here.announced() == DEMO, "read a moment ago"
    now_s[0] = 1.0
    assert here.announced() == TINY


def test_a_redis_that_lost_its_data_is_told_again(tmp_path: Path) -> None:
    redis = OneKeyRedis()
    announcement = ModelAnnouncement(tmp_path / "model.json", redis)  # type: ignore[arg-type]
    announcement.announce(DEMO)
    redis.kept.clear()
    assert announcement.keep(DEMO) == DEMO
    assert ModelAnnouncement(tmp_path / "web.json", redis).announced() == DEMO  # type: ignore[arg-type]
    assert announcement.keep(TINY) == DEMO, "another worker's stays"
    redis.is_away = True
    assert announcement.keep(TINY) == TINY


def test_an_unavailable_redis_is_tolerated(tmp_path: Path) -> None:
    redis = OneKeyRedis()
    redis.is_away = True
    announcement = ModelAnnouncement(tmp_path / "model.json", redis)  # type: ignore[arg-type]
    assert announcement.announced() is None
    announcement.announce(DEMO)
    assert announcement.announced() == DEMO
