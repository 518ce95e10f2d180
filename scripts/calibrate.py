"""Fits the calibrator of a checkpoint on the calibration clips and writes it beside the weights.

    python -m scripts.calibrate [--model NAME] [--clips N] [--workers N] [--device NAME] [--out FILE]

Sees no test clip: it asks for the calibration split alone, and the file says which generators it learnt from. Run it
again whenever the weights change; a calibrator is refused for weights that it was not fitted to.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.weights.calibrators import calibrator_path
from backend.adapters.sam2.weights.checkpoints import find
from scripts.benchmarks.trial_pool import Crew
from scripts.calibration.clip_looks import Split
from scripts.calibration.clips import trial_clip
from scripts.calibration.feature_rows import trial_rows
from scripts.calibration.fitting import fit_calibrator
from scripts.calibration.tracking_runs import Track, run_trial

CLIPS = 320


def main(arguments: Sequence[str] | None = None) -> None:
    """Track the calibration clips, fit, write."""
    parser = argparse.ArgumentParser(prog="calibrate", description="Fit a checkpoint's calibrator.")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="default: beside the weights")
    given = parser.parse_args(arguments)
    checkpoint = find(given.model, given.model_dir)
    crew = Crew(checkpoint.name, given.device, given.workers, given.model_dir)
    out = given.out or calibrator_path(checkpoint)
    tracks = [track for some in crew.map(calibration_tracks, range(given.clips), label="clips") for track in some]
    calibrator = fit_calibrator(trial_rows(tracks), sha256=checkpoint.sha256)
    out.write_text(calibrator.to_text(), encoding="utf-8")
    print(f"{out}: calibrator {calibrator.digest} of {checkpoint.version}")


def calibration_tracks(engine: Sam2Engine, number: int) -> list[Track]:
    """What the engine makes of a calibration clip."""
    return run_trial(engine, trial_clip(Split.CALIBRATION, number))


if __name__ == "__main__":
    main()
