"""Clips of drawn scenes that are mixed into a training, so that the model does not forget.

The demo model was trained on such scenes: their masks are exact. What other models were trained on is not at hand.
Theirs are the parent's own masks of the scenes, so that its answers are kept, not changed.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base

from backend.application.ports.engine import CancelToken
from backend.application.ports.progress import work_moved
from backend.codecs.atomic_file import write_atomically
from backend.codecs.coco_rle import encode_mask
from backend.domain.masklets import EncodedMask
from backend.training.drawn.scenes import SceneSpec, render_batch
from backend.training.rollout import ClipRollout, DecoderTap
from backend.training.samples.videos import KeptVideo, PictureFolder

FIRST_NUMBER = 5000
"""Of the clips' folders, above those of a project's videos."""

FRAMES = 7
LARGEST_SIDE_PX = 480
SMALLEST_SHARE = 0.002
_STREAM = 90_001


def replayed_clip(
    place: int, seed: int, model: SAM2Base, *, exact: bool, folder: Path, pictures: PictureFolder
) -> KeptVideo:
    """The drawn clip of a place, rendered and kept if it is not yet. exact: whether its masks are the true ones.

    model: the parent, whose masks it has otherwise; not changed yet.
    """
    path = folder / f"{FIRST_NUMBER + place:04d}.json"
    if path.is_file():
        return KeptVideo.of_json(json.loads(path.read_text(encoding="utf-8")))
    rng = np.random.default_rng((seed, _STREAM, place))
    side = int(model.image_size)
    spec = SceneSpec(
        FRAMES, min(pictures.side, LARGEST_SIDE_PX), int(rng.choice([2, 3])), float(rng.uniform(0.4, 0.85)), 1.0, 0.8
    )
    frames, masks = render_batch(seed * 1000 + _STREAM, place, 1, spec)
    drawn = masks[0] if exact else _parent_masks(model, frames, masks, side)
    labels = {
        t: {str(n): _encoded(drawn[t, n]) for n in range(drawn.shape[1]) if masks[0, 0, n].mean() > SMALLEST_SHARE}
        for t in range(FRAMES)
    }
    number = FIRST_NUMBER + place
    for t in range(FRAMES):
        pictures.keep(number, t, frames[0, t])
    video = KeptVideo(number, f"drawn-{place}", f"drawn clip {place}", "", tuple(range(FRAMES)), labels)
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(video.to_json()).encode())
    return video


def replayed_clips(
    count: int, seed: int, model: SAM2Base, *, exact: bool, folder: Path, pictures: PictureFolder, cancel: CancelToken
) -> list[KeptVideo]:
    """The first clips, by place; clips without a visible object are left out."""
    found = []
    for place in range(count):
        cancel.raise_if_cancelled()
        work_moved()
        clip = replayed_clip(place, seed, model, exact=exact, folder=folder, pictures=pictures)
        if clip.objects:
            found.append(replace(clip, group="drawn"))
    return found


@torch.no_grad()
def _parent_masks(model: SAM2Base, frames: NDArray[np.uint8], masks: NDArray[np.bool_], side: int) -> NDArray[np.bool_]:
    """The model's masks bool [T, N, side, side], propagated from the true masks of the first frame."""
    small = np.stack([cv2.resize(frame, (side, side), interpolation=cv2.INTER_AREA) for frame in frames[0]])
    shrunk = [
        [cv2.resize(m.astype(np.uint8), (side, side), interpolation=cv2.INTER_NEAREST) > 0 for m in frame]
        for frame in masks[0]
    ]
    tap = DecoderTap(model)
    rollout = ClipRollout(model, tap, small[None], np.asarray(shrunk)[None], 0.5)
    found = []
    first = torch.from_numpy(rollout.truth_px[:, :1].astype(np.float32)).to(model.device)
    for t in range(rollout.n_frames):
        out = rollout.step(t, t, mask=first, initial=True) if t == 0 else rollout.step(t, t)
        found.append(rollout.predicted_px(out))
    tap.handle.remove()
    return np.stack(found)


def _encoded(mask: NDArray[np.bool_]) -> EncodedMask | None:
    return encode_mask(mask) if mask.any() else None
