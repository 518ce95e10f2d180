"""Calibrators beside their checkpoints: `NAME.calibrator.json`, each for one file of weights only.

A missing calibrator, or one for other weights, is no error: uncertainty is then a rank, and is labelled so.
"""

from __future__ import annotations

import logging
from pathlib import Path

from backend.adapters.sam2.weights.checkpoint_files import Checkpoint
from backend.adapters.sam2.weights.checkpoints import SHIPPED_DIR, find
from backend.domain.calibration import Calibrator, calibrator_of
from backend.domain.errors import IntegrityError

logger = logging.getLogger(__name__)


def calibrator_path(checkpoint: Checkpoint) -> Path:
    """The path of a checkpoint's calibrator, beside its weights."""
    return checkpoint.weights.parent / f"{checkpoint.name}.calibrator.json"


def find_calibrator(checkpoint: Checkpoint) -> Calibrator | None:
    """The checkpoint's calibrator, beside its weights or shipped; None without one for these weights."""
    for path in (calibrator_path(checkpoint), SHIPPED_DIR / f"{checkpoint.name}.calibrator.json"):
        if path.is_file():
            return _fitting(path, checkpoint)
    return None


def load_calibrator(name: str, model_dir: Path | None) -> Calibrator | None:
    """`find_calibrator` by the checkpoint's name. Raises ModelError if there is no such checkpoint."""
    return find_calibrator(find(name, model_dir))


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
