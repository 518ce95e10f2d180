"""The timed work of both sides: from prompts to masks in host memory."""

from __future__ import annotations

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.ports.engine import NeverCancelled
from backend.application.ports.media import VideoSource
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction, FrameIndex
from scripts.benchmarks.engine_figures.models import Pair
from scripts.benchmarks.engine_figures.upstream import UpstreamSession


def run_ours(engine: Sam2Engine, video: VideoSource, prompts: PromptSet) -> None:
    """Masks of all frames at the video's size, with evidence, which upstream lacks."""
    for _ in engine.propagate(video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled()):
        pass


def run_again(engine: Sam2Engine, video: VideoSource, prompts: PromptSet) -> None:
    """`run_ours` without cached features of the video's frames."""
    engine.forget(video.info.content_hash)
    run_ours(engine, video, prompts)


def click_ours(engine: Sam2Engine, video: VideoSource, prompts: PromptSet) -> None:
    """The masks of prompts on frame 0, without cached features of the frame."""
    engine.forget(video.info.content_hash)
    engine.segment(video, prompts, FrameIndex(0))


def click_upstream(pair: Pair, video: VideoSource, prompts: PromptSet) -> None:
    """The same: a new session, without its propagation."""
    UpstreamSession(pair.predictor, video, precision=pair.precision).prompt(prompts)


def run_upstream(pair: Pair, video: VideoSource, prompts: PromptSet) -> None:
    """Masks of all frames at the video's size."""
    session = UpstreamSession(pair.predictor, video, precision=pair.precision)
    session.prompt(prompts)
    for _, _, logits in session.steps():
        (logits > 0).cpu()
