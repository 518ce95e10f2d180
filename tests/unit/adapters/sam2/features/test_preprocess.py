"""Frames and masks to tensors."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.adapters.sam2.features.preprocess import image_tensor, mask_tensor

CPU = torch.device("cpu")


def test_a_grey_frame_is_normalised_channel_by_channel() -> None:
    image = image_tensor(np.full((3, 5, 3), 128, np.uint8), image_size=4, device=CPU)
    assert image.shape == (1, 3, 4, 4)
    expected = [(128 / 255 - mean) / std for mean, std in ((0.485, 0.229), (0.456, 0.224), (0.406, 0.225))]
    assert image[0, :, 2, 1].tolist() == pytest.approx(expected, abs=1e-5)


def test_shrinking_is_antialiased() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    image = image_tensor(stripes, image_size=8, device=CPU)
    assert float(image[0, :, 4, 2:6].std(dim=1).max()) < 1e-5


def test_a_read_only_frame_is_accepted() -> None:
    frame = np.zeros((4, 4, 3), np.uint8)
    frame.setflags(write=False)
    assert image_tensor(frame, image_size=4, device=CPU).shape == (1, 3, 4, 4)


def test_masks_become_zeros_and_ones() -> None:
    mask = np.zeros((8, 8), bool)
    mask[:, :3] = True
    assert mask_tensor(mask, image_size=8, device=CPU).sum() == 24
    assert set(mask_tensor(mask, image_size=4, device=CPU).flatten().tolist()) == {0.0, 1.0}
    assert mask_tensor(mask, image_size=4, device=CPU)[0, 0, 1].tolist() == [1.0, 1.0, 0.0, 0.0]
