"""Image sizes and trackers: a click and frames of a pass, in turns.

In tiny's shape at 1024 px, the published size, and at 512 px; at 512 px in EdgeTAM's shape and in tiny's.
"""

from __future__ import annotations

from functools import partial

from backend.adapters.sam2.engine import Sam2Engine
from scripts.benchmarks.engine_figures.measuring import best_in_turns
from scripts.benchmarks.engine_figures.models import seeded_edgetam, seeded_engine
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, clicked, prompt_set
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import click_ours, run_again

SIZES, QUICK_SIZES = (1024, 512), (256, 128)
TRACKERS_SIZE, QUICK_TRACKERS_SIZE = 512, 256
OBJECTS = (1, 5)


def measure(setup: Setup) -> Figures:
    """A click on a frame without cached features, and a frame of a pass from a box: the best of alternating runs.

    The ratios are the large size's time ÷ the small size's. On a CPU in processor seconds of all threads: they hold on
    a machine with other work too.
    """
    sizes = QUICK_SIZES if setup.quick else SIZES
    engines = {size: seeded_engine("tiny", setup.device, image_size=size) for size in sizes}
    _run(2, 1, engines[min(sizes)])  # the first calls of a process take longer
    frames = setup.of(8, 2)
    for name, work, repeats, per in (
        ("click", _click, setup.of(4, 1), 1),
        ("frame", partial(_run, frames, 1), setup.of(2, 1), frames),
    ):
        best = best_in_turns({size: partial(work, engine) for size, engine in engines.items()}, setup.device, repeats)
        yield f"speed.image_size_{name}", best[max(sizes)] / best[min(sizes)]
        for size in sizes:
            yield f"speed.image_size_{name}_{size}_s", best[size] / per


def measure_trackers(setup: Setup) -> Figures:
    """tiny's time ÷ EdgeTAM's at one image size: a click without cached features, and frames of a pass from boxes.

    Seeded weights, which suffice for speed. On a CPU in processor seconds of all threads, as above.
    """
    size = QUICK_TRACKERS_SIZE if setup.quick else TRACKERS_SIZE
    engines = {
        "tiny": seeded_engine("tiny", setup.device, image_size=size),
        "edgetam": seeded_edgetam(setup.device, image_size=size),
    }
    for engine in engines.values():
        _run(2, 1, engine)  # the first calls of a process take longer
    frames = setup.of(8, 2)
    works = {"click": (_click, 1)} | {f"frame_{count}": (partial(_run, frames, count), frames) for count in OBJECTS}
    for name, (work, per) in works.items():
        in_turns = {model: partial(work, engine) for model, engine in engines.items()}
        best = best_in_turns(in_turns, setup.device, setup.of(3, 1))
        yield f"trackers.edgetam_{name}", best["tiny"] / best["edgetam"]
        for model in engines:
            yield f"trackers.{model}_{name}_s", best[model] / per


def _click(engine: Sam2Engine) -> None:
    click_ours(engine, PanningVideo(1, VIDEO_SIZE), prompt_set([clicked("a", 0, (0.5, 0.5, True))]))


def _run(frames: int, objects: int, engine: Sam2Engine) -> None:
    run_again(engine, PanningVideo(frames, VIDEO_SIZE), boxes(objects, frame=0))
