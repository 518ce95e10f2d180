"""Requests on the queue's server: a list of waiting requests, a key per request, and a list per answer.

A request's key expires when its answer is not waited for any more; a worker passes over its entry in the list then.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from redis import Redis, RedisError

from backend.adapters.queue.names import connect
from backend.application.ports.requests.channel import AskedRequest
from backend.domain.errors import MaskletError, QueueUnavailable, ServiceUnavailable, error_of

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Answer = TypeVar("Answer")

MAX_WAITING = 64
"""The most requests of a kind that wait at once; the oldest are dropped."""

STEP_S = 5.0
"""The longest wait of one call to the server, in seconds; the connection's own timeout is longer."""

REPLY_TIMEOUT_S = 2.0
ANSWER_TTL_S = 5


class RedisRequestChannel(ABC, Generic[Request, Answer]):
    """The RequestChannel port. Its subclasses have the JSON forms of requests and answers."""

    def __init__(self, url: str, name: str) -> None:
        """url: the server's address; it may hold a password and is never logged. Connects when first used.

        name: of this kind of requests, in the server's keys.
        """
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S + STEP_S)
        self._name = name

    @abstractmethod
    def dump_request(self, request: Request) -> str: ...

    @abstractmethod
    def load_request(self, text: str) -> Request | None:
        """None for another kind. Raises ValueError, TypeError, KeyError or MaskletError for an unreadable request."""

    @abstractmethod
    def dump_answer(self, answer: Answer) -> object:
        """An object without the key `error`."""

    @abstractmethod
    def load_answer(self, content: dict[str, Any]) -> Answer: ...

    def ask(self, request: Request, *, timeout_s: float) -> Answer:
        """See the port. Raises QueueUnavailable too."""
        name = secrets.token_hex(16)
        ttl_ms = max(round(timeout_s * 1000), 1)
        until_s = time.monotonic() + timeout_s
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.set(self._request_key(name), self.dump_request(request), px=ttl_ms)
                pipeline.lpush(self._list_key, name)
                pipeline.ltrim(self._list_key, 0, MAX_WAITING - 1)
                pipeline.pexpire(self._list_key, max(ttl_ms, 1000))
                pipeline.execute()
            while (left_s := until_s - time.monotonic()) > 0:
                answered = self._redis.blpop([self._answer_key(name)], timeout=min(left_s, STEP_S))
                if answered is not None:
                    return self._read(answered[1])
        except RedisError as error:
            raise QueueUnavailable("the queue's server does not answer") from error
        raise ServiceUnavailable(f"no worker answered within {timeout_s:g} s")

    def next_request(self, timeout_s: float) -> AskedRequest[Request] | None:
        """See the port. Without an answer from the server, waits at most a second and returns None."""
        try:
            taken = self._redis.brpop([self._list_key], timeout=min(timeout_s, STEP_S))
            if taken is None:
                return None
            name = _text(taken[1])
            key = self._request_key(name)
            body, ttl_ms = self._redis.get(key), self._redis.pttl(key)
        except RedisError:
            time.sleep(min(timeout_s, 1.0))
            return None
        request = self._request(body) if isinstance(body, bytes) else None
        return None if request is None else AskedRequest(name, request, max(ttl_ms, 0) / 1000)

    def answer(self, asked: AskedRequest[Request], answer: Answer) -> None:
        """See the port."""
        self._send(asked, self.dump_answer(answer))

    def refuse(self, asked: AskedRequest[Request], reason: str) -> None:
        """See the port."""
        self._send(asked, {"error": reason})

    @property
    def _list_key(self) -> str:
        return f"masklet:{self._name}s"

    def _request_key(self, name: str) -> str:
        return f"masklet:{self._name}:{name}"

    def _answer_key(self, name: str) -> str:
        return f"masklet:{self._name}-answer:{name}"

    def _send(self, asked: AskedRequest[Request], content: object) -> None:
        key = self._answer_key(asked.reply)
        try:
            with self._redis.pipeline() as pipeline:
                pipeline.rpush(key, json.dumps(content))
                pipeline.expire(key, ANSWER_TTL_S)
                pipeline.execute()
        except RedisError as error:
            logger.debug("answer to a %s not sent: %s", self._name, type(error).__name__)

    def _request(self, body: bytes) -> Request | None:
        """None for a value that is no request: any client may write to the server."""
        try:
            return self.load_request(body.decode())
        except (ValueError, TypeError, KeyError, MaskletError):
            logger.warning("a %s on the queue's server is not readable", self._name)
            return None

    def _read(self, body: bytes | str) -> Answer:
        """Raises the worker's error."""
        content = json.loads(body)
        if "error" in content:
            raise error_of(str(content["error"]))
        return self.load_answer(content)


def _text(value: bytes | str) -> str:
    return value.decode("ascii", "replace") if isinstance(value, bytes) else value
