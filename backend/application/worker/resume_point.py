"""How far an attempt at a propagation was when it was noted last, so that the next attempt can go on from there."""

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
    """A place between two frames of an errand.

    errand, video: what it is a place in (Errand.digest, the video's content hash). position: of the pass under way;
    engine: its Propagation.snapshot. done: frames made, of all passes.
    """

    errand: str
    video: str
    position: int
    done: int
    engine: bytes

    def dump(self) -> bytes:
        """For MaskWriter.snapshot."""
        record: _Record = {
            "format": FORMAT,
            "errand": self.errand,
            "video": self.video,
            "position": self.position,
            "done": self.done,
        }
        return json.dumps(record).encode() + b"\n" + self.engine

    @classmethod
    def load(cls, state: bytes) -> ResumePoint:
        """Raises SnapshotMismatch for what `dump` of this version did not write."""
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
