"""Loads a model from a checkpoint's files.

A file is loaded only if its SHA-256 is the recorded one, and never as a pickle that could run code.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError, safe_open
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from backend.adapters.sam2.trackers.config import read_config
from backend.adapters.sam2.trackers.names import tracker_name
from backend.adapters.sam2.weights.checkpoint_files import Architecture, Checkpoint, require_hash
from backend.adapters.sam2.weights.image_size import resize_model
from backend.application.ports.progress import work_moved
from backend.domain.errors import ModelError

_UNREADABLE = (
    OSError,
    RuntimeError,
    ValueError,
    KeyError,
    TypeError,
    EOFError,
    SafetensorError,
    pickle.UnpicklingError,
)


def build_model(config: Path) -> SAM2Base:
    """A model with random weights from a config file, with the decoder settings of SAM 2's own video predictor.

    Without hole filling, which needs a CUDA extension that the published package does not have.
    """
    return cast(SAM2Base, instantiate(model_config(config), _recursive_=True))


def model_config(config: Path) -> DictConfig:
    """The `model:` part of a config file, completed with the settings that the video predictor adds."""
    return predictor_config(cast(DictConfig, OmegaConf.load(config)).model)


def predictor_config(model: DictConfig) -> DictConfig:
    """Completes the `model:` part of a config, in place, with the settings that the video predictor adds."""
    OmegaConf.set_struct(model, False)
    model.sam_mask_decoder_extra_args = {
        "dynamic_multimask_via_stability": True,
        "dynamic_multimask_stability_delta": 0.05,
        "dynamic_multimask_stability_thresh": 0.98,
    }
    model.binarize_mask_from_pts_for_mem_enc = True
    return model


def load_model(checkpoint: Checkpoint) -> SAM2Base:
    """The checkpoint's model at its image size, on the CPU, in evaluation mode. Raises ModelError or IntegrityError."""
    require_hash(checkpoint.weights, checkpoint.sha256)
    model = _load_sam2(checkpoint) if checkpoint.architecture is Architecture.SAM2 else _load_tracker(checkpoint)
    if checkpoint.image_size:
        resize_model(model, checkpoint.image_size)
    return model.eval().requires_grad_(False)


def _load_sam2(checkpoint: Checkpoint) -> SAM2Base:
    model = build_model(checkpoint.config)
    work_moved()
    try:
        model.load_state_dict(read_weights(checkpoint.weights))
    except RuntimeError as error:
        raise ModelError(f"the weights in {checkpoint.weights.name} do not fit {checkpoint.config.name}") from error
    return model


def _load_tracker(checkpoint: Checkpoint) -> SAM2Base:
    # Imported for these checkpoints alone.
    from backend.adapters.sam2.trackers.build import build_tracker, take_weights

    model = build_tracker(read_config(checkpoint.config, checkpoint.name))
    work_moved()
    take_weights(model, read_weights(checkpoint.weights, tracker_name), str(checkpoint.weights))
    return model


def read_weights(path: Path, renamed: Callable[[str], str] = str) -> Mapping[str, Tensor]:
    """The weights of a file, on the CPU, without checking its hash. Raises ModelError.

    renamed: from the name in the file to the returned one; the weights for which it is empty are not read.
    """
    try:
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                return {new: file.get_tensor(name) for name in file.keys() if (new := renamed(name))}  # noqa: SIM118
        return cast(Mapping[str, Tensor], torch.load(path, map_location="cpu", weights_only=True)["model"])
    except _UNREADABLE as error:
        raise ModelError(f"{path.name} is not a checkpoint that can be read") from error
