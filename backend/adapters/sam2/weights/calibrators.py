"""Calibrators beside their checkpoints: `NAME.calibrator.json`, each for one file of weights at one image size.

At another image size than the config's the name has it: `NAME-512px.calibrator.json`.

A missing calibrator, or one for other weights, is no error: uncertainty is then a rank, and is labelled so.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

from backend.adapters.sam2.weights.checkpoint_files import Checkpoint
from backend.adapters.sam2.weights.checkpoints import SHIPPED_DIR, find
from backend.domain.errors import IntegrityError
from backend.domain.uncertainty.calibration import Calibrator, calibrator_of

logger = logging.getLogger(__name__)


def calibrator_path(checkpoint: Checkpoint) -> Path:
    """The path of a checkpoint's calibrator, beside its weights."""
    return checkpoint.weights.parent / f"{checkpoint.sized_name}.calibrator.json"


def find_calibrator(checkpoint: Checkpoint) -> Calibrator | None:
    """The checkpoint's calibrator, beside its weights or shipped; None without one for these weights."""
    beside = calibrator_path(checkpoint)
    for path in (beside, SHIPPED_DIR / beside.name):
        if path.is_file():
            return _fitting(path, checkpoint)
    return None


def load_calibrator(name: str, model_dir: Path | None, *, image_size: int) -> Calibrator | None:
    """`find_calibrator` by name, at the engine's image size. Raises ModelError if there is no such checkpoint."""
    return find_calibrator(replace(find(name, model_dir), image_size=image_size))


def stamped_version(checkpoint: Checkpoint) -> str:
    """The model version with the calibrator's digest, if any: other uncertainties are another version."""
    calibrator = find_calibrator(checkpoint)
    return checkpoint.version if calibrator is None else f"{checkpoint.version}-u{calibrator.digest}"


def _fitting(path: Path, checkpoint: Checkpoint) -> Calibrator | None:
    try:
        calibrator = calibrator_of(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, IntegrityError) as error:
        logger.warning("%s is ignored, uncertainty is a rank: %s", path.name, error)
        return None
    if calibrator.sha256 != checkpoint.sha256:
        logger.warning("%s was fitted to other weights and is ignored: uncertainty is a rank", path.name)
        return None
    return calibrator
