"""Which queued click an interactive worker runs next.

An entry of the queue is one turn, not one click: the worker runs the click that is due. Persons take turns, and each
person's newest click is first. A click without a waiter is dropped before it is computed; its prompt stays.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass, field

from backend.application.ports.clock import Clock
from backend.application.ports.ledger import Ledger
from backend.domain.jobs import QueuedClick

logger = logging.getLogger(__name__)

NO_WAITER_GRACE_S = 3.0
"""A click without a waiter is kept for this long: it may just have been submitted again."""

PERSONS_REMEMBERED = 1000

NO_WAITER = "ServiceUnavailable: no worker came to this click while a request waited; the prompt is kept, ask again"
"""Also the answer of a request that reads its job late: 503, as at its deadline."""


@dataclass(slots=True)
class ClickOrder:
    """The order of one worker's clicks. Used from one thread."""

    ledger: Ledger
    clock: Clock
    _turn: int = 0
    _turns: dict[str, int] = field(default_factory=dict)
    """The last turn of each person."""

    def next(self, without: Collection[tuple[str, int]] = ()) -> QueuedClick | None:
        """The click that is due, or None. Drops clicks without a waiter. without: ids and attempts to leave out."""
        waiting = [click for click in self._with_waiter() if (click.job_id, click.attempt) not in without]
        if not waiting:
            return None
        first = min(waiting, key=lambda click: (self._turns.get(click.person, 0), click.sequence))
        self._turn += 1
        self._turns.pop(first.person, None)
        self._turns[first.person] = self._turn
        if len(self._turns) > PERSONS_REMEMBERED:
            del self._turns[next(iter(self._turns))]
        return max((click for click in waiting if click.person == first.person), key=lambda click: click.sequence)

    def _with_waiter(self) -> list[QueuedClick]:
        now_s = self.clock.now_s()
        kept: list[QueuedClick] = []
        dropped: list[QueuedClick] = []
        for click in self.ledger.queued_clicks():
            is_waited = now_s < max(click.until_s, click.updated_s + NO_WAITER_GRACE_S)
            (kept if is_waited else dropped).append(click)
        if dropped:
            logger.info("%d clicks without a waiter are dropped", len(dropped))
            self.ledger.drop_clicks([click.job_id for click in dropped], reason=NO_WAITER)
        return kept
