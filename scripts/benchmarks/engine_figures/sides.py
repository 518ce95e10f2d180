"""The timed work of both sides: from prompts to masks in host memory."""

from __future__ import annotations

from backend.adapters.sam2.engine import Sam2Engine
from backend.application.ports.engine import NeverCancelled
from backend.application.ports.media import VideoSource
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction
from scripts.benchmarks.engine_figures.models import Pair
from scripts.benchmarks.engine_figures.upstream import UpstreamSession


def run_ours(engine: Sam2Engine, video: VideoSource, prompts: PromptSet) -> None:
    """Masks of all frames at the video's size, with evidence, which upstream lacks."""
    for _ in engine.propagate(video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled()):
        pass


def run_upstream(pair: Pair, video: VideoSource, prompts: PromptSet) -> None:
    """Masks of all frames at the video's size."""
    session = UpstreamSession(pair.predictor, video, precision=pair.precision)
    session.prompt(prompts)
    for _, _, logits in session.steps():
        (logits > 0).cpu()
