"""Measures uncertainty as a predictor of failure: AUROC, calibration error and baselines, on unseen clips.

    ./scripts/bench uncertainty [--json FILE] [--quick] [--davis DIR] [--model NAME] [--clips N] [--workers N]

The clips are 200 generated clips of the test split (five generators), or those of a folder in DAVIS or SA-V layout. A
calibrator fitted on a test generator is refused. Figures cover propagated frames; intervals draw whole clips.
cost_share: the time of evidence and scoring over the whole propagation, on one thread.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from backend.adapters.sam2 import evidence, propagation, tracker
from backend.adapters.sam2.engine import Sam2Engine, load_engine
from backend.adapters.sam2.runtime.device import choose_device
from backend.adapters.sam2.weights.calibrators import find_calibrator
from backend.adapters.sam2.weights.checkpoint_files import Checkpoint
from backend.adapters.sam2.weights.checkpoints import AUTO, find
from backend.adapters.sam2.weights.image_size import at_image_size
from backend.application.ports.engine import NeverCancelled
from backend.application.worker.mask_records import scorer_of
from backend.domain.errors import InvalidInput
from backend.domain.prompts import PromptSet
from backend.domain.uncertainty.calibration import Calibrator
from backend.domain.video import Direction
from backend.training.calibration.feature_rows import feature_rows
from backend.training.calibration.tracking_runs import Track, mask_prompt, track_clip
from scripts.benchmarks.clip_folders import clip_names, read_clip
from scripts.benchmarks.engine_pool import EnginePool
from scripts.benchmarks.uncertainty_figures.report import gates, uncertainty_report
from scripts.calibration.clip_appearance import Split
from scripts.calibration.clips import generators, split_clip

CLIPS, QUICK_CLIPS = 200, 20
COST_FRAMES, COST_RUNS = 48, 3


def main(arguments: Sequence[str] | None = None) -> None:
    """Tracks the clips, compares them with the truth and reports."""
    given = _parser().parse_args(arguments)
    started_s = time.perf_counter()
    checkpoint = at_image_size(find(given.model, given.model_dir), AUTO, on_gpu=given.device != "cpu")
    calibrator = require_held_out(find_calibrator(checkpoint))
    pool = EnginePool(checkpoint.name, given.device, given.workers, given.model_dir)
    if given.davis:
        names = clip_names(given.davis)[: QUICK_CLIPS if given.quick else given.clips]
        tracks_by_clip = pool.map(partial(folder_tracks, given.davis), names, label="clips")
    else:
        tracks_by_clip = pool.map(test_tracks, range(QUICK_CLIPS if given.quick else given.clips), label="clips")
    table = feature_rows([track for tracks in tracks_by_clip for track in tracks])
    report = uncertainty_report(table, calibrator, draws=60 if given.quick else 300)
    report |= cost(checkpoint, given.device, given.model_dir, calibrator)
    report["gates"] = gates(report)
    report |= {"model": checkpoint.version, "set": str(given.davis.name) if given.davis else "trial clips, test split"}
    report |= {"calibrator": calibrator.digest if calibrator else None, "seconds": time.perf_counter() - started_s}
    show(report)
    if given.json:
        given.json.write_text(json.dumps(rounded(report), indent=2) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench uncertainty", description="Does uncertainty predict failure?")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_CLIPS} clips: a check of the code, not a measurement"
    )
    parser.add_argument("--davis", type=Path, help="a folder in DAVIS or SA-V layout instead of the generated clips")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--clips", type=int, default=CLIPS)
    parser.add_argument("--workers", type=int, default=0, help="processes; 0: one per core")
    parser.add_argument("--device", default="cpu")
    return parser


def test_tracks(engine: Sam2Engine, number: int) -> list[Track]:
    """The tracking run of one test clip."""
    return track_clip(engine, split_clip(Split.TEST, number))


def folder_tracks(folder: Path, engine: Sam2Engine, name: str) -> list[Track]:
    """The tracking run of one clip of a folder."""
    return track_clip(engine, read_clip(folder, name))


def require_held_out(calibrator: Calibrator | None) -> Calibrator | None:
    """Returns the calibrator. Raises InvalidInput for a calibrator fitted on a test generator."""
    shared = set(calibrator.fitted_on) & set(generators(Split.TEST)) if calibrator else set()
    if shared:
        raise InvalidInput(f"the calibrator was fitted on test generators ({', '.join(sorted(shared))}): fit it again")
    return calibrator


def cost(
    checkpoint: Checkpoint, device: str, model_dir: Path | None, calibrator: Calibrator | None
) -> dict[str, object]:
    """The shares of evidence and scoring in the time of a two-object propagation: the lowest over COST_RUNS clips.

    Every run uses a new clip, because the engine caches features. One warm-up run comes first.
    """
    choose_device(device, threads=1)
    engine = load_engine(checkpoint.name, model_dir=model_dir, device=device, threads=1)
    shares: list[tuple[float, float, float]] = []
    for number in range(COST_RUNS + 1):
        clip = split_clip(Split.CALIBRATION, number, frames=COST_FRAMES)
        prompts = PromptSet.of([mask_prompt(clip, one, 0) for one in (0, 1) if clip.masks[0, one].any()], {})
        spent: dict[str, float] = {}
        with _timed(spent):
            started_s = time.perf_counter()
            scorer = scorer_of(calibrator, prompts)
            for frame in engine.propagate(clip.video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled()):
                start_s = time.perf_counter()
                scorer.score(frame)
                spent["score"] = spent.get("score", 0.0) + time.perf_counter() - start_s
            total_s = time.perf_counter() - started_s
        evidence_s = spent["reduce"] + spent["start_transfer"] + spent["finish"] - spent["upscale"]
        shares.append(((evidence_s + spent["score"]) / total_s, evidence_s / total_s, spent["score"] / total_s))
    share, of_evidence, of_scoring = min(shares[1:])
    return {"cost_share": share, "cost_share_evidence": of_evidence, "cost_share_scoring": of_scoring}


@contextmanager
def _timed(spent: dict[str, float]) -> Iterator[None]:
    """Sums the seconds of the evidence functions into `spent`. Upscaling masks is timed apart: it is not evidence."""
    functions = [
        (tracker, "reduce", "reduce"),
        (propagation, "start_transfer", "start_transfer"),
        (evidence.MaskTransfer, "finish", "finish"),
        (evidence, "upscaled", "upscale"),
    ]
    originals = [getattr(owner, attribute) for owner, attribute, _ in functions]
    for (owner, attribute, name), function in zip(functions, originals, strict=True):
        setattr(owner, attribute, _timed_function(function, name, spent))
    try:
        yield
    finally:
        for (owner, attribute, _), function in zip(functions, originals, strict=True):
            setattr(owner, attribute, function)


def _timed_function(function: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    def timed(*arguments: Any) -> Any:  # noqa: ANN401  (the wrapped function's types)
        start_s = time.perf_counter()
        result = function(*arguments)
        spent[name] = spent.get(name, 0.0) + time.perf_counter() - start_s
        return result

    return timed


def show(report: dict[str, object], indent: str = "") -> None:
    """Prints a report, one figure per line."""
    for key, value in report.items():
        if isinstance(value, dict):
            print(f"{indent}{key}")
            show(value, indent + "  ")
        else:
            print(f"{indent}{key:{32 - len(indent)}} {rounded(value)}")


def rounded(value: object) -> object:
    """The value with every number rounded to four decimals; None for nan and infinity."""
    if isinstance(value, dict):
        return {key: rounded(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(entry) for entry in value]
    if isinstance(value, float):
        return round(value, 4) if math.isfinite(value) else None
    return value


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
