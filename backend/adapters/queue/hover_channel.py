"""Hovers on the queue's server: a list of waiting requests, a key per request, and a list per answer.

A request's key expires when its answer is not waited for any more; a worker passes over its entry in the list then.
"""

from __future__ import annotations

import json
import logging
import secrets
import time

from redis import Redis, RedisError

from backend.adapters.queue.names import connect
from backend.application.ports.hover import AskedHover, HoverMask
from backend.codecs.request_json import dump_request, load_request
from backend.domain.errors import MaskletError, QueueUnavailable, ServiceUnavailable, error_of
from backend.domain.geometry import Box
from backend.domain.jobs import PreviewRequest
from backend.domain.masklets import EncodedMask, MaskOrigin

logger = logging.getLogger(__name__)

HOVERS_KEY = "masklet:hovers"
MAX_WAITING = 64
"""The most requests that wait at once; the oldest are dropped."""

LONGEST_WAIT_S = 5.0
"""The longest wait for a request or an answer, in seconds; the connection's own timeout is longer."""

REPLY_TIMEOUT_S = 2.0
ANSWER_TTL_S = 5


class RedisHoverChannel:
    """The HoverChannel port."""

    def __init__(self, url: str) -> None:
        """url: the server's address; it may hold a password and is never logged. Connects when first used."""
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S + LONGEST_WAIT_S)

    def ask(self, request: PreviewRequest, *, timeout_s: float) -> HoverMask:
        """See the port. Raises QueueUnavailable too."""
        timeout_s = min(timeout_s, LONGEST_WAIT_S)
        name = secrets.token_hex(16)
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.set(_request_key(name), dump_request(request), px=round(timeout_s * 1000))
                pipeline.lpush(HOVERS_KEY, name)
                pipeline.ltrim(HOVERS_KEY, 0, MAX_WAITING - 1)
                pipeline.expire(HOVERS_KEY, round(LONGEST_WAIT_S))
                pipeline.execute()
            answered = self._redis.blpop([_answer_key(name)], timeout=timeout_s)
        except RedisError as error:
            raise QueueUnavailable("the queue's server does not answer") from error
        if answered is None:
            raise ServiceUnavailable(f"no worker answered within {timeout_s:g} s")
        return _mask(answered[1])

    def next_request(self, timeout_s: float) -> AskedHover | None:
        """See the port. Without an answer from the server, waits at most a second and returns None."""
        try:
            taken = self._redis.brpop([HOVERS_KEY], timeout=min(timeout_s, LONGEST_WAIT_S))
            if taken is None:
                return None
            name = _text(taken[1])
            body = self._redis.get(_request_key(name))
        except RedisError:
            time.sleep(min(timeout_s, 1.0))
            return None
        request = _request(body) if isinstance(body, bytes) else None
        return None if request is None else AskedHover(name, request)

    def answer(self, asked: AskedHover, mask: HoverMask) -> None:
        """See the port."""
        encoded, box = mask.mask, mask.box
        content = {
            "mask": encoded and [encoded.height, encoded.width, encoded.counts],
            "origin": str(mask.origin),
            "uncertainty": mask.uncertainty,
            "box": box and [box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel],
        }
        self._send(asked, content)

    def refuse(self, asked: AskedHover, reason: str) -> None:
        """See the port."""
        self._send(asked, {"error": reason})

    def _send(self, asked: AskedHover, content: object) -> None:
        key = _answer_key(asked.reply)
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.rpush(key, json.dumps(content))
                pipeline.expire(key, ANSWER_TTL_S)
                pipeline.execute()
        except RedisError as error:
            logger.debug("answer to a hover not sent: %s", type(error).__name__)


def _request_key(name: str) -> str:
    return f"masklet:hover:{name}"


def _answer_key(name: str) -> str:
    return f"masklet:hovered:{name}"


def _text(value: bytes | str) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value


def _request(body: bytes) -> PreviewRequest | None:
    """None for a value that is no request: any client may write to the server."""
    try:
        request = load_request(body.decode())
    except (ValueError, TypeError, KeyError, MaskletError):
        logger.warning("a hover on the queue's server is not readable")
        return None
    return request if isinstance(request, PreviewRequest) else None


def _mask(body: bytes | str) -> HoverMask:
    """Raises the worker's error."""
    content = json.loads(body)
    if "error" in content:
        raise error_of(str(content["error"]))
    mask, box = content["mask"], content["box"]
    return HoverMask(
        None if mask is None else EncodedMask(*mask),
        MaskOrigin(content["origin"]),
        float(content["uncertainty"]),
        None if box is None else Box(*box),
    )
