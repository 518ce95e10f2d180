"""The sweep of leftovers: removes the unfinished runs of masks that killed writers left and no attempt took up.

It lists the whole store of masks. For a cluster: the time of the last sweep is a note, which its processes share.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from backend.application.ports.clock import Clock
from backend.application.ports.key_value import KeyValueStore

EVERY_S = 3600.0
OLDER_THAN_S = 24 * 3600.0
"""Longer than any pause between two writes of a living writer, and than a job waits for its next attempt."""

LAST_SWEEP = "sweeps/leftovers"
"""The note with the time of the last sweep, in seconds of the wall clock."""


class SweptMasks(Protocol):
    """The mask store, as far as a sweep needs it."""

    def sweep(self, older_than_s: float) -> tuple[str, ...]:
        """Removes unfinished runs that nobody wrote to for so long. Returns their names. Logs an outage."""
        ...


@dataclass(slots=True)
class Leftovers:
    """`sweep` may be called at any rate, by the process that has the lease of it."""

    masks: SweptMasks
    key_values: KeyValueStore
    clock: Clock
    next_s: float = float("-inf")
    """On the monotonic clock: the note is not read before."""

    def sweep(self) -> None:
        """One sweep, unless any process of the cluster made one within EVERY_S. Raises ServiceUnavailable."""
        monotonic_s = self.clock.monotonic_s()
        if monotonic_s < self.next_s:
            return
        now_s = self.clock.now_s()
        since_s = now_s - _time_of(self.key_values.read(LAST_SWEEP))
        if 0 <= since_s < EVERY_S:  # a time to come is of a clock that was wrong
            self.next_s = monotonic_s + EVERY_S - since_s
            return
        self.key_values.write(LAST_SWEEP, repr(now_s).encode())
        self.next_s = monotonic_s + EVERY_S
        self.masks.sweep(OLDER_THAN_S)


def _time_of(note: bytes | None) -> float:
    """Minus infinity without a note, or for a damaged one."""
    try:
        return float(note or b"-inf")
    except ValueError:
        return float("-inf")
