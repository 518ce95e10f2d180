"""Refinement: the time of the pass after a correction compared with the first pass, in tiny's shape at 512 px."""

from __future__ import annotations

from functools import partial

from backend.domain.prompts import PromptSet
from scripts.benchmarks.engine_figures.measuring import seconds
from scripts.benchmarks.engine_figures.models import seeded_engine
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import boxes, clicked, prompt_set
from scripts.benchmarks.engine_figures.setup import VIDEO_SIZE, Figures, Setup
from scripts.benchmarks.engine_figures.sides import run_ours

IMAGE_SIZE = 512


def measure(setup: Setup) -> Figures:
    """Both passes cover the whole video with one engine; the second has one more click, on the middle frame.

    The additional prompted frame is attended to, so the second pass does more work of every kind except encoding.
    """
    engine = seeded_engine("tiny", setup.device, image_size=IMAGE_SIZE)
    frames = setup.of(14, 3)
    first: list[float] = []
    second: list[float] = []
    for repeat in range(setup.of(2, 1)):
        # A different length makes a different video without cached features.
        video = PanningVideo(frames + repeat, VIDEO_SIZE)
        prompts = boxes(1, frame=0)
        first.append(seconds(partial(run_ours, engine, video, prompts)) / (frames + repeat))
        corrected = corrected_set(prompts, frame=frames // 2)
        second.append(seconds(partial(run_ours, engine, video, corrected)) / (frames + repeat))
    yield "speed.refine", min(first) / min(second)
    yield "speed.refine_first_s_per_frame", min(first)
    yield "speed.refine_second_s_per_frame", min(second)


def corrected_set(prompts: PromptSet, *, frame: int) -> PromptSet:
    """The prompts with one more click on a later frame."""
    name = prompts.object_ids[0]
    return prompt_set([*prompts, clicked(name, frame, (0.3, 0.5, True))])
