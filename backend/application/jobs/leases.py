"""Keeps this process's leases: takes those that are over, renews its own, and says which ones it holds."""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from backend.application.ports.clock import Clock
from backend.application.ports.cluster.leases import Lease, LeaseLedger, ProcessPlace
from backend.domain.errors import LeaseLost, MaskletError

logger = logging.getLogger(__name__)

LEASE_S = 15.0
"""How long the loops of a process rest that vanished with its host. A process that died on this host is noticed at
once."""

RENEW_S = 3.0
LONGEST_STEP_S = 900.0
"""A step that has run for longer counts as hung: its lease is not renewed, and another process takes over."""


@dataclass(slots=True)
class LeaseKeeper:
    """`renew` is called every RENEW_S; `run` from the loops. Thread-safe.

    is_dead: whether a process of this machine is gone; False for those of other machines.
    """

    ledger: LeaseLedger
    clock: Clock
    place: ProcessPlace
    is_dead: Callable[[ProcessPlace], bool]
    names: Sequence[str] = ()
    """The loops of this process."""

    holder: str = field(default_factory=lambda: secrets.token_hex(8))
    seen: tuple[Lease, ...] = ()
    """All leases, when this process read them last."""

    _tokens: dict[str, int] = field(default_factory=dict)
    _until_s: float = float("-inf")
    """Until when the tokens count, on the monotonic clock: no later than in the database."""

    _since_s: dict[str, float] = field(default_factory=dict)
    """The loops that run a step now, and since when."""

    _lock: threading.Lock = field(default_factory=threading.Lock)

    def renew(self) -> None:
        """Takes and renews leases. While the ledger does not answer, those of this process run out."""
        asked_s = self.clock.monotonic_s()
        with self._lock:
            wanted = [name for name in self.names if asked_s - self._since_s.get(name, asked_s) < LONGEST_STEP_S]
        tokens = self.ledger.take_leases(wanted, self.holder, self.place, for_s=LEASE_S)
        if len(tokens) < len(wanted) and self._end_those_of_dead():
            tokens = self.ledger.take_leases(wanted, self.holder, self.place, for_s=LEASE_S)
        before = self._tokens
        with self._lock:
            self._tokens, self._until_s = tokens, asked_s + LEASE_S
        for name in sorted(tokens.keys() - before.keys()):
            logger.info("this process runs %s now (lease %d)", name, tokens[name])
        for name in sorted(before.keys() - tokens.keys()):
            logger.warning("this process does not run %s any more", name)
        self.seen = self.ledger.leases()

    def token(self, name: str) -> int | None:
        """The token of a lease that this process holds for certain; else None."""
        with self._lock:
            return self._tokens.get(name) if self.clock.monotonic_s() < self._until_s else None

    def holds(self, name: str) -> bool:
        return self.token(name) is not None

    def run(self, name: str, step: Callable[[], object]) -> bool:
        """Runs a step if this process holds the lease; returns whether it did.

        Once another process has the lease, the step's writes to the ledger raise LeaseLost, which ends it.
        """
        token = self.token(name)
        if token is None:
            return False
        with self._noted(name):
            try:
                with self.ledger.fenced(name, token):
                    step()
            except LeaseLost as error:
                logger.warning("%s", error)
        return True

    def document(self) -> Mapping[str, object]:
        """Who holds which lease, as of the last renewal, for /health."""
        return {
            lease.name: {
                "process": f"{lease.place.host}:{lease.place.pid}",
                "is_here": lease.holder == self.holder,
                "token": lease.token,
                "left_s": round(lease.left_s, 1),
            }
            for lease in self.seen
        }

    def close(self) -> None:
        """Lets other processes take over at once."""
        with self._lock:
            self._tokens = {}
        try:
            self.ledger.end_leases(self.holder)
        except MaskletError as error:
            logger.warning("the leases of this process end by themselves: %s", error)

    @contextmanager
    def _noted(self, name: str) -> Iterator[None]:
        with self._lock:
            self._since_s[name] = self.clock.monotonic_s()
        try:
            yield
        finally:
            with self._lock:
                del self._since_s[name]

    def _end_those_of_dead(self) -> bool:
        """Whether a lease was held by a process of this machine that is gone."""
        others = (lease for lease in self.ledger.leases() if lease.holder != self.holder and lease.left_s > 0)
        dead = [lease for lease in others if self.is_dead(lease.place)]
        for holder in {lease.holder for lease in dead}:
            self.ledger.end_leases(holder)
        return bool(dead)
