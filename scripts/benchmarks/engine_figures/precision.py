"""MASKLET_PRECISION on a CPU: the image encoder, clicks and frames of a pass, in each precision and in upstream's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.model.tensors import ImageFeatures
from scripts.benchmarks.engine_figures.measuring import best_in_turns
from scripts.benchmarks.engine_figures.models import Pair, seeded_edgetam, seeded_engine, seeded_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, clicked, prompt_set
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import click_ours, click_upstream, run_again, run_upstream

EXACT, MIXED = "float32", "bfloat16"
ENCODERS = {"tiny": (EXACT, MIXED, "int8"), "base_plus": (EXACT, MIXED, "int8"), "edgetam": (EXACT, MIXED)}
IMAGE_SIZE, QUICK_SIZE = 512, 128
OBJECTS = (1, 5)


def measure(setup: Setup) -> Figures:
    """Ratios above 1 mean that the other precision, or ours, is faster than float32, or than upstream.

    Seeded weights, on a CPU in processor seconds of all threads. Nothing on a GPU, where bfloat16 is the rule.
    """
    if setup.device.type == "cpu":
        for name in list(ENCODERS)[: setup.of(len(ENCODERS), 1)]:
            yield from _encoder(name, setup)
        yield from _sides(setup)


def _encoder(name: str, setup: Setup) -> Figures:
    """float32's time ÷ the other's for one frame, and the relative distance of the coarsest features (L2)."""
    size = setup.of(IMAGE_SIZE, QUICK_SIZE)
    image = torch.randn(1, 3, size, size, generator=torch.Generator().manual_seed(0))
    engines = {precision: _engine(name, setup.device, size, precision) for precision in ENCODERS[name]}
    levels = {precision: _encoded(engine, image).levels[-1].float() for precision, engine in engines.items()}
    works = {precision: partial(_encoded, engine, image) for precision, engine in engines.items()}
    best = best_in_turns(works, setup.device, setup.of(5, 1))
    yield f"precision.{name}_encoder_{EXACT}_s", best[EXACT]
    for other in ENCODERS[name][1:]:
        yield f"precision.{name}_encoder_{other}", best[EXACT] / best[other]
        yield f"precision.{name}_encoder_{other}_s", best[other]
        yield (
            f"precision.{name}_encoder_{other}_distance",
            float((levels[other] - levels[EXACT]).norm() / levels[EXACT].norm()),
        )


def _sides(setup: Setup) -> Figures:
    """A click on a frame without cached features, and a frame of a pass from boxes, in tiny's shape."""
    pairs = {
        precision: seeded_pair("tiny", setup.device, image_size=setup.of(IMAGE_SIZE, QUICK_SIZE), precision=precision)
        for precision in (EXACT, MIXED)
    }
    frames = setup.of(8, 2)
    for pair in pairs.values():
        _pass(pair, 2, 1)["ours"]()  # the first calls of a process take longer
    kinds: dict[str, tuple[Callable[[Pair], dict[str, Callable[[], None]]], int]] = {"click": (_click, 1)}
    kinds |= {f"frame_{count}": (partial(_pass, frames=frames, objects=count), frames) for count in OBJECTS}
    for name, (works_of, per) in kinds.items():
        works = {
            f"{side}_{precision}": work for precision, pair in pairs.items() for side, work in works_of(pair).items()
        }
        best = best_in_turns(works, setup.device, setup.of(3, 1))
        ours = best[f"ours_{MIXED}"]
        yield f"precision.{name}", best[f"ours_{EXACT}"] / ours
        for precision in pairs:
            yield f"precision.{name}_over_upstream_{precision}", best[f"upstream_{precision}"] / ours
        for side, taken in best.items():
            yield f"precision.{name}_{side}_s", taken / per


def _click(pair: Pair) -> dict[str, Callable[[], None]]:
    video, prompts = PanningVideo(1, VIDEO_SIZE), prompt_set([clicked("a", 0, (0.5, 0.5, True))])
    return {
        "ours": partial(click_ours, pair.engine, video, prompts),
        "upstream": partial(click_upstream, pair, video, prompts),
    }


def _pass(pair: Pair, frames: int, objects: int) -> dict[str, Callable[[], None]]:
    video, prompts = PanningVideo(frames, VIDEO_SIZE), boxes(objects, frame=0)
    return {
        "ours": partial(run_again, pair.engine, video, prompts),
        "upstream": partial(run_upstream, pair, video, prompts),
    }


def _engine(name: str, device: torch.device, image_size: int, precision: str) -> Sam2Engine:
    if name == "edgetam":
        return seeded_edgetam(device, image_size=image_size, precision=precision)
    return seeded_engine(name, device, image_size=image_size, precision=precision)


def _encoded(engine: Sam2Engine, image: torch.Tensor) -> ImageFeatures:
    with engine.blocks.computing():
        return engine.blocks.encode_image(image)
