"""The weights of both sides: a checkpoint's, or seeded random ones in the shape of a published model.

Random weights give meaningless but reproducible masks, which suffice for speed and parity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import torch
from hydra.utils import instantiate
from omegaconf import DictConfig
from sam2.modeling.sam2_base import SAM2Base
from sam2.sam2_video_predictor import SAM2VideoPredictor

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.model.blocks import AS_WRITTEN, Sam2Blocks
from backend.adapters.sam2.runtime.compiled_steps import Compiling
from backend.adapters.sam2.trackers.build import build_tracker
from backend.adapters.sam2.trackers.config import read_config
from backend.adapters.sam2.weights.checkpoint_files import DEMO
from backend.adapters.sam2.weights.checkpoints import AUTO, PUBLISHED, find
from backend.adapters.sam2.weights.image_size import at_image_size, resize_model
from backend.adapters.sam2.weights.load import load_model, model_config
from backend.domain.jobs import ModelInfo

SEED = 20
_BASE = "sam2.modeling.sam2_base.SAM2Base"
_PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictor"
_COMPILED_PREDICTOR = "sam2.sam2_video_predictor.SAM2VideoPredictorVOS"


@dataclass(frozen=True, slots=True)
class Pair:
    """Our engine and upstream's predictor, each with its own copy of the same weights."""

    engine: Sam2Engine
    predictor: SAM2VideoPredictor
    device: torch.device

    @property
    def image_size(self) -> int:
        return self.engine.model.image_size

    @property
    def precision(self) -> torch.dtype:
        """The precision of our engine, also used for upstream."""
        return self.engine.blocks.precision

    def another_engine(self) -> Sam2Engine:
        """A new engine on the same weights, without cached features."""
        return Sam2Engine(self.engine.blocks, self.engine.model)


def demo_pair(device: torch.device, *, image_size: str = AUTO, precision: str = "auto") -> Pair:
    """Both sides with the demo checkpoint. image_size: as MASKLET_IMAGE_SIZE. precision: ours.

    Raises ModelError if it is not there.
    """
    checkpoint = at_image_size(find(DEMO, None), image_size, on_gpu=device.type == "cuda")
    engine = partial(_engine, version=checkpoint.version, device=device, precision=precision)
    return _pair(load_model(checkpoint), engine, checkpoint.config, device, image_size=checkpoint.image_size)


def demo_model() -> SAM2Base:
    """The demo checkpoint's model, on the CPU, in evaluation mode. Raises ModelError if it is not there."""
    return load_model(find(DEMO, None))


def seeded_engine(
    name: str,
    device: torch.device,
    *,
    image_size: int,
    precision: str = "auto",
    compiling: Compiling = AS_WRITTEN,
) -> Sam2Engine:
    """Our engine of `seeded_pair`."""
    model = seeded_model(name, image_size=image_size)
    return _engine(model, f"seeded-{name}", device, precision=precision, compiling=compiling)


def seeded_edgetam(device: torch.device, *, image_size: int, precision: str = "auto") -> Sam2Engine:
    """Our engine on the published EdgeTAM's shape with seeded weights. Raises ModelError without timm."""
    with TemporaryDirectory() as folder, torch.random.fork_rng():
        config = Path(folder) / "config.json"
        config.write_text('{"model_type": "edgetam_video"}')
        torch.manual_seed(SEED)
        model = build_tracker(read_config(config, "edgetam")).eval().requires_grad_(False)
        vary_weights(model)
    model.image_encoder.trunk.fuse()
    resize_model(model, image_size)
    return _engine(model, "seeded-edgetam", device, precision=precision)


def seeded_pair(
    name: str, device: torch.device, *, image_size: int, compiled: bool = False, precision: str = "auto"
) -> Pair:
    """Both sides with the same random weights in the shape of a published model.

    name: tiny, small, base_plus or large. compiled: upstream is its own `vos_optimized` predictor. precision: ours.
    """
    model = seeded_model(name, image_size=image_size)
    engine = partial(_engine, version=f"seeded-{name}", device=device, precision=precision)
    return _pair(model, engine, published_config(name), device, image_size=image_size, compiled=compiled)


def seeded_model(name: str, *, image_size: int) -> SAM2Base:
    """A published model's shape with seeded weights, on the CPU, in evaluation mode."""
    settings = model_config(published_config(name))
    settings["_target_"] = _BASE
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = cast(SAM2Base, instantiate(settings, _recursive_=True))
        vary_weights(model)
    resize_model(model, image_size)
    return model.eval().requires_grad_(False)


def published_config(name: str) -> Path:
    return Path(str(files("sam2"))) / "configs" / "sam2.1" / PUBLISHED[name].config


def _pair(
    model: SAM2Base,
    engine: Callable[[SAM2Base], Sam2Engine],
    config: Path,
    device: torch.device,
    *,
    image_size: int,
    compiled: bool = False,
) -> Pair:
    settings = _resized(model_config(config), image_size)
    settings["_target_"] = _COMPILED_PREDICTOR if compiled else _PREDICTOR
    # Neither side fills holes. Upstream's builder appends fill_hole_area 8, so the attribute is checked below.
    settings.update({"fill_hole_area": 0, "add_all_frames_to_correct_as_cond": True})
    predictor = cast(SAM2VideoPredictor, instantiate(settings, _recursive_=True))
    predictor.load_state_dict(model.state_dict())
    if predictor.fill_hole_area != 0 or not predictor.binarize_mask_from_pts_for_mem_enc:
        raise RuntimeError("upstream's predictor was not built as the comparison needs it")
    # The engine last: it takes the model over.
    return Pair(engine(model), predictor.to(device).eval().requires_grad_(False), device)


def _engine(
    model: SAM2Base,
    version: str,
    device: torch.device,
    *,
    precision: str = "auto",
    compiling: Compiling = AS_WRITTEN,
) -> Sam2Engine:
    info = ModelInfo(version, version, int(model.image_size), str(device), is_demo=True)
    return Sam2Engine(Sam2Blocks(model.to(device), precision=precision, compiling=compiling), info)


def _resized(settings: DictConfig, image_size: int) -> DictConfig:
    """The config of a model that is built at another image size: the reference for `resize_model`."""
    grid, old_grid = image_size // 16, settings.image_size // 16
    settings.image_size = image_size
    windows = settings.image_encoder.trunk.get("window_spec")
    if windows is not None and windows[2] >= old_grid:
        windows[2] = grid
    layer = settings.memory_attention.layer
    for attention in (layer.self_attention, layer.cross_attention):
        attention.feat_sizes = [grid, grid]
    settings.image_encoder.neck.position_encoding.image_size = image_size
    settings.memory_encoder.position_encoding.image_size = image_size
    return settings


def vary_weights(model: SAM2Base) -> None:
    """Scales the weights in place so that masks are present and vary. Fresh weights give empty or constant masks."""
    decoder = model.sam_mask_decoder
    with torch.no_grad():
        decoder.pred_obj_score_head.layers[-1].bias.fill_(1.0)
        for head in decoder.output_hypernetworks_mlps:
            head.layers[-1].weight.mul_(40.0)
            head.layers[-1].bias.normal_(0.0, 2.0)
        for name, parameter in model.named_parameters():
            if name.startswith("memory_attention") and parameter.dim() > 1:
                parameter.mul_(2.0)
