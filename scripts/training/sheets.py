"""Contact sheets: a few frames of a clip side by side, each object's mask tinted and outlined.

``python -m scripts.training.sheets VIDEO OUT.jpg --box 0.4 0.2 0.5 0.6 [--box ...]`` prompts the shipped demo model
with boxes (relative corners) on the first frame and propagates the masks through sixty frames;
``--weights STATE`` uses the state of a training run.
``python -m scripts.training.sheets --held-out OUT.jpg`` does it for the first eight held-out clips.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from backend.adapters.sam2.engine import Sam2Engine, load_engine
from backend.application.ports.engine import NeverCancelled
from backend.domain.geometry import Box, box_of_mask
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex
from backend.evaluation.synthetic.clips import render_clip
from backend.evaluation.synthetic.source import ClipSource
from scripts.training.weights_file import engine_of_file

COLOURS = ((255, 60, 60), (60, 230, 60), (80, 110, 255), (255, 230, 60))
SHOWN = 7
TILE_HEIGHT = 150


def read_frames(path: Path, count: int) -> NDArray[np.uint8]:
    """The first ``count`` frames of a video, uint8 [T, H, W, 3] RGB."""
    frames: list[NDArray[np.uint8]] = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
            if len(frames) == count:
                break
    return np.stack(frames)


def propagate_boxes(engine: Sam2Engine, frames: NDArray[np.uint8], boxes: Sequence[Box]) -> NDArray[np.bool_]:
    """Masks bool [T, N, H, W] of the objects in boxes on the first frame."""
    prompts = [FramePrompt(ObjectId(str(n)), FrameIndex(0), box=box) for n, box in enumerate(boxes)]
    run = engine.propagate(
        ClipSource(frames), PromptSet.of(prompts, {}), direction=Direction.FORWARD, cancel=NeverCancelled()
    )
    return np.stack([np.stack([item.mask for item in frame.objects]) for frame in run])


def draw_row(frames: NDArray[np.uint8], masks: NDArray[np.bool_], boxes: Sequence[Box]) -> NDArray[np.uint8]:
    """``SHOWN`` evenly spaced frames with their masks, the boxes on the first: uint8 [TILE_HEIGHT, W, 3] RGB."""
    tiles = []
    for t in np.linspace(0, len(frames) - 1, SHOWN).astype(int):
        picture = frames[t].copy()
        height, width = picture.shape[:2]
        for mask, colour in zip(masks[t], COLOURS, strict=False):
            picture[mask] = picture[mask] * 0.5 + np.array(colour) * 0.5
            outline, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(picture, outline, -1, colour, max(1, height // 240))
        for box, colour in zip(boxes if t == 0 else (), COLOURS, strict=False):
            x0, y0, x1, y1 = (int(v) for v in np.array([box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel])
                              * [width, height, width, height])  # fmt: skip
            cv2.rectangle(picture, (x0, y0), (x1, y1), colour, max(1, height // 180))
        tile = cv2.resize(picture, (width * TILE_HEIGHT // height, TILE_HEIGHT), interpolation=cv2.INTER_AREA)
        cv2.putText(tile, str(t), (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (255, 255, 255), 1, cv2.LINE_AA)
        tiles.append(tile)
    return np.hstack(tiles)


def save_sheet(rows: Sequence[NDArray[np.uint8]], path: Path) -> None:
    """Writes rows of equal width below each other as a JPEG."""
    sheet = np.ascontiguousarray(np.vstack(rows)[..., ::-1])
    cv2.imwrite(str(path), sheet, [cv2.IMWRITE_JPEG_QUALITY, 75])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path, nargs="?")
    parser.add_argument("out", type=Path)
    parser.add_argument("--box", type=float, nargs=4, action="append", default=[])
    parser.add_argument("--frames", type=int, default=61)
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--weights", type=Path, help="the state of a training run instead of the shipped model")
    arguments = parser.parse_args()
    engine = (
        engine_of_file(arguments.weights, threads=2)
        if arguments.weights
        else load_engine("demo", model_dir=None, device="cpu", threads=2)
    )
    if arguments.held_out:
        rows = []
        for seed in range(8):
            clip = render_clip(seed)
            boxes = [box for mask in clip.masks[0] if (box := box_of_mask(mask))]
            rows.append(draw_row(clip.frames, propagate_boxes(engine, clip.frames, boxes), boxes))
    else:
        frames = read_frames(arguments.video, arguments.frames)
        boxes = [Box(*corners) for corners in arguments.box]
        rows = [draw_row(frames, propagate_boxes(engine, frames, boxes), boxes)]
    save_sheet(rows, arguments.out)


if __name__ == "__main__":
    main()
