"""Tables of tracking runs: one row per frame and object, with its features and its errors."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.masklets import FrameEvidence, MaskOrigin
from backend.domain.uncertainty.features import FEATURES, FeatureHistory
from backend.domain.uncertainty.scoring import FAILED_BELOW
from backend.training.calibration.tracking_runs import FrameError, Track

Column = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureRows:
    """N rows. rows: [N, F] features; iou: [N] true IoU; is_present, is_propagated: [N]; clip: [N] numbers;
    distance: [N] frames to the nearest prompted frame; generator: [N] names; errors: N frame errors."""

    rows: NDArray[np.float64]
    iou: Column
    is_present: NDArray[np.bool_]
    is_propagated: NDArray[np.bool_]
    clip: NDArray[np.int64]
    distance: NDArray[np.int64]
    generator: NDArray[np.str_]
    errors: tuple[FrameError, ...]

    @property
    def failed(self) -> NDArray[np.bool_]:
        """[N]: whether the IoU is below FAILED_BELOW."""
        return np.asarray(self.iou < FAILED_BELOW)

    def of(self, chosen: NDArray[np.bool_]) -> FeatureRows:
        """The rows where chosen, bool [N], is true."""
        return FeatureRows(
            rows=self.rows[chosen],
            iou=self.iou[chosen],
            is_present=self.is_present[chosen],
            is_propagated=self.is_propagated[chosen],
            clip=self.clip[chosen],
            distance=self.distance[chosen],
            generator=self.generator[chosen],
            errors=tuple(item for item, kept in zip(self.errors, chosen, strict=True) if kept),
        )


@dataclass(frozen=True, slots=True)
class _Row:
    features: tuple[float, ...]
    error: FrameError
    distance: int
    clip: int
    generator: str


def feature_rows(tracks: Sequence[Track]) -> FeatureRows:
    """The table of all tracks without their human frames, which have no uncertainty."""
    numbers = {name: number for number, name in enumerate(dict.fromkeys(track.clip for track in tracks))}
    rows = [row for name in numbers for row in _of_clip([t for t in tracks if t.clip == name], numbers[name])]
    return FeatureRows(
        rows=np.array([row.features for row in rows], np.float64).reshape(-1, len(FEATURES)),
        iou=np.array([row.error.iou for row in rows], np.float64),
        is_present=np.array([row.error.is_present for row in rows], np.bool_),
        is_propagated=np.array([row.error.observed.origin is MaskOrigin.PROPAGATED for row in rows], np.bool_),
        clip=np.array([row.clip for row in rows], np.int64),
        distance=np.array([row.distance for row in rows], np.int64),
        generator=np.array([row.generator for row in rows], np.str_),
        errors=tuple(row.error for row in rows),
    )


def known_rows(tracks: Sequence[Track]) -> FeatureRows:
    """The rows of the frames whose truth is known; the IoU of the others is nan."""
    table = feature_rows(tracks)
    return table.of(~np.isnan(table.iou))


def _of_clip(tracks: Sequence[Track], clip: int) -> Iterator[_Row]:
    evidence_by_frame: dict[int, list[tuple[Track, FrameEvidence]]] = defaultdict(list)
    for track in tracks:
        for error in track.frames:
            evidence_by_frame[error.frame_index].append((track, error.observed.evidence))
    for track in tracks:
        history = FeatureHistory(track.prompted)
        for error in track.frames:
            rivals = [evidence for other, evidence in evidence_by_frame[error.frame_index] if other is not track]
            features = history.row(error.frame_index, error.observed, rivals)
            if error.observed.origin is MaskOrigin.HUMAN:
                continue
            distance = min(abs(error.frame_index - prompted) for prompted in track.prompted)
            yield _Row(features, error, distance, clip, track.generator)
