"""The measures of workers, on the queue's server: each worker writes its own, the web process reads all of them.

Keys expire: a worker that ended is soon no longer listed. Measures may be lost without harm.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import asdict

from redis import Redis, RedisError

from backend.adapters.queue.names import ALIVE_S
from backend.application.ports.measuring.measures import Measures, Times

logger = logging.getLogger(__name__)

PREFIX = "masklet:measures:"
PUBLISH_S = 5.0


class MeasuresBoard:
    """Writes one worker's measures, and reads those of all."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def publish(self, worker: str, measures: Measures) -> None:
        """Replaces a worker's measures. Without an answer from the server, nothing is written."""
        try:
            self._redis.set(PREFIX + worker, json.dumps(asdict(measures)), ex=ALIVE_S)
        except RedisError as error:
            logger.debug("measures of %s not published: %s", worker, type(error).__name__)

    def all(self) -> Mapping[str, Measures]:
        """The live workers' measures, by name, ascending; none without an answer. What is not readable is left out."""
        try:
            keys = sorted(self._redis.scan_iter(match=f"{PREFIX}*", count=500))
            values = self._redis.mget(keys) if keys else []
        except RedisError:
            return {}
        found = {}
        for key, value in zip(keys, values, strict=True):
            if (read := _measures(value)) is not None:
                found[key.decode(errors="replace").removeprefix(PREFIX)] = read
        return found


def _measures(value: bytes | str | None) -> Measures | None:
    try:
        fields = json.loads(value or b"null")
        return Measures(
            int(fields["frames"]),
            {str(k): Times(float(v["total_s"]), [int(n) for n in v["counts"]]) for k, v in fields["times"].items()},
            {str(k): (int(v[0]), int(v[1])) for k, v in fields["lookups"].items()},
            {str(k): float(v) for k, v in fields["gauges"].items()},
        )
    except (ValueError, TypeError, KeyError, IndexError, AttributeError):
        return None
