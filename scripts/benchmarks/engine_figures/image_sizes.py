"""Image sizes: a click and a tracked frame in tiny's shape at 1024 px, the published size, and at 512 px, in turns."""

from __future__ import annotations

from functools import partial

from backend.adapters.sam2.engine import Sam2Engine
from backend.domain.video import FrameIndex
from scripts.benchmarks.engine_figures.measuring import best_in_turns
from scripts.benchmarks.engine_figures.models import seeded_engine
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, clicked, prompt_set
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import run_ours

SIZES, QUICK_SIZES = (1024, 512), (256, 128)


def measure(setup: Setup) -> Figures:
    """A click on a frame without cached features, and a frame of a pass from a box: the best of alternating runs.

    The ratios are the large size's time ÷ the small size's. On a CPU in processor seconds of all threads: they hold on
    a machine with other work too.
    """
    sizes = QUICK_SIZES if setup.quick else SIZES
    engines = {size: seeded_engine("tiny", setup.device, image_size=size) for size in sizes}
    _run(2, engines[min(sizes)])  # the first calls of a process take longer
    frames = setup.of(8, 2)
    for name, work, repeats, per in (
        ("click", _click, setup.of(4, 1), 1),
        ("frame", partial(_run, frames), setup.of(2, 1), frames),
    ):
        best = best_in_turns({size: partial(work, engine) for size, engine in engines.items()}, setup.device, repeats)
        yield f"speed.image_size_{name}", best[max(sizes)] / best[min(sizes)]
        for size in sizes:
            yield f"speed.image_size_{name}_{size}_s", best[size] / per


def _click(engine: Sam2Engine) -> None:
    video = PanningVideo(1, VIDEO_SIZE)
    engine.forget(video.info.content_hash)
    engine.segment(video, prompt_set([clicked("a", 0, (0.5, 0.5, True))]), FrameIndex(0))


def _run(frames: int, engine: Sam2Engine) -> None:
    video = PanningVideo(frames, VIDEO_SIZE)
    engine.forget(video.info.content_hash)
    run_ours(engine, video, boxes(1, frame=0))
