"""Speed: prompting and propagation through a video, ours and upstream's in alternating repeats."""

from __future__ import annotations

from functools import partial

from scripts.benchmarks.engine_figures.measuring import paired_times
from scripts.benchmarks.engine_figures.models import Pair, demo_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import run_ours, run_upstream


def measure(setup: Setup) -> Figures:
    """Ratios above 1 mean that ours is faster. Both sides read frames from memory."""
    pair = demo_pair(setup.device)
    frames = setup.of(30, 4)
    video = PanningVideo(frames, VIDEO_SIZE)
    for label, count in (("one_object", 1), ("five_objects", 5)):
        prompts = boxes(count, frame=0)
        result = paired_times(
            partial(_fresh_run, pair, video, count),
            partial(run_upstream, pair, video, prompts),
            repeats=setup.of(4, 1),
        )
        yield f"speed.{label}", result.ratio
        yield f"speed.{label}_fps", frames / min(result.ours)
        yield f"speed.{label}_upstream_fps", frames / min(result.theirs)


def _fresh_run(pair: Pair, video: PanningVideo, count: int) -> None:
    # A used engine has cached features; the refinement figure measures that case.
    run_ours(pair.another_engine(), video, boxes(count, frame=0))
