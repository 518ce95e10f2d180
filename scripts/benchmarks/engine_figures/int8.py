"""MASKLET_PRECISION=int8: the time of the image encoder, and how far its features are from the exact ones."""

from __future__ import annotations

from functools import partial

import torch

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.model.tensors import ImageFeatures
from scripts.benchmarks.engine_figures.measuring import best_in_turns
from scripts.benchmarks.engine_figures.models import seeded_engine
from scripts.benchmarks.engine_figures.setup import Figures, Setup

MODELS, IMAGE_SIZE, QUICK_SIZE = ("tiny", "base_plus"), 512, 128


def measure(setup: Setup) -> Figures:
    """float32's time ÷ int8's for one frame, by shape, and the relative distance of the coarsest features (L2).

    Seeded weights. Nothing on a GPU, which has no int8.
    """
    if setup.device.type != "cpu":
        return
    size = QUICK_SIZE if setup.quick else IMAGE_SIZE
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    for model in MODELS[: setup.of(len(MODELS), 1)]:
        engines = {
            precision: seeded_engine(model, setup.device, image_size=size, precision=precision)
            for precision in ("float32", "int8")
        }
        exact, int8 = (_encoded(engine, image).levels[-1] for engine in engines.values())  # also warms up
        works = {name: partial(_encoded, engine, image) for name, engine in engines.items()}
        best = best_in_turns(works, setup.device, setup.of(5, 1))
        yield f"int8.{model}", best["float32"] / best["int8"]
        yield f"int8.{model}_float32_s", best["float32"]
        yield f"int8.{model}_int8_s", best["int8"]
        yield f"int8.{model}_distance", float((int8 - exact).norm() / exact.norm())


def _encoded(engine: Sam2Engine, image: torch.Tensor) -> ImageFeatures:
    with engine.blocks.computing():
        return engine.blocks.encode_image(image)
