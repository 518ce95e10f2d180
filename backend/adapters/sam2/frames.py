"""From decoded frames to image features: the one way frames are resized and normalised, and a small cache."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.adapters.sam2.state import ImageFeatures
from backend.domain.geometry import BoolMask, RgbFrame
from backend.domain.video import ContentHash

_MEAN = (0.485, 0.456, 0.406)
_STD = (0.229, 0.224, 0.225)


def image_tensor(frame: RgbFrame, *, image_size: int, device: torch.device) -> Tensor:
    """A frame [H, W, 3] uint8 as the model takes it: [1, 3, S, S] float32, normalised.

    Squashed to a square with antialiased bilinear interpolation, as in SAM 2's training, on the device.
    """
    pixels = torch.from_numpy(np.require(frame, requirements=("C", "W"))).to(device)
    image = pixels.permute(2, 0, 1)[None].float() / 255.0
    size = (image_size, image_size)
    if image.shape[-2:] != size:
        image = F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
    mean = torch.tensor(_MEAN, device=device).view(1, 3, 1, 1)
    std = torch.tensor(_STD, device=device).view(1, 3, 1, 1)
    return (image - mean) / std


def mask_tensor(mask: BoolMask, *, image_size: int, device: torch.device) -> Tensor:
    """A mask [H, W] bool as the model takes it: [1, 1, S, S] float32 of zeros and ones."""
    pixels = torch.from_numpy(np.require(mask, requirements=("C", "W"))).to(device)[None, None].float()
    size = (image_size, image_size)
    if pixels.shape[-2:] == size:
        return pixels
    resized = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)
    return (resized >= 0.5).float()


class FeatureCache:
    """The features of the frames asked for last, so that click after click on one frame is encoded once.

    Keyed by content, never by task: the same number of another video is another frame.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._kept: OrderedDict[tuple[ContentHash, int], ImageFeatures] = OrderedDict()

    def get(self, content_hash: ContentHash, frame_index: int) -> ImageFeatures | None:
        key = (content_hash, frame_index)
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def put(self, content_hash: ContentHash, frame_index: int, features: ImageFeatures) -> None:
        self._kept[(content_hash, frame_index)] = features
        self._kept.move_to_end((content_hash, frame_index))
        while len(self._kept) > self._capacity:
            self._kept.popitem(last=False)

    @property
    def capacity(self) -> int:
        return self._capacity

    def frames_of(self, content_hash: ContentHash) -> tuple[int, ...]:
        """The frames of a video that are kept, ascending."""
        return tuple(sorted(index for kept, index in self._kept if kept == content_hash))

    def forget(self, content_hash: ContentHash) -> None:
        """Let go of a video's frames."""
        for key in [key for key in self._kept if key[0] == content_hash]:
            del self._kept[key]

    def clear(self) -> None:
        self._kept.clear()

    def __len__(self) -> int:
        return len(self._kept)
