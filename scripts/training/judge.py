"""Judges weights while they are trained: fixed clips of held-out pictures, and a folder of real clips.

``python -m scripts.training.judge STATE [--clips N]`` measures a run's state on the generated test split.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from backend.adapters.sam2.weights.image_size import resize_model
from backend.evaluation.protocol import evaluate
from backend.evaluation.synthetic.evaluation import HELD_OUT_CLIPS, held_out_clips
from backend.training import prompts
from backend.training.losses import hard_iou
from backend.training.rollout import ClipRollout, DecoderTap
from scripts.benchmarks.real import measure, summary
from scripts.benchmarks.sparse_clips import read_sparse_clip, sparse_clip_names
from scripts.training.mixture import DataPlan
from scripts.training.model import build_model, config_of
from scripts.training.photographic.scenes import Batch, ClipSpec, picture_batch
from scripts.training.pictures.library import Part, PictureLibrary
from scripts.training.weights_file import engine_of, engine_of_file

CLIPS, FRAMES, OBJECTS = 12, 6, 2
SEED = 1009
SMALLEST_SHARE = 0.004


def held_out_judge(data: DataPlan, clips: int = CLIPS) -> Callable[[Mapping[str, Tensor], int], Mapping[str, float]]:
    """A judge on clips of the held-out pictures: box, click (first frame) and tracked (from a box), mean IoU."""
    library = PictureLibrary.open(replace(data, part=Part.HELD_OUT).folder, Part.HELD_OUT)
    batches = [
        picture_batch(library, (SEED, number), 1, ClipSpec(FRAMES, data.side, OBJECTS, hiding=0.3))
        for number in range(clips)
    ]

    def judge(weights: Mapping[str, Tensor], image_size: int) -> Mapping[str, float]:
        return held_out_figures(weights, image_size, batches)

    return judge


@torch.no_grad()
def held_out_figures(weights: Mapping[str, Tensor], image_size: int, batches: list[Batch]) -> dict[str, float]:
    """box, click and tracked: mean IoUs over objects that show."""
    model = build_model(image_size, config=config_of(weights))
    model.load_state_dict(weights)
    resize_model(model, image_size)
    model.eval()
    tap = DecoderTap(model)
    ious: dict[str, list[float]] = {"box": [], "click": [], "tracked": []}
    for frames, masks in batches:
        rng = np.random.default_rng(SEED)
        rollout = ClipRollout(model, tap, frames, masks, 0.5)
        shows = rollout.truth_px.mean((2, 3)) > SMALLEST_SHARE
        first = rollout.truth_px[:, 0]
        rollout.step(0, 0, points=prompts.one_click(rng, first), initial=True, remember=False)
        ious["click"] += _chosen_ious(rollout, 0)[shows[:, 0]].tolist()
        rollout.step(0, 0, points=prompts.jittered_box(rng, first, 0.0), initial=True)
        ious["box"] += _chosen_ious(rollout, 0)[shows[:, 0]].tolist()
        for t in range(1, rollout.n_frames):
            rollout.step(t, t)
            ious["tracked"] += _chosen_ious(rollout, t)[shows[:, t] & shows[:, 0]].tolist()
    tap.handle.remove()
    return {name: float(np.mean(values)) if values else float("nan") for name, values in ious.items()}


def _chosen_ious(rollout: ClipRollout, t: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The IoU of the candidate with the highest predicted IoU, float [B]."""
    candidates, predicted = rollout.tap.candidates, rollout.tap.ious
    logits = torch.nn.functional.interpolate(
        candidates, size=rollout.truth.shape[-2:], mode="bilinear", align_corners=False
    )
    ious = hard_iou(logits, rollout.truth[:, t : t + 1].expand_as(logits))
    chosen: np.ndarray[tuple[int], np.dtype[np.float32]] = (
        ious.gather(1, predicted.argmax(1, keepdim=True))[:, 0].cpu().numpy()
    )
    return chosen


def real_figures(weights: Mapping[str, Tensor], image_size: int, folder: Path) -> dict[str, float]:
    """The figures of ``bench real`` for weights in memory. For judging only: these clips are never trained on."""
    clips = (read_sparse_clip(folder, name) for name in sparse_clip_names(folder))
    report = summary(measure(engine_of(weights, image_size), clips))
    return {name: float(value) for name, value in report.items() if name.endswith("_iou")}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measures a state on the generated test split.")
    parser.add_argument("state", type=Path)
    parser.add_argument("--clips", type=int, default=HELD_OUT_CLIPS)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    report = evaluate(engine_of_file(given.state, threads=given.threads), held_out_clips(given.clips))
    print(json.dumps(report.to_json(), indent=2))


if __name__ == "__main__":
    main()
