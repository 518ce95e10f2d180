"""Writes the folder of a trained checkpoint: weights, config, card and calibrator, by rename."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from safetensors.torch import save_file
from torch import Tensor

from backend.adapters.sam2.weights.checkpoint_files import Checkpoint, sha256_of
from backend.adapters.sam2.weights.trained import (
    CARD,
    CARD_FORMAT,
    CONFIG,
    WEIGHTS,
    TrainedCheckpoint,
    calibrator_name,
    read_trained,
)
from backend.codecs.atomic_file import sync_path
from backend.codecs.full_disk import full_disk_told
from backend.domain.uncertainty.calibration import Calibrator


def write_weights(weights: Mapping[str, Tensor], like: Mapping[str, Tensor], path: Path) -> str:
    """Writes weights as safetensors, each in the type that it has in `like`; returns the file's SHA-256.

    like: the parent's weights as stored: a checkpoint is not larger than its parent. Raises StorageFull.
    """
    stored = {
        name: value.detach().to("cpu", like[name].dtype if name in like else value.dtype).contiguous().clone()
        for name, value in weights.items()
    }
    part = path.with_name(f".{uuid4().hex}.part")
    with full_disk_told(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            save_file(stored, part)
            sync_path(part)
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
    return sha256_of(path)


def write_checkpoint(
    folder: Path, candidate: Checkpoint, card: Mapping[str, object], calibrator: Calibrator | None
) -> TrainedCheckpoint:
    """Writes the folder of a candidate, as a whole or not at all; replaces an earlier one. Raises StorageFull.

    card: what the card says beside format, name and sha256.
    """
    part = folder.with_name(f".{uuid4().hex}.part")
    body = {"format": CARD_FORMAT, "name": candidate.name, "sha256": candidate.sha256, **card}
    with full_disk_told(folder.parent):
        try:
            part.mkdir(parents=True)
            shutil.copyfile(candidate.weights, part / WEIGHTS)
            shutil.copyfile(candidate.config, part / CONFIG)
            (part / CARD).write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")
            if calibrator is not None:
                (part / calibrator_name(candidate.name)).write_text(calibrator.to_text(), encoding="utf-8")
            for file in part.iterdir():
                sync_path(file)
            if folder.exists():
                shutil.rmtree(folder)
            os.rename(part, folder)
            sync_path(folder.parent)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return read_trained(folder, candidate.name)
