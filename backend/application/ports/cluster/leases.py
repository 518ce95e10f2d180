"""Leases: each loop of the cluster runs in one web process at a time.

A lease has a holder, an end by the ledger's database clock, and a token that grows with every new holder. A holder
that was stopped for longer than its lease finds its writes to the ledger refused: see `fenced`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ProcessPlace:
    """Where a process runs.

    machine: names the boot and the process namespace; empty if that cannot be told. started: in clock ticks, tells it
    from a later process of the same pid. host: for people.
    """

    machine: str
    pid: int
    started: int
    host: str


@dataclass(frozen=True, slots=True)
class Lease:
    """left_s: seconds until the end, when it was read; not positive: anybody may take it."""

    name: str
    holder: str
    place: ProcessPlace
    token: int
    left_s: float


class LeaseLedger(Protocol):
    """The rows of leases. Raises ServiceUnavailable."""

    def take_leases(self, names: Sequence[str], holder: str, place: ProcessPlace, *, for_s: float) -> dict[str, int]:
        """Takes or renews those that this holder has or that are over; returns the tokens of those it has now."""
        ...

    def end_leases(self, holder: str, names: Sequence[str] = ()) -> None:
        """Lets anybody take a holder's leases; empty: all of them."""
        ...

    def leases(self) -> tuple[Lease, ...]:
        """All leases, by name."""
        ...

    def fenced(self, name: str, token: int) -> AbstractContextManager[None]:
        """Inside, writes of this thread to the ledger raise LeaseLost once the lease has another token."""
        ...
