"""Notifications of ended jobs, on the queue's server: one subscription a process, however many wait.

A notification may be lost, as when the connection breaks: the ledger holds the state of jobs, and waiters poll it.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from redis import Redis, RedisError

from backend.adapters.queue.names import connect
from backend.application.ports.notifier import Wait

logger = logging.getLogger(__name__)

REPLY_TIMEOUT_S = 2.0
SILENT_S = 5.0
"""After so long without a message the server is asked for one; without an answer for as long, it is gone."""

IDLE_S = 60.0
"""A subscription that nobody needed for this long ends."""

_PREFIX = "masklet:ended:"


class RedisNotifier:
    """The Notifier port: one channel per job. Safe to share between threads."""

    def __init__(self, url: str) -> None:
        """url: the server's address; it may hold a password and is never logged. Connects when first used."""
        self._redis: Redis = connect(url, timeout_s=REPLY_TIMEOUT_S)
        self._lock = threading.Lock()
        self._subscription: _Subscription | None = None

    def notify(self, job_id: str) -> None:
        """Wakes the current subscribers of this job. Without an answer from the server, waiters poll the ledger."""
        try:
            self._redis.publish(f"{_PREFIX}{job_id}", b"1")
        except RedisError as error:
            logger.debug("job %s: notification not sent: %s", job_id, type(error).__name__)

    @contextmanager
    def subscribed(self, job_id: str, otherwise: Wait) -> Iterator[Wait]:
        """A wait that ends early when the job is notified, from now on. otherwise: the wait without a server."""
        woken = threading.Event()
        subscription = self._with_waiter(job_id, woken)
        try:
            if not subscription.is_confirmed():
                yield otherwise
                return

            def wait(seconds: float) -> None:
                if subscription.is_over:
                    otherwise(seconds)
                    return
                woken.wait(seconds)
                woken.clear()

            yield wait
        finally:
            subscription.remove(job_id, woken)

    def _with_waiter(self, job_id: str, woken: threading.Event) -> _Subscription:
        """The current subscription, which wakes this event, or a new one in place of one that is over."""
        with self._lock:
            if self._subscription is None or not self._subscription.add(job_id, woken):
                self._subscription = _Subscription(self._redis)
                self._subscription.add(job_id, woken)
                self._subscription.begin()
            return self._subscription


class _Subscription(threading.Thread):
    """Reads the notifications of all jobs until the server does not answer, or nobody waits any more."""

    def __init__(self, redis: Redis) -> None:
        super().__init__(name="job-notifications", daemon=True)
        self._redis = redis
        self._lock = threading.Lock()
        self._waiters: dict[str, set[threading.Event]] = {}
        self._confirmed = threading.Event()
        self._begun_s = self._needed_s = time.monotonic()
        self.is_over = False

    def begin(self) -> None:
        """Starts the thread. If there can be none, the subscription is over."""
        try:
            self.start()
        except RuntimeError as error:
            logger.warning("jobs are polled: %s", error)
            self._end()

    def add(self, job_id: str, woken: threading.Event) -> bool:
        """False if this subscription is over."""
        with self._lock:
            if not self.is_over:
                self._waiters.setdefault(job_id, set()).add(woken)
            return not self.is_over

    def remove(self, job_id: str, woken: threading.Event) -> None:
        with self._lock:
            waiting = self._waiters.get(job_id, set())
            waiting.discard(woken)
            if not waiting:
                self._waiters.pop(job_id, None)
            self._needed_s = time.monotonic()

    def is_confirmed(self) -> bool:
        """Whether notifications arrive. Waits for the server's confirmation, in the subscription's first moments."""
        left_s = self._begun_s + REPLY_TIMEOUT_S - time.monotonic()
        return self._confirmed.wait(max(left_s, 0.0)) and not self.is_over

    def run(self) -> None:
        channel = self._redis.pubsub()  # type: ignore[no-untyped-call]
        try:
            channel.psubscribe(f"{_PREFIX}*")
            is_asked = False
            while not self._ends_idle():
                message = channel.get_message(timeout=SILENT_S)
                if message is not None:
                    is_asked = False
                    self._take(message)
                elif is_asked:
                    raise RedisError("no answer")
                else:
                    channel.ping()
                    is_asked = True
        except RedisError as error:
            logger.debug("notifications of jobs ended: %s", type(error).__name__)
        finally:
            self._end()
            with suppress(RedisError):
                channel.close()

    def _end(self) -> None:
        """Wakes all who wait: they wait without notifications from now on."""
        with self._lock:
            self.is_over = True
            left = [woken for waiting in self._waiters.values() for woken in waiting]
        self._confirmed.set()
        for woken in left:
            woken.set()

    def _take(self, message: dict[str, object]) -> None:
        if message["type"] == "psubscribe":
            self._confirmed.set()
        name = message["channel"]
        if message["type"] == "pmessage" and isinstance(name, bytes):
            job_id = name.decode(errors="replace").removeprefix(_PREFIX)
            with self._lock:
                for woken in self._waiters.get(job_id, ()):
                    woken.set()

    def _ends_idle(self) -> bool:
        with self._lock:
            is_needed = bool(self._waiters) or time.monotonic() - self._needed_s < IDLE_S
            self.is_over = not is_needed
            return self.is_over
