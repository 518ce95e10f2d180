"""A small SAM 2 with seeded random weights: its masks have no meaning and are reproducible."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from hydra.utils import instantiate
from sam2.modeling.sam2_base import SAM2Base
from sam2.sam2_video_predictor import SAM2VideoPredictor

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.features.cache import FeatureCache
from backend.adapters.sam2.model.blocks import Sam2Blocks
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.adapters.sam2.weights.load import model_config
from backend.domain.jobs import ModelInfo
from scripts.benchmarks.engine_figures.models import vary_weights

SMALL_CONFIG = Path(__file__).with_name("small_model.yaml")
IMAGE_SIZE = 128
SEED = 20


def random_model() -> SAM2Base:
    """The model of `small_model.yaml`, on the CPU, in evaluation mode."""
    return _random("sam2.modeling.sam2_base.SAM2Base")


def random_predictor() -> SAM2VideoPredictor:
    """SAM 2's own predictor with the weights of `random_model`, corrections kept and hole filling off."""
    return cast(
        SAM2VideoPredictor,
        _random(
            "sam2.sam2_video_predictor.SAM2VideoPredictor",
            fill_hole_area=0,
            add_all_frames_to_correct_as_cond=True,
        ),
    )


def random_engine(
    *, cached_frames: int = 8, lookahead: int = 1, device: str = "cpu", precision: str = "auto"
) -> Sam2Engine:
    """An engine on `random_model`. cached_frames: count of frames in the feature cache."""
    info = ModelInfo("random", "masklet-random-00000000", IMAGE_SIZE, device, is_demo=True)
    blocks = Sam2Blocks(random_model().to(device), precision=precision)
    features = FeatureCache(cached_frames * blocks.feature_bytes, device=blocks.device)
    return Sam2Engine(blocks, info, EngineOptions(lookahead=lookahead), features=features)


def _random(target: str, **settings: object) -> SAM2Base:
    config = model_config(SMALL_CONFIG)
    config["_target_"] = target
    config.update(settings)
    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = cast(SAM2Base, instantiate(config, _recursive_=True))
        vary_weights(model)
    return model.eval().requires_grad_(False)
