"""Short-lived signals between web process and workers, on the queue's server.

Prewarm requests, media status, cursors of sessions, and logins. All of them are bounded, expire, and may be lost.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Sequence
from fractions import Fraction
from hashlib import sha256

from redis import Redis, RedisError

from backend.adapters.queue.names import connect
from backend.application.ports.requests.prewarm import MediaStatus, PrewarmRequest
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import FrameSize
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

logger = logging.getLogger(__name__)

REQUESTS_KEY = "masklet:wishes"
MAX_REQUESTS = 8
REQUEST_TTL_S = 60
STATUS_TTL_S = 3600
ERROR_TTL_S = 5
"""Short: media that could not be opened may become available."""

CURSOR_TTL_S = 120
REPLY_TIMEOUT_S = 2.0
LONGEST_WAIT_S = 5.0
"""The longest wait for a prewarm request, in seconds; the connection's own timeout is longer."""


class RedisPrewarmChannel:
    """The PrewarmChannel port: a short list of requests, newest first, and a key per media status."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S)
        self._waiting: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S + LONGEST_WAIT_S)

    def request(self, request: PrewarmRequest) -> None:
        """See the port."""
        task = None if request.task is None else [request.task.project_id, request.task.task_id]
        media = request.media
        body = json.dumps([list(media.addresses), media.is_pages, list(request.frames), request.forget, task])
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.lpush(REQUESTS_KEY, body)
                pipeline.ltrim(REQUESTS_KEY, 0, MAX_REQUESTS - 1)
                pipeline.expire(REQUESTS_KEY, REQUEST_TTL_S)
                pipeline.execute()
        except RedisError as error:
            logger.debug("prewarm request not sent: %s", type(error).__name__)

    def next_request(self, timeout_s: float) -> PrewarmRequest | None:
        """See the port. Without an answer from the server, waits at most a second and returns None."""
        try:
            taken = self._waiting.blpop([REQUESTS_KEY], timeout=min(timeout_s, LONGEST_WAIT_S))
        except RedisError:
            time.sleep(min(timeout_s, 1.0))
            return None
        return None if taken is None else _prewarm_request(taken[1])

    def report(self, media: MediaRef, status: MediaStatus) -> None:
        """See the port."""
        try:
            self._redis.set(_key(media), _dump(status), ex=ERROR_TTL_S if status.error else STATUS_TTL_S)
        except RedisError as error:
            logger.debug("media status not sent: %s", type(error).__name__)

    def status(self, media: MediaRef) -> MediaStatus | None:
        """See the port."""
        try:
            body = self._redis.get(_key(media))
        except RedisError:
            return None
        return _media_status(body) if isinstance(body, bytes) else None


class RedisSessionCursors:
    """The SessionCursors port: one key per session, which expires when its client stops asking."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S)

    def set_cursor(self, session_id: str, cursor: int) -> None:
        """See the port."""
        try:
            self._redis.set(f"masklet:session:{session_id}", cursor, ex=CURSOR_TTL_S)
        except RedisError as error:
            logger.debug("session cursor not sent: %s", type(error).__name__)

    def cursor(self, session_id: str) -> int | None:
        """See the port."""
        try:
            value = self._redis.get(f"masklet:session:{session_id}")
            return None if value is None else int(value)
        except (RedisError, ValueError):
            return None


class RedisLogins:
    """The LoginStore port: a key per login. Without an answer from the server, nothing is kept."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S)

    def keep(self, name: str, body: bytes, *, for_s: int) -> None:
        """See the port."""
        try:
            self._redis.set(_login(name), body, ex=for_s)
        except RedisError as error:
            logger.warning("a login is known to this process alone: %s", type(error).__name__)

    def kept(self, name: str) -> bytes | None:
        """See the port."""
        try:
            body = self._redis.get(_login(name))
        except RedisError:
            return None
        return body if isinstance(body, bytes) else None


def _login(name: str) -> str:
    return f"masklet:login:{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _key(media: MediaRef) -> str:
    name = "\0".join((str(media.is_pages), *media.addresses))
    return f"masklet:sight:{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _prewarm_request(body: bytes | str) -> PrewarmRequest | None:
    """None for a value that is no request: any client may write to the server."""
    try:
        addresses, is_pages, frames, forget, numbers = json.loads(body)
        media = MediaRef(tuple(map(str, addresses)), bool(is_pages))
        task = None if numbers is None else TaskKey(*map(int, numbers))
        return PrewarmRequest(media, tuple(FrameIndex(max(int(index), 0)) for index in frames), bool(forget), task=task)
    except (ValueError, TypeError):
        logger.warning("a prewarm request on the queue's server is not readable")
        return None


def _dump(status: MediaStatus) -> bytes:
    info = status.info
    video = info and [
        info.content_hash,
        info.size.width,
        info.size.height,
        info.frame_count,
        str(info.frame_rate),
        info.variable_rate,
        info.rotation,
        info.truncated,
        info.times and info.times.packed(),
    ]
    return json.dumps([video, list(status.ready), status.error]).encode()


def _media_status(body: bytes) -> MediaStatus | None:
    try:
        video, ready, error = json.loads(body)
        return MediaStatus(_info(video), tuple(map(int, ready)), str(error))
    except (ValueError, TypeError, ZeroDivisionError):
        return None


def _info(video: Sequence[object] | None) -> VideoInfo | None:
    if video is None:
        return None
    content_hash, width, height, frame_count, rate, variable_rate, rotation, truncated, times = video
    return VideoInfo(
        ContentHash(str(content_hash)),
        FrameSize(int(str(width)), int(str(height))),
        int(str(frame_count)),
        Fraction(str(rate)),
        bool(variable_rate),
        int(str(rotation)),
        bool(truncated),
        None if times is None else FrameTimes.unpacked(str(times)),
    )
