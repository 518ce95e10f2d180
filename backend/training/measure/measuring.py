"""Measures a checkpoint on the held-out videos and the general set; a measurement is kept for a later attempt."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.ports.datasets import DatasetEntry, DatasetSource
from backend.application.ports.engine import CancelToken
from backend.application.ports.progress import counted
from backend.codecs.atomic_file import write_atomically
from backend.domain.training import HeldOutFigures
from backend.domain.uncertainty.calibration import Calibrator
from backend.evaluation.metrics import mean
from backend.evaluation.synthetic.evaluation import held_out_clips
from backend.training.calibration.feature_rows import known_rows
from backend.training.calibration.refit import drawn_tracks, refit
from backend.training.calibration.tracking_runs import Track
from backend.training.measure.general import clips_for, general_j
from backend.training.measure.held_out import ObjectFigures, measure_video, measured_calibration
from backend.training.measure.pictures import write_picture
from backend.training.samples.reading import open_pictures
from backend.training.samples.videos import KeptVideo

PICTURES = 6
"""Held-out videos with pictures in the report."""

NO_CALIBRATOR = (
    "none: too few held-out labels for a fit, or all of one kind; the uncertainty of this checkpoint is a rank"
)


@dataclass(frozen=True, slots=True)
class Measured:
    """calibrator: fitted for the weights, None without one. calibrator_note: for the card."""

    figures: HeldOutFigures
    objects: tuple[ObjectFigures, ...]
    calibrator: Calibrator | None = None
    calibrator_note: str = ""


class Measuring:
    """Measures checkpoints on the same held-out videos. Pictures go to `folder/pictures`."""

    def __init__(
        self,
        data: DatasetSource,
        held_out: Sequence[tuple[DatasetEntry, KeptVideo]],
        folder: Path,
        seed: int,
        cancel: CancelToken,
    ) -> None:
        self._data, self._held_out, self._folder, self._seed, self._cancel = data, held_out, folder, seed, cancel

    def measure(self, side: str, engine: Sam2Engine, calibrator: Calibrator | None) -> Measured:
        """Figures of a checkpoint with its own calibrator. side: "before"; kept under this name for a resumption."""
        path = self._folder / f"{side}.json"
        kept = _kept(path, engine.model.version)
        if kept is not None:
            return kept
        objects, tracks = self._videos(side, engine)
        error = measured_calibration(calibrator, known_rows(tracks)) if calibrator is not None else math.nan
        measured = Measured(self._figures(engine, objects, error), tuple(objects))
        body = {
            "version": engine.model.version,
            "figures": asdict(measured.figures),
            "objects": list(map(asdict, objects)),
        }
        write_atomically(path, json.dumps(body).encode())
        return measured

    def measure_trained(self, side: str, engine: Sam2Engine, sha256: str) -> Measured:
        """Figures of trained weights, with a calibrator fitted for them where the labels allow it."""
        objects, tracks = self._videos(side, engine)
        calibrator, error = refit(drawn_tracks(engine, self._seed, self._cancel), tracks, sha256)
        note = NO_CALIBRATOR
        if calibrator is not None:
            note = "fitted on drawn clips and the held-out videos' labelled frames; its networks are cross-validated"
        return Measured(self._figures(engine, objects, error), tuple(objects), calibrator, note)

    def _videos(self, side: str, engine: Sam2Engine) -> tuple[list[ObjectFigures], list[Track]]:
        objects: list[ObjectFigures] = []
        tracks: list[Track] = []
        for number, (entry, kept) in enumerate(counted(self._held_out, "videos measured")):
            with open_pictures(self._data, entry) as source:
                found = measure_video(engine, source, kept, self._cancel)
                objects += found.objects
                tracks += found.tracks
                if number < PICTURES:
                    path = self._folder / "pictures" / f"{number + 1:02d}-{side}.jpg"
                    write_picture(source, kept, found, path)
        return objects, tracks

    def _figures(self, engine: Sam2Engine, objects: Sequence[ObjectFigures], error: float) -> HeldOutFigures:
        clips = held_out_clips(clips_for(engine.model.image_size))
        return HeldOutFigures(
            j_and_f=mean([each.j_and_f for each in objects]),
            j=mean([each.j for each in objects]),
            clicks=float(np.nanmean([each.clicks for each in objects])) if objects else math.nan,
            calibration_error=error,
            general_j=general_j(engine, clips, self._cancel),
        )


def _kept(path: Path, version: str) -> Measured | None:
    """The figures of an earlier attempt; None if they are not there, or of another checkpoint."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        if body["version"] != version:
            return None
        return Measured(HeldOutFigures(**body["figures"]), tuple(ObjectFigures(**each) for each in body["objects"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
