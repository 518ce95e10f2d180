"""Judged tracks as tables: one row a frame and object, features beside what came of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.features import FEATURES, FeatureHistory
from backend.domain.masklets import FrameEvidence, MaskOrigin
from scripts.calibration.tracking_runs import Judgement, Track

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TrialRows:
    """N rows. rows: [N, F] features; iou: [N] true IoU; is_present, is_propagated: [N]; clip: [N] numbers;
    distance: [N] frames to the nearest prompted one; generator: N names; judgements: N of them."""

    rows: NDArray[np.float64]
    iou: Column
    is_present: NDArray[np.bool_]
    is_propagated: NDArray[np.bool_]
    clip: NDArray[np.int64]
    distance: NDArray[np.int64]
    generator: NDArray[np.str_]
    judgements: tuple[Judgement, ...]

    def of(self, chosen: NDArray[np.bool_]) -> TrialRows:
        """The rows where chosen is true."""
        return TrialRows(
            rows=self.rows[chosen],
            iou=self.iou[chosen],
            is_present=self.is_present[chosen],
            is_propagated=self.is_propagated[chosen],
            clip=self.clip[chosen],
            distance=self.distance[chosen],
            generator=self.generator[chosen],
            judgements=tuple(item for item, kept in zip(self.judgements, chosen, strict=True) if kept),
        )


@dataclass(frozen=True, slots=True)
class _Row:
    features: tuple[float, ...]
    judgement: Judgement
    distance: int
    clip: int
    generator: str


def trial_rows(tracks: Sequence[Track]) -> TrialRows:
    """The table of all tracks, human frames left out: they are certain by definition."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(track.clip for track in tracks))}
    rows = [row for name in numbers for row in _of_clip([t for t in tracks if t.clip == name], numbers[name])]
    return TrialRows(
        rows=np.array([row.features for row in rows], np.float64).reshape(-1, len(FEATURES)),
        iou=np.array([row.judgement.iou for row in rows], np.float64),
        is_present=np.array([row.judgement.is_present for row in rows], np.bool_),
        is_propagated=np.array([row.judgement.seen.origin is MaskOrigin.PROPAGATED for row in rows], np.bool_),
        clip=np.array([row.clip for row in rows], np.int64),
        distance=np.array([row.distance for row in rows], np.int64),
        generator=np.array([row.generator for row in rows], np.str_),
        judgements=tuple(row.judgement for row in rows),
    )


def _of_clip(tracks: Sequence[Track], clip: int) -> Iterator[_Row]:
    at: dict[int, list[tuple[Track, FrameEvidence]]] = defaultdict(list)
    for track in tracks:
        for judgement in track.frames:
            at[judgement.frame_index].append((track, judgement.seen.evidence))
    for track in tracks:
        trail = FeatureHistory(track.prompted)
        for judgement in track.frames:
            rivals = [evidence for other, evidence in at[judgement.frame_index] if other is not track]
            features = trail.row(judgement.frame_index, judgement.seen, rivals)
            if judgement.seen.origin is MaskOrigin.HUMAN:
                continue
            distance = min(abs(judgement.frame_index - prompted) for prompted in track.prompted)
            yield _Row(features, judgement, distance, clip, track.generator)
