"""The numbers of a project's tasks in Label Studio, read beside the requests.

Label Studio takes a second for a thousand tasks. The lead's page opens with what the ledger has, and shows the tasks
without any work once Label Studio has answered.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from backend.adapters.labelstudio.api.user_access import Credential, UserAccess
from backend.application.ports.clock import Clock
from backend.domain.errors import MaskletError
from backend.domain.recent import Recent
from backend.domain.tasks import TaskKey
from backend.interfaces.http.player.renewed import in_a_thread

logger = logging.getLogger(__name__)

KEPT = 32
FRESH_S = 15.0
PAGE_SIZE = 1000

_Listed = tuple[float, frozenset[TaskKey]]


class TaskListing:
    """Thread-safe; keeps the lists of the last projects and people in memory."""

    def __init__(
        self, access: UserAccess | None, clock: Clock, *, run: Callable[[Callable[[], None]], None] = in_a_thread
    ) -> None:
        self._access = access
        self._clock = clock
        self._run = run
        self._listed: Recent[tuple[str, int], _Listed] = Recent(KEPT)
        self._reading: set[tuple[str, int]] = set()
        self._lock = threading.Lock()

    def tasks(self, user: str, credential: Credential, project_id: int) -> frozenset[TaskKey] | None:
        """The tasks that Label Studio shows to the person; None while they are not read, and without a Label Studio."""
        access, key = self._access, (user, project_id)
        if access is None:
            return None
        known = self._listed.get(key)
        if known is None or self._clock.monotonic_s() - known[0] > FRESH_S:
            self._read(key, lambda: _all(access, credential, project_id))
            known = self._listed.get(key)
        return None if known is None else known[1]

    @property
    def has_label_studio(self) -> bool:
        return self._access is not None

    def _read(self, key: tuple[str, int], read: Callable[[], frozenset[TaskKey]]) -> None:
        with self._lock:
            if key in self._reading:
                return
            self._reading.add(key)

        def work() -> None:
            try:
                asked_s = self._clock.monotonic_s()
                self._listed.put(key, (asked_s, read()))
            except MaskletError as error:
                logger.warning("the tasks of project %d are not listed: %s", key[1], error)
            finally:
                with self._lock:
                    self._reading.discard(key)

        self._run(work)


def _all(access: UserAccess, credential: Credential, project_id: int) -> frozenset[TaskKey]:
    found: set[TaskKey] = set()
    page = 1
    while True:
        listed = access.tasks(credential, project_id, page=page, page_size=PAGE_SIZE)
        found.update(listed.tasks)
        if not listed.tasks or len(found) >= listed.total:
            return frozenset(found)
        page += 1
