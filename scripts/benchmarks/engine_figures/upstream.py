"""SAM 2's own video predictor on our engine's frames: the reference for parity and speed.

The calls follow the documented order: all prompts of an object come before its propagation. The only replacement is
the frame loader: frames are resized as ours, so that both sides have equal pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from functools import partial
from typing import cast
from unittest.mock import patch

import numpy as np
import sam2.sam2_video_predictor as module
import torch
from numpy.typing import NDArray
from sam2.sam2_video_predictor import SAM2VideoPredictor
from torch import Tensor

from backend.adapters.sam2.features.preprocess import image_tensor
from backend.adapters.sam2.runtime.device import computing
from backend.application.ports.media import VideoSource
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import FrameIndex

Logits = dict[int, NDArray[np.float32]]
"""Mask logits of one object at the video's size, [H, W], by frame index."""


@contextmanager
def float32() -> Iterator[None]:
    """Inference without autocast and without TF32."""
    products, convolutions = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False  # a separate switch, on by default
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_float32_matmul_precision(products)
        torch.backends.cudnn.allow_tf32 = convolutions


class UpstreamImages:
    """The frames as the predictor indexes them, made on request.

    keep: keep every frame, as upstream's own loader does; used by the memory figure only.
    """

    def __init__(self, video: VideoSource, *, image_size: int, device: torch.device, keep: bool = False) -> None:
        self._video, self._image_size, self._device = video, image_size, device
        self._kept: dict[int, Tensor] | None = {} if keep else None

    def __len__(self) -> int:
        return self._video.info.frame_count

    def __getitem__(self, index: int) -> Tensor:
        if self._kept is not None and index in self._kept:
            return self._kept[index]
        frame = self._video.frame(FrameIndex(index))
        image = image_tensor(frame, image_size=self._image_size, device=self._device)[0]
        if self._kept is not None:
            self._kept[index] = image
        return image


class UpstreamSession:
    """One session of the predictor. Its state grows with every frame; each run needs a new session.

    precise: float32 on every device; otherwise in `precision`.
    """

    def __init__(
        self,
        predictor: SAM2VideoPredictor,
        video: VideoSource,
        *,
        keep_images: bool = False,
        precision: torch.dtype,
        precise: bool = False,
    ) -> None:
        self.predictor = predictor
        self._device = cast(torch.device, predictor.device)
        self._computing = float32 if precise else partial(computing, self._device, precision)
        images = UpstreamImages(video, image_size=int(predictor.image_size), device=self._device, keep=keep_images)
        size = video.info.size
        with (
            patch.object(module, "load_video_frames", lambda **_: (images, size.height, size.width)),
            self._computing(),
        ):
            self.state = cast(MutableMapping[str, object], predictor.init_state(""))

    def prompt(self, prompts: PromptSet) -> dict[str, Logits]:
        """Adds all prompts; returns the mask logits of each, by object."""
        answers: dict[str, Logits] = {object_id: {} for object_id in prompts.object_ids}
        for prompt in prompts:
            object_ids, logits = self._add(prompt)
            position = object_ids.index(prompt.object_id)
            answers[prompt.object_id][prompt.frame_index] = logits[position, 0].float().cpu().numpy()
        return answers

    def propagate(self, *, backward: bool = False, start: int | None = None) -> dict[str, Logits]:
        """Mask logits of all objects from `start` (None: the earliest prompted frame) on, by object."""
        tracked: dict[str, Logits] = {}
        for frame_index, object_ids, logits in self.steps(backward=backward, start=start):
            for position, object_id in enumerate(object_ids):
                tracked.setdefault(object_id, {})[frame_index] = logits[position, 0].float().cpu().numpy()
        return tracked

    def steps(
        self, *, backward: bool = False, start: int | None = None
    ) -> Iterator[tuple[int, list[ObjectId], Tensor]]:
        """Frame index, objects, and their mask logits [B, 1, H, W] at the video's size, on the device."""
        with patch.object(module, "tqdm", lambda frames, **_: frames), self._computing():
            yield from self.predictor.propagate_in_video(self.state, reverse=backward, start_frame_idx=start)

    def mark_tracked(self, object_id: str, frame_index: int) -> None:
        """Marks the frame as tracked: its next prompt is a correction with memory, as after a propagation."""
        self.predictor.propagate_in_video_preflight(self.state)
        slots = cast(dict[str, int], self.state["obj_id_to_idx"])
        tracked = cast(dict[int, dict[int, dict[str, bool]]], self.state["frames_tracked_per_obj"])
        tracked[slots[object_id]][frame_index] = {"reverse": False}

    def _add(self, prompt: FramePrompt) -> tuple[list[ObjectId], Tensor]:
        common = {"frame_idx": prompt.frame_index, "obj_id": prompt.object_id}
        with self._computing():
            if prompt.mask is not None:
                _, object_ids, logits = self.predictor.add_new_mask(self.state, mask=prompt.mask, **common)
                return object_ids, logits
            clicks = [[click.point.x_rel, click.point.y_rel] for click in prompt.points]
            box = prompt.box
            _, object_ids, logits = self.predictor.add_new_points_or_box(
                self.state,
                points=np.asarray(clicks, np.float32) if clicks else None,
                labels=np.asarray([int(click.positive) for click in prompt.points], np.int32) if clicks else None,
                box=None if box is None else np.asarray([box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel], np.float32),
                normalize_coords=False,
                **common,
            )
            return object_ids, logits
