"""Resume points: how far a propagation was at its last snapshot, for the next attempt."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypedDict

from backend.domain.errors import SnapshotMismatch

FORMAT = 2


class _Record(TypedDict):
    format: int
    errand: str
    video: str
    position: int
    done: int


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """A point between two frames of a propagation plan.

    plan_digest: PropagationPlan.digest. video: content hash. position: index of the current pass. engine: the pass's
    Propagation.snapshot. done: count of computed frames, of all passes.
    """

    plan_digest: str
    video: str
    position: int
    done: int
    engine: bytes

    def dump(self) -> bytes:
        """The state for MaskWriter.snapshot."""
        record: _Record = {
            "format": FORMAT,
            "errand": self.plan_digest,
            "video": self.video,
            "position": self.position,
            "done": self.done,
        }
        return json.dumps(record).encode() + b"\n" + self.engine

    @classmethod
    def load(cls, state: bytes) -> ResumePoint:
        """Raises SnapshotMismatch for a state that `dump` of this version did not write."""
        line, _, engine = state.partition(b"\n")
        try:
            record: _Record = json.loads(line)
            if record["format"] != FORMAT:
                raise SnapshotMismatch("the snapshot was taken by another version of Masklet")
            return cls(
                record["errand"],
                record["video"],
                record["position"],
                record["done"],
                engine,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SnapshotMismatch("the snapshot is not readable") from error
