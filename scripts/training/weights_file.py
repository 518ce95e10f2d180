"""Engines and weights from the files of a training run, without exporting a checkpoint."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from hydra.utils import instantiate
from safetensors.torch import load_file
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.runtime.device import choose_device
from backend.adapters.sam2.weights.image_size import resize_model
from backend.adapters.sam2.weights.load import predictor_config
from backend.domain.errors import ModelError
from backend.domain.jobs import ModelInfo
from scripts.training.model import config_of, configured_image_size


def engine_of(weights: Mapping[str, Tensor], image_size: int, name: str = "training") -> Sam2Engine:
    """An engine on the CPU with these weights at an image size."""
    model: SAM2Base = instantiate(predictor_config(config_of(weights)), _recursive_=True)
    model.load_state_dict({key: value.float() for key, value in weights.items()})
    resize_model(model, image_size)
    blocks = Sam2Blocks(model.eval().requires_grad_(False))
    digest = hashlib.sha256(b"".join(value.numpy().tobytes() for value in weights.values())).hexdigest()
    info = ModelInfo(
        name=name, version=f"{name}-{digest[:8]}", image_size=image_size, device="cpu", is_demo=False
    )  # fmt: skip
    return Sam2Engine(blocks, info)


def read_weights(path: Path) -> tuple[Mapping[str, Tensor], int]:
    """The averaged weights of a ``state.pt``, or those of a ``.safetensors`` file, and their image size.

    Raises ModelError for a file that is neither.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path), configured_image_size()
        state = torch.load(path, map_location="cpu", weights_only=True)
        return state["average"], int(state["image_size"])
    except (OSError, KeyError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise ModelError(f"{path} is not the state of a training run") from error


def engine_of_file(path: Path, *, threads: int, image_size: int | None = None) -> Sam2Engine:
    """An engine with the weights of a training run's state. Raises ModelError."""
    weights, trained_size = read_weights(path)
    choose_device("cpu", threads=threads)
    return engine_of(weights, image_size or trained_size, path.parent.name or "training")
