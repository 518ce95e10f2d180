"""Refinement: the pass after a correction against the first pass, at a published model's shape and 512 px."""

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
    """Both passes go over the whole video with one engine; the second has one click more, on a frame in its middle.

    That prompt makes one frame more to attend to, so the second pass does more of everything but encoding.
    """
    engine = seeded_engine("tiny", setup.device, image_size=IMAGE_SIZE)
    frames = setup.of(14, 3)
    first: list[float] = []
    second: list[float] = []
    for lap in range(setup.of(2, 1)):
        # Of another length is another video: nothing of it is known yet.
        video = PanningVideo(frames + lap, VIDEO_SIZE)
        prompts = boxes(1, frame=0)
        first.append(seconds(partial(run_ours, engine, video, prompts)) / (frames + lap))
        corrected = corrected_set(prompts, frame=frames // 2)
        second.append(seconds(partial(run_ours, engine, video, corrected)) / (frames + lap))
    yield "speed.refine", min(first) / min(second)
    yield "speed.refine_first_s_per_frame", min(first)
    yield "speed.refine_second_s_per_frame", min(second)


def corrected_set(prompts: PromptSet, *, frame: int) -> PromptSet:
    """The same prompts and one click on a later frame."""
    name = prompts.object_ids[0]
    return prompt_set([*prompts, clicked(name, frame, (0.3, 0.5, True))])
