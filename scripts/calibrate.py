"""Fits the calibrator of a checkpoint on the calibration clips and writes it beside the weights.

    python -m scripts.calibrate [--second-look [--signals NAME ...]] [--model NAME] [--clips N] [--workers N]
                                [--device NAME] [--out FILE]

With --second-look it fits what extra passes make of uncertainty, and adds that to the calibrator that is there.
Sees no test clip: it asks for the calibration split alone, and the file says which generators it learnt from. Run it
again whenever the weights change; a calibrator is refused for weights that it was not fitted to.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from backend.adapters.sam2.calibrators import calibrator_path, find_calibrator
from backend.adapters.sam2.checkpoints import find
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.store.coco import CocoCodec
from backend.adapters.synthetic.trial_looks import Split
from backend.adapters.synthetic.trials import trial_clip
from backend.application.second_look import BOTH
from backend.application.second_trials import SecondTrial, run_second_trial
from backend.application.trial_rows import trial_rows
from backend.application.trials import Track, run_trial
from backend.bootstrap.parts import SystemClock
from backend.domain.calibration import Calibrator
from backend.domain.errors import InvalidInput
from scripts.benchmarks.trial_pool import Crew
from scripts.calibration.fitting import fit_calibrator
from scripts.calibration.second import fit_second, opinion_of

CLIPS = 320
SECOND_CLIPS = 160


def main(arguments: Sequence[str] | None = None) -> None:
    """Track the calibration clips, fit, write."""
    parser = argparse.ArgumentParser(prog="calibrate", description="Fit a checkpoint's calibrator.")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument(
        "--second-look", action="store_true", help="fit the second look of the calibrator that is there"
    )
    parser.add_argument(
        "--signals", nargs="+", choices=BOTH, default=["cycle"], help="what a second look is to go by; default: cycle"
    )
    parser.add_argument("--clips", type=int, help=f"default: {CLIPS}, of a second look {SECOND_CLIPS}")
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one a core")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="default: beside the weights")
    given = parser.parse_args(arguments)
    checkpoint = find(given.model, given.model_dir)
    crew = Crew(checkpoint.name, given.device, given.workers, given.model_dir)
    out = given.out or calibrator_path(checkpoint)
    if given.second_look:
        calibrator = with_second_look(find_calibrator(checkpoint), crew, given.clips or SECOND_CLIPS, given.signals)
    else:
        numbers = range(given.clips or CLIPS)
        tracks = [track for some in crew.map(calibration_tracks, numbers, label="clips") for track in some]
        calibrator = fit_calibrator(trial_rows(tracks), sha256=checkpoint.sha256)
    out.write_text(calibrator.to_text(), encoding="utf-8")
    print(f"{out}: calibrator {calibrator.digest} of {checkpoint.version}")


def with_second_look(calibrator: Calibrator | None, crew: Crew, clips: int, signals: Sequence[str]) -> Calibrator:
    """The calibrator with what second looks at calibration clips teach. Raises InvalidInput if there is none."""
    if calibrator is None:
        raise InvalidInput("there is no calibrator of these weights yet: fit it without --second-look first")
    work = partial(second_trials, Split.CALIBRATION, calibrator)
    trials = crew.map(work, range(clips), label="clips")
    fitted = fit_second([trial for trial in trials if trial is not None], signals)
    for one in fitted:
        helps = "kept" if one.weights else "left out: too few frames, or no help"
        names, brier = " and ".join(one.names), f"Brier {one.brier_first:.4f} -> {one.brier_second:.4f}"
        print(f"{names}: {one.rows} frames, {brier}, {helps}")
    return replace(calibrator, second=opinion_of(fitted))


def second_trials(split: Split, calibrator: Calibrator | None, engine: Sam2Engine, number: int) -> SecondTrial | None:
    """A second look at a clip of a split."""
    clip = trial_clip(split, number)
    return run_second_trial(engine, clip, codec=CocoCodec(), calibrator=calibrator, clock=SystemClock())


def calibration_tracks(engine: Sam2Engine, number: int) -> list[Track]:
    """What the engine makes of a calibration clip."""
    return run_trial(engine, trial_clip(Split.CALIBRATION, number))


if __name__ == "__main__":
    main()
