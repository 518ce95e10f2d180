"""The progress of an import: its steps, as a protocol, and the counts of its outcomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from backend.application.imports.model import ItemState, Outcome


class BatchProgress(Protocol):
    """Gets the steps of an import that take long."""

    def frame(self) -> None:
        """A frame of a video was encoded anew."""
        ...

    def search(self, clip: str, done: int, total: int) -> None:
        """Steps of the automatic segmentation of a clip. done equals total at its end."""
        ...


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of outcomes per state."""

    counts: dict[ItemState, int] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        self.counts[outcome.state] = self.counts.get(outcome.state, 0) + 1

    def of(self, state: ItemState) -> int:
        return self.counts.get(state, 0)
