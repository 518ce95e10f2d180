"""Quality for requests that cannot wait: it is computed in a thread, and shown when it is there."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence

from backend.application.crowd.lead.observed import TrustAt
from backend.application.crowd.quality.service import Known, QualityService
from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.errors import MaskletError
from backend.domain.tasks import TaskKey

logger = logging.getLogger(__name__)

WAIT_S = 0.2
"""The longest that a request waits for figures of now; after that it shows the last ones, or none."""

NOTHING = Known(None, {}, {}, {})


class BackgroundQuality:
    """The Quality that the lead's page observes. Thread-safe; at most one thread computes a project."""

    def __init__(self, service: QualityService, *, wait_s: float = WAIT_S) -> None:
        self._service = service
        self._wait_s = wait_s
        self._lock = threading.Lock()
        self._last: dict[int, Known] = {}
        self._computing: dict[int, threading.Event] = {}

    def people(self, project_id: int) -> Mapping[str, PersonQuality]:
        """See Quality."""
        return self._known(project_id).people

    def trust_over_time(self, project_id: int) -> Mapping[str, Sequence[TrustAt]]:
        """See Quality."""
        return self._known(project_id).trust_over_time

    def agreement(self, project_id: int) -> Mapping[TaskKey, Estimate]:
        """See Quality."""
        return self._known(project_id).agreement

    def _known(self, project_id: int) -> Known:
        self._begin(project_id).wait(self._wait_s)
        with self._lock:
            return self._last.get(project_id, NOTHING)

    def _begin(self, project_id: int) -> threading.Event:
        """Set when the figures that are being computed are there."""
        with self._lock:
            running = self._computing.get(project_id)
            if running is not None:
                return running
            done = self._computing[project_id] = threading.Event()
        threading.Thread(target=self._compute, args=(project_id, done), name="quality", daemon=True).start()
        return done

    def _compute(self, project_id: int, done: threading.Event) -> None:
        try:
            known = self._service.known(project_id)
            with self._lock:
                self._last[project_id] = known
        except MaskletError as error:
            logger.warning("the quality of project %d cannot be read: %s", project_id, error)
        finally:
            with self._lock:
                del self._computing[project_id]
            done.set()
