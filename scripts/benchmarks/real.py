"""Measures a model on clips with published masks: a box, a click, and propagation from a box.

    ./scripts/bench real FOLDER [--json FILE] [--model NAME] [--model-dir DIR] [--weights FILE] [--threads N]
                         [--image-size N]

FOLDER is in DAVIS layout; masks may be sparse. Each figure is the mean over objects of an object's mean over frames.
box_iou: a tight box, on each frame with a mask. click_iou: one click on the deepest pixel, on the same frames.
propagated_iou: from a box on the object's first mask, on its later masks; propagated_30_iou: on those at most 30 frames
later.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from backend.adapters.sam2.engine import load_engine
from backend.adapters.sam2.runtime.options import EngineOptions
from backend.adapters.sam2.weights.checkpoints import AUTO
from backend.adapters.sam2.weights.image_size import fitting_size
from backend.application.ports.engine import NeverCancelled, Segmenter
from backend.domain.errors import MaskletError
from backend.domain.geometry import BoolMask, Point, box_of_mask, mask_iou
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from backend.evaluation.metrics import deepest_pixel, mean
from scripts.benchmarks.sparse_clips import SparseClip, read_sparse_clip, sparse_clip_names
from scripts.benchmarks.uncertainty import rounded

NEAR_FRAMES = 30
FIGURES = ("box_iou", "click_iou", "propagated_30_iou", "propagated_iou")


@dataclass
class ObjectFigures:
    """The IoUs of one object of one clip, by figure."""

    clip: str
    number: int
    ious: dict[str, list[float]] = field(default_factory=lambda: {name: [] for name in FIGURES})


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures the clips of a folder and prints the figures."""
    given = _parser().parse_args(arguments)
    try:
        names = sparse_clip_names(given.folder)
        segmenter = _segmenter(given)
        objects = measure(segmenter, (read_sparse_clip(given.folder, name) for name in names))
    except MaskletError as error:
        sys.exit(f"bench real: {error}")
    for item in objects:
        shown = "  ".join(f"{name} {_shown(mean(values))}" for name, values in item.ious.items())
        print(f"{item.clip:12} object {item.number:3}  {shown}")
    report = summary(objects) | {"model": segmenter.model.version, "set": given.folder.name}
    for key, value in report.items():
        print(f"{key:20} {rounded(value)}")
    if given.json:
        given.json.write_text(json.dumps(rounded(report), indent=2) + "\n", encoding="utf-8")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench real", description="How good is a model on clips with published masks?"
    )
    parser.add_argument("folder", type=Path, help="a folder in DAVIS layout")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--model-dir", type=Path)
    parser.add_argument("--weights", type=Path, help="the state of a training run instead of a model")
    parser.add_argument("--threads", type=int, default=0, help="0: all cores")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--image-size", default=AUTO, help="as MASKLET_IMAGE_SIZE; default: auto")
    return parser


def _segmenter(given: argparse.Namespace) -> Segmenter:
    if given.weights:
        from scripts.training.weights_file import engine_of_file

        size = None if given.image_size == AUTO else fitting_size(given.image_size)
        return engine_of_file(given.weights, threads=given.threads, image_size=size)
    return load_engine(
        given.model,
        model_dir=given.model_dir,
        device=given.device,
        threads=given.threads,
        options=EngineOptions(image_size=given.image_size),
    )


def measure(segmenter: Segmenter, clips: Iterable[SparseClip]) -> list[ObjectFigures]:
    """The IoUs of every object of the clips."""
    objects = []
    for clip in clips:
        for number, first in clip.first_frames.items():
            figures = ObjectFigures(clip.name, number)
            _measure_prompts(segmenter, clip, figures)
            _measure_propagation(segmenter, clip, first, figures)
            objects.append(figures)
    return objects


def summary(objects: Sequence[ObjectFigures]) -> dict[str, float | int]:
    """Each figure as the mean over objects, nan without values, and the count of clips."""
    report: dict[str, float | int] = {
        name: mean([mean(item.ious[name]) for item in objects if item.ious[name]]) for name in FIGURES
    }
    return report | {"objects": len(objects), "clips": len({item.clip for item in objects})}


def _measure_prompts(segmenter: Segmenter, clip: SparseClip, figures: ObjectFigures) -> None:
    for frame, truths in clip.truths.items():
        if figures.number not in truths:
            continue
        truth = truths[figures.number]
        for name, prompt in (("box_iou", _box(truth, frame)), ("click_iou", _click(truth, frame))):
            answer = segmenter.segment(clip.video, PromptSet.of([prompt], {}), FrameIndex(frame))
            figures.ious[name].append(mask_iou(answer.objects[0].mask, truth))


def _measure_propagation(segmenter: Segmenter, clip: SparseClip, first: int, figures: ObjectFigures) -> None:
    judged = [frame for frame, truths in clip.truths.items() if frame > first and figures.number in truths]
    if not judged:
        return
    prompts = PromptSet.of([_box(clip.truths[first][figures.number], first)], {})
    whole = FrameRange(FrameIndex(first), FrameIndex(max(judged) + 1))
    run = segmenter.propagate(
        clip.video, prompts, direction=Direction.FORWARD, frame_range=whole, cancel=NeverCancelled()
    )
    for answer in run:
        frame = int(answer.frame_index)
        if frame not in judged:
            continue
        iou = mask_iou(answer.objects[0].mask, clip.truths[frame][figures.number])
        figures.ious["propagated_iou"].append(iou)
        if frame - first <= NEAR_FRAMES:
            figures.ious["propagated_30_iou"].append(iou)


def _box(truth: BoolMask, frame: int) -> FramePrompt:
    return FramePrompt(ObjectId("0"), FrameIndex(frame), box=box_of_mask(truth))


def _click(truth: BoolMask, frame: int) -> FramePrompt:
    row, column = deepest_pixel(truth)
    point = Point((column + 0.5) / truth.shape[1], (row + 0.5) / truth.shape[0])
    return FramePrompt(ObjectId("0"), FrameIndex(frame), points=(PointPrompt(point),))


def _shown(value: float) -> str:
    return "    -" if value != value else f"{value:.3f}"


if __name__ == "__main__":
    main()
