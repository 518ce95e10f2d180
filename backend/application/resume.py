"""How far an attempt at a propagation was when it was noted last, so that the next attempt can go on from there."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TypedDict

from backend.domain.errors import SnapshotMismatch

FORMAT = 1


class _Record(TypedDict):
    format: int
    errand: str
    video: str
    position: int
    done: int
    records: int
    pass_records: int
    breaks: list[int]


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """A place between two frames of an errand.

    errand, video: what it is a place in (Errand.digest, the video's content hash). position: of the pass under way;
    engine: its Propagation.snapshot. done: frames made, of all passes. records: masks stored, carried ones included;
    pass_records: of these, the ones before the pass. breaks: counts of records at which a frame began that has the
    same index as the one before it.
    """

    errand: str
    video: str
    position: int
    done: int
    records: int
    pass_records: int
    breaks: tuple[int, ...]
    engine: bytes

    def dump(self) -> bytes:
        """For MaskWriter.snapshot."""
        record: _Record = {
            "format": FORMAT,
            "errand": self.errand,
            "video": self.video,
            "position": self.position,
            "done": self.done,
            "records": self.records,
            "pass_records": self.pass_records,
            "breaks": list(self.breaks),
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
                record["records"],
                record["pass_records"],
                tuple(record["breaks"]),
                engine,
            )
        except (ValueError, KeyError, TypeError) as error:
            raise SnapshotMismatch("the snapshot is not readable") from error
