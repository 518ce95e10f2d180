"""`--prompts auto` with the demo model: objects of a drawn clip, and the steps on the way."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from backend.application.imports.model import Source, SourceMedia, SourceMediaKind, TaskDraft
from backend.bootstrap.container import Container
from backend.bootstrap.imports.search_prompts import SearchPrompts, searching
from backend.domain.geometry import FrameSize, mask_iou
from backend.domain.video import ContentHash, FrameIndex
from backend.evaluation.synthetic.source import ClipSource
from backend.settings import Settings
from scripts.demonstration.demo_clip import demo_clip


def test_objects_of_a_clip_become_prompts_with_scores(tmp_path: Path) -> None:
    clip = demo_clip(72)
    frames, truth = clip.frames[:3], clip.masks[0]
    size = FrameSize(frames.shape[2], frames.shape[1])
    medium = SourceMedia(
        ContentHash("ab" * 32), SourceMediaKind.VIDEO, tmp_path / "clip.mp4", "clip.mp4", size, 3, Fraction(24), ""
    )
    draft = TaskDraft("key-00000", "clip.mp4", medium, tuple(FrameIndex(index) for index in range(3)))
    steps: list[tuple[str, int, int]] = []
    container = Container(Settings(data_dir=tmp_path, model="demo", device="cpu", threads=1))
    load = searching(container, ["Cat"], "auto:8", (), None)
    assert load is not None
    prompter = SearchPrompts(
        load, lambda _: ClipSource(frames), ["Cat"], every_segment=True, on_search=lambda *step: steps.append(step)
    )
    prompts, scores = prompter.prompts(Source("clip.mp4"), draft)
    assert prompts.prompts
    assert len(scores) == len(prompts.prompts)
    assert steps[0][:2] == ("clip.mp4", 0)
    assert steps[-1][1] == steps[-1][2]
    best = [max(mask_iou(prompt.mask, one) for one in truth) for prompt in prompts if prompt.mask is not None]
    assert max(best) > 0.6
