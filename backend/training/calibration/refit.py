"""A calibrator for new weights: fitted on drawn clips, and on the labelled frames of held-out videos.

Drawn clips are always at hand and have failures of every kind. Frames that the weights were trained on are not used:
their errors are smaller than those of other frames.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backend.application.ports.engine import CancelToken, Segmenter
from backend.domain.uncertainty.calibration import Calibrator
from backend.evaluation.calibration_metrics import calibration_error
from backend.evaluation.synthetic.renderer import render_scene
from backend.evaluation.synthetic.source import ClipSource
from backend.training.calibration.feature_rows import FeatureRows, known_rows
from backend.training.calibration.fitting import fit_cross_validated
from backend.training.calibration.tracking_runs import Track, track_clip
from backend.training.drawn.scenes import SceneSpec, make_scene

CLIPS, FRAMES, SIDE_PX = 24, 14, 160
_STREAM = 90_907
FEWEST_ROWS, FEWEST_OF_A_KIND = 24, 5
"""Labelled frames of held-out videos that a fit needs, and how many of them must be failures, and how many not."""


@dataclass(frozen=True, slots=True)
class DrawnClip:
    """A drawn scene with its masks, bool [T, N, H, W]; a clip of evaluation too."""

    name: str
    generator: str
    video: ClipSource
    masks: np.ndarray[tuple[int, int, int, int], np.dtype[np.bool_]]
    alike: tuple[tuple[int, int], ...] = ()


def drawn_clips(seed: int, count: int = CLIPS) -> Iterator[DrawnClip]:
    """Clips that no training replays: another stream of the same generator."""
    for place in range(count):
        rng = np.random.default_rng((seed, _STREAM, place))
        spec = SceneSpec(FRAMES, SIDE_PX, 3, float(rng.uniform(0.5, 1.0)), 1.3, 0.8)
        frames, masks = render_scene(make_scene(rng, spec), (SIDE_PX, SIDE_PX))
        yield DrawnClip(f"drawn-{seed}-{place}", "drawn", ClipSource(frames), masks)


def drawn_tracks(engine: Segmenter, seed: int, cancel: CancelToken) -> list[Track]:
    """Tracks of the drawn clips. Raises Cancelled."""
    tracks: list[Track] = []
    for clip in drawn_clips(seed):
        cancel.raise_if_cancelled()
        tracks += track_clip(engine, clip)
    return tracks


def allows_fit(labelled: FeatureRows) -> bool:
    """Whether there are enough labelled frames, failed and good ones, to fit a calibrator."""
    failed = int(labelled.failed.sum())
    good = len(labelled.failed) - failed
    return failed + good >= FEWEST_ROWS and min(failed, good) >= FEWEST_OF_A_KIND


def refit(drawn: Sequence[Track], labelled: Sequence[Track], sha256: str) -> tuple[Calibrator | None, float]:
    """A calibrator for the weights of a SHA-256, and its calibration error on the labelled frames.

    For the error, the networks are cross-validated by video. None and nan if the labels do not allow a fit.
    """
    table = known_rows([*drawn, *labelled])
    of_labelled = table.generator == "labelled"
    if not allows_fit(table.of(of_labelled)):
        return None, math.nan
    calibrator, scores = fit_cross_validated(table, sha256=sha256)
    return calibrator, calibration_error(scores[of_labelled], table.failed[of_labelled])
