"""Fits the calibrator of a checkpoint on the calibration clips and writes it beside the weights.

    python -m scripts.calibrate [--model NAME] [--clips N] [--workers N] [--device NAME] [--image-size N]
        [--out FILE]

Uses the calibration split only and records its generators in the file. The weights' SHA-256 is part of the file; other
weights, and another image size, need a new fit.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.weights.calibrators import calibrator_path
from backend.adapters.sam2.weights.checkpoints import find
from backend.adapters.sam2.weights.image_size import at_image_size
from backend.training.calibration.feature_rows import feature_rows
from backend.training.calibration.fitting import fit_calibrator
from backend.training.calibration.tracking_runs import Track, track_clip
from scripts.benchmarks.engine_pool import EnginePool
from scripts.calibration.clip_appearance import Split
from scripts.calibration.clips import split_clip

CLIPS = 320


def main(arguments: Sequence[str] | None = None) -> None:
    """Tracks the calibration clips, fits the calibrator and writes it."""
    parser = argparse.ArgumentParser(prog="calibrate", description="Fit a checkpoint's calibrator.")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--image-size", default="auto", help="as MASKLET_IMAGE_SIZE; default: auto")
    parser.add_argument("--out", type=Path, help="default: beside the weights")
    given = parser.parse_args(arguments)
    found = find(given.model, given.model_dir)
    checkpoint = at_image_size(found, given.image_size, on_gpu=given.device != "cpu")
    pool = EnginePool(checkpoint.name, given.device, given.workers, given.model_dir, given.image_size)
    out = given.out or calibrator_path(checkpoint)
    tracks = [
        track
        for clip_tracks in pool.map(calibration_tracks, range(given.clips), label="clips")
        for track in clip_tracks
    ]
    calibrator = fit_calibrator(feature_rows(tracks), sha256=checkpoint.sha256)
    out.write_text(calibrator.to_text(), encoding="utf-8")
    print(f"{out}: calibrator {calibrator.digest} of {checkpoint.version}")


def calibration_tracks(engine: Sam2Engine, number: int) -> list[Track]:
    """The tracking run of one calibration clip."""
    return track_clip(engine, split_clip(Split.CALIBRATION, number))


if __name__ == "__main__":
    main()
