"""Quality for requests that cannot wait: it is computed in a thread, and shown when it is there."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from backend.application.crowd.lead.observed import TrustAt
from backend.application.crowd.quality.service import Known, QualityService
from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.errors import MaskletError
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

WAIT_S = 0.2
"""The longest that a request waits for figures of now; after that it shows the last ones, or none."""

AFTER_THE_PAGE_S = 1.5
"""How long a computation that takes longer than WAIT_S is put off: the page that asks is drawn before it."""

REST = 4.0
"""How long figures rest, as a multiple of the time that they took: while a crowd works they change with every
measurement, and the thread would take a core from the requests all day."""


@dataclass(frozen=True, slots=True)
class Computed:
    """A project's last figures, the seconds that they took, and until when they rest on the monotonic clock."""

    known: Known
    took_s: float
    rests_until_s: float


NOTHING = Computed(Known(None, {}, {}, {}), 0.0, float("-inf"))


class BackgroundQuality:
    """The Quality that the lead's page observes. Thread-safe.

    A request reads the state of a project; figures are computed if it changed. One thread computes, one project after
    the other, and ends when nothing is left.
    """

    def __init__(
        self,
        service: QualityService,
        *,
        wait_s: float = WAIT_S,
        is_measured_now: Callable[[int], bool] = lambda _: False,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """is_measured_now: whether the tasks of a project are being measured. now_s: a monotonic clock, in seconds."""
        self._service = service
        self._now_s = now_s
        self._sleep = sleep
        self._wait_s = wait_s
        self._is_measured_now = is_measured_now
        self._lock = threading.Lock()
        self._last: dict[int, Computed] = {}
        self._waiting: deque[int] = deque()
        self._done: dict[int, threading.Event] = {}
        """Of the projects that wait and the one that is computed."""
        self._outdated: set[int] = set()
        """Of the projects that rest, those that have changed."""

    def people(self, project_id: int) -> Mapping[str, PersonQuality]:
        """See Quality."""
        return self._known(project_id).people

    def trust_over_time(self, project_id: int) -> Mapping[str, Sequence[TrustAt]]:
        """See Quality."""
        return self._known(project_id).trust_over_time

    def agreement(self, project_id: int) -> Mapping[TaskKey, Estimate]:
        """See Quality."""
        return self._known(project_id).agreement

    def is_measuring(self, project_id: int) -> bool:
        """See Quality."""
        with self._lock:
            is_computed = project_id in self._done or project_id in self._outdated
        return is_computed or self._is_measured_now(project_id)

    def _known(self, project_id: int) -> Known:
        try:
            state = self._service.state(project_id)
        except MaskletError as error:
            _warn(project_id, error)
            return self._last_of(project_id).known
        with self._lock:
            last = self._last_of(project_id)
            if last.known.state == state:
                self._outdated.discard(project_id)
                return last.known
            if self._now_s() < last.rests_until_s:
                self._outdated.add(project_id)
                return last.known
        done = self._begin(project_id)
        if not self._takes_long(project_id):
            done.wait(self._wait_s)
        return self._last_of(project_id).known

    def _last_of(self, project_id: int) -> Computed:
        return self._last.get(project_id, NOTHING)

    def _takes_long(self, project_id: int) -> bool:
        return self._last_of(project_id).took_s > self._wait_s

    def _begin(self, project_id: int) -> threading.Event:
        """Set when the figures of the project are there, or cannot be read."""
        with self._lock:
            if project_id in self._done:
                return self._done[project_id]
            is_idle = not self._done
            self._outdated.discard(project_id)
            done = self._done[project_id] = threading.Event()
            self._waiting.append(project_id)
        if is_idle:
            threading.Thread(target=self._compute_all, name="quality", daemon=True).start()
        return done

    def _compute_all(self) -> None:
        while True:
            with self._lock:
                project_id = self._waiting.popleft()
            if self._takes_long(project_id):
                self._sleep(AFTER_THE_PAGE_S)
            began_s = self._now_s()
            try:
                self._keep(project_id, self._service.known(project_id), began_s)
            except MaskletError as error:
                _warn(project_id, error)
            except Exception:  # one project's error must not end the thread
                logger.exception("the quality of project %d cannot be computed", project_id)
            with self._lock:
                self._done.pop(project_id).set()
                if not self._waiting:
                    return

    def _keep(self, project_id: int, known: Known, began_s: float) -> None:
        with self._lock:
            ended_s = self._now_s()
            took_s = ended_s - began_s
            self._last[project_id] = Computed(known, took_s, ended_s + REST * took_s)


def _warn(project_id: int, error: MaskletError) -> None:
    logger.warning("the quality of project %d cannot be read: %s", project_id, error)
