"""Image sizes: a click and a tracked frame in tiny's shape at 1024 px, the published size, and at 512 px, in turns."""

from __future__ import annotations

from backend.adapters.sam2.engine import Sam2Engine
from backend.domain.video import FrameIndex
from scripts.benchmarks.engine_figures.measuring import paired_times
from scripts.benchmarks.engine_figures.models import seeded_engine
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, clicked, prompt_set
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import run_ours

SIZES, QUICK_SIZES = (1024, 512), (256, 128)


def measure(setup: Setup) -> Figures:
    """A click on a frame without cached features; a frame of a pass from a box. The ratios are the large one's time ÷
    the small one's.
    """
    large, small = QUICK_SIZES if setup.quick else SIZES
    engines = [seeded_engine("tiny", setup.device, image_size=size) for size in (small, large)]
    _run(engines[0], 2)  # the first calls of a process take longer
    clicks = paired_times(*(lambda engine=engine: _click(engine) for engine in engines), repeats=setup.of(4, 1))
    frames = setup.of(8, 2)
    passes = paired_times(*(lambda engine=engine: _run(engine, frames) for engine in engines), repeats=setup.of(2, 1))
    yield "speed.image_size_click", clicks.ratio
    yield f"speed.image_size_click_{large}_s", min(clicks.theirs)
    yield f"speed.image_size_click_{small}_s", min(clicks.ours)
    yield "speed.image_size_frame", passes.ratio
    yield f"speed.image_size_frame_{large}_s", min(passes.theirs) / frames
    yield f"speed.image_size_frame_{small}_s", min(passes.ours) / frames


def _click(engine: Sam2Engine) -> None:
    video = PanningVideo(1, VIDEO_SIZE)
    engine.forget(video.info.content_hash)
    engine.segment(video, prompt_set([clicked("a", 0, (0.5, 0.5, True))]), FrameIndex(0))


def _run(engine: Sam2Engine, frames: int) -> None:
    video = PanningVideo(frames, VIDEO_SIZE)
    engine.forget(video.info.content_hash)
    run_ours(engine, video, boxes(1, frame=0))
