"""The announcement of a worker's model, for the web process.

A file in the data folder, written by rename. With a Redis also a key, which counts first: workers of other hosts write
it, and the file is this host's.
Holds the model loaded last, not whether a worker is alive: the queue holds that.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from redis import Redis, RedisError

from backend.application.worker.threads import in_thread
from backend.codecs.atomic_file import write_atomically
from backend.domain.jobs import ModelInfo

logger = logging.getLogger(__name__)

KEY = "masklet:model"
FRESH_S = 1.0

ANNOUNCE_S = 15.0
"""Between two looks whether the model is announced: a queue that was emptied has lost it."""


class ModelAnnouncement:
    """A ModelDirectory kept in a file and, if there is a Redis, under a key."""

    def __init__(
        self, path: Path, redis: Redis | None = None, *, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        """path: the file; `announce` creates its folder. redis: its timeouts bound `announced`."""
        self._path = path
        self._redis = redis
        self._monotonic_s = monotonic_s
        self._read: tuple[float, ModelInfo | None] | None = None
        """When the key was read last, and its model."""

    def announce(self, model: ModelInfo) -> None:
        """Announces this worker's model. Without an answer from Redis, the file is written alone."""
        text = json.dumps(asdict(model), sort_keys=True)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._path, text.encode())
        self._read = None
        if self._redis is not None:
            try:
                self._redis.set(KEY, text)
            except RedisError as error:
                logger.warning("the model was announced in %s only: %s", self._path.name, type(error).__name__)

    def keep(self, model: ModelInfo) -> ModelInfo:
        """Announces this worker's model again if a Redis that lost its data has none; returns the announced one."""
        try:
            if self._redis is None or self._redis.set(KEY, json.dumps(asdict(model), sort_keys=True), nx=True):
                return model
        except RedisError:
            return model
        return _model(self._from_redis()) or model

    def announced(self) -> ModelInfo | None:
        """The model announced last; None before the first announcement. Text that is not a model reads as None."""
        return self._from_key() or _model(self._from_file())

    def _from_key(self) -> ModelInfo | None:
        """Read once in FRESH_S: every request asks for the model."""
        if self._redis is None:
            return None
        now_s = self._monotonic_s()
        if self._read is None or now_s - self._read[0] >= FRESH_S:
            self._read = (now_s, _model(self._from_redis()))
        return self._read[1]

    def _from_file(self) -> str | None:
        try:
            return self._path.read_text()
        except OSError:
            return None

    def _from_redis(self) -> str | None:
        if self._redis is None:
            return None
        try:
            value = self._redis.get(KEY)
        except RedisError:
            return None
        return value.decode(errors="replace") if isinstance(value, bytes) else value if isinstance(value, str) else None


@contextmanager
def kept_announced(announcement: ModelAnnouncement, model: ModelInfo) -> Iterator[None]:
    """Inside, keeps a worker's model announced, and warns of workers with another one: their masks mix."""

    def keep(ended: threading.Event) -> None:
        told = model.version
        while not ended.wait(ANNOUNCE_S):
            other = announcement.keep(model)
            if other.version not in (model.version, told):
                told = other.version
                logger.warning(
                    "this worker has %s, and another one announced %s: requests are recorded for that one. Give all "
                    "hosts the same MASKLET_MODEL and model folder",
                    model.version,
                    told,
                )

    with in_thread("model-announcement", keep, join_s=None):
        yield


def _model(text: str | None) -> ModelInfo | None:
    try:
        fields = json.loads(text or "null")
        return ModelInfo(
            name=str(fields["name"]),
            version=str(fields["version"]),
            image_size=int(fields["image_size"]),
            device=str(fields["device"]),
            is_demo=bool(fields["is_demo"]),
        )
    except (ValueError, TypeError, KeyError):
        return None
