"""What web process and workers tell each other in passing, on the queue's server: nothing here needs to last.

A bell that rings when a job has ended, so that who waits for it need not look again and again; wishes to look at
frames ahead of need; what a worker saw of some media. All of it is bounded, runs out by itself, and may be lost: the
ledger says what is so.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from hashlib import sha256

from redis import Redis, RedisError

from backend.adapters.queue.names import connect
from backend.application.ports.notifier import Wait
from backend.application.ports.prewarm import MediaStatus, PrewarmRequest
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import FrameSize
from backend.domain.tasks import MediaRef
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

logger = logging.getLogger(__name__)

WISHES = "masklet:wishes"
MOST_WISHES = 8
WISH_TTL_S = 60
SIGHT_TTL_S = 3600
TROUBLE_TTL_S = 5
"""What could not be opened a moment ago may be there now."""

MARK_TTL_S = 120
REPLY_TIMEOUT_S = 2.0
LONGEST_WAIT_S = 5.0
"""How long one wait for a wish may last; the connection's own timeout is longer."""


class RedisNotifier:
    """The Bell port: a channel a job."""

    def __init__(self, url: str) -> None:
        """url: the server's address; it may hold a password and is never logged. Connects when first used."""
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S)

    def notify(self, job_id: str) -> None:
        """Wake whoever listens for this job now. A server that is away is tolerated: they look for themselves."""
        try:
            self._redis.publish(_channel(job_id), b"1")
        except RedisError as error:
            logger.debug("the bell of job %s did not ring: %s", job_id, type(error).__name__)

    @contextmanager
    def subscribed(self, job_id: str, otherwise: Wait) -> Iterator[Wait]:
        """A wait that ends early when the job's bell rings, from now on. otherwise: waits where the server is away."""
        channel = self._redis.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]
        try:
            try:
                channel.subscribe(_channel(job_id))
            except RedisError:
                yield otherwise
                return

            def wait(seconds: float) -> None:
                try:
                    channel.get_message(timeout=seconds)
                except RedisError:
                    otherwise(seconds)

            yield wait
        finally:
            channel.close()


class RedisPrewarmChannel:
    """The WarmBoard port: a short list of wishes, newest first, and a key for each media seen."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S)
        self._waiting: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S + LONGEST_WAIT_S)

    def request(self, wish: PrewarmRequest) -> None:
        """See the port."""
        body = json.dumps([list(wish.media.addresses), wish.media.is_pages, list(wish.frames), wish.forget])
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.lpush(WISHES, body)
                pipeline.ltrim(WISHES, 0, MOST_WISHES - 1)
                pipeline.expire(WISHES, WISH_TTL_S)
                pipeline.execute()
        except RedisError as error:
            logger.debug("a wish was lost: %s", type(error).__name__)

    def next_request(self, timeout_s: float) -> PrewarmRequest | None:
        """See the port. A server that is away is waited for."""
        try:
            taken = self._waiting.blpop([WISHES], timeout=min(timeout_s, LONGEST_WAIT_S))
        except RedisError:
            time.sleep(min(timeout_s, 1.0))
            return None
        return None if taken is None else _prewarm_request(taken[1])

    def report(self, media: MediaRef, sight: MediaStatus) -> None:
        """See the port."""
        try:
            self._redis.set(_key(media), _dump(sight), ex=TROUBLE_TTL_S if sight.error else SIGHT_TTL_S)
        except RedisError as error:
            logger.debug("what was seen could not be told: %s", type(error).__name__)

    def status(self, media: MediaRef) -> MediaStatus | None:
        """See the port."""
        try:
            body = self._redis.get(_key(media))
        except RedisError:
            return None
        return _media_status(body) if isinstance(body, bytes) else None


class RedisSessionCursors:
    """The SessionMarks port: a key a session, which runs out when nobody asks for it."""

    def __init__(self, url: str) -> None:
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S)

    def set_cursor(self, session_id: str, cursor: int) -> None:
        """See the port."""
        try:
            self._redis.set(f"masklet:session:{session_id}", cursor, ex=MARK_TTL_S)
        except RedisError as error:
            logger.debug("a session was not marked: %s", type(error).__name__)

    def cursor(self, session_id: str) -> int | None:
        """See the port."""
        try:
            kept = self._redis.get(f"masklet:session:{session_id}")
            return None if kept is None else int(kept)
        except (RedisError, ValueError):
            return None


def _channel(job_id: str) -> str:
    return f"masklet:ended:{job_id}"


def _key(media: MediaRef) -> str:
    name = "\0".join((str(media.is_pages), *media.addresses))
    return f"masklet:sight:{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


def _prewarm_request(body: bytes | str) -> PrewarmRequest | None:
    """None for what is not a wish of ours: anybody may write to the server."""
    try:
        addresses, is_pages, frames, forget = json.loads(body)
        media = MediaRef(tuple(map(str, addresses)), bool(is_pages))
        return PrewarmRequest(media, tuple(FrameIndex(max(int(index), 0)) for index in frames), bool(forget))
    except (ValueError, TypeError):
        logger.warning("a wish on the queue's server was not readable")
        return None


def _dump(sight: MediaStatus) -> bytes:
    info = sight.info
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
    return json.dumps([video, list(sight.ready), sight.error]).encode()


def _media_status(body: bytes) -> MediaStatus | None:
    try:
        video, ready, trouble = json.loads(body)
        return MediaStatus(_info(video), tuple(map(int, ready)), str(trouble))
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
