"""Decoded frames and masks to model input: resizing and normalisation."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from backend.adapters.sam2.model.tensors import MEAN, STD
from backend.adapters.sam2.runtime.device import to_device
from backend.domain.geometry import BoolMask, RgbFrame


def image_tensor(frame: RgbFrame, *, image_size: int, device: torch.device) -> Tensor:
    """A frame [H, W, 3] uint8 RGB to model input [1, 3, S, S] float32, normalised.

    Resized to a square with antialiased bilinear interpolation, as in SAM 2's training, on the device.
    """
    pixels = _on_device(frame, device)
    image = pixels.permute(2, 0, 1)[None].float() / 255.0
    size = (image_size, image_size)
    if image.shape[-2:] != size:
        image = F.interpolate(image, size=size, mode="bilinear", align_corners=False, antialias=True)
    return (image - _per_channel(MEAN, device)) / _per_channel(STD, device)


def mask_tensor(mask: BoolMask, *, image_size: int, device: torch.device) -> Tensor:
    """A mask [H, W] bool to model input [1, 1, S, S] float32 of zeros and ones."""
    pixels = _on_device(mask, device)[None, None].float()
    size = (image_size, image_size)
    if pixels.shape[-2:] == size:
        return pixels
    resized = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False, antialias=True)
    return (resized >= 0.5).float()


@lru_cache(maxsize=8)
def _per_channel(values: tuple[float, ...], device: torch.device) -> Tensor:
    """[1, 3, 1, 1] float32, cached: a tensor from Python numbers synchronises with the GPU."""
    return torch.tensor(values, device=device).view(1, -1, 1, 1)


def _on_device(pixels: RgbFrame | BoolMask, device: torch.device) -> Tensor:
    return to_device(torch.from_numpy(np.require(pixels, requirements=("C", "W"))), device)
