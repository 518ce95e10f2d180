"""Weights between the parent's and the trained ones, and what they lose."""

from __future__ import annotations

import pytest
import torch

from backend.training.mixed_weights import KeptJ, mixed


@pytest.mark.parametrize(("general", "drawn", "lost"), [(0.79, 0.9, 0.01), (0.81, 0.85, 0.05), (0.82, 0.91, -0.01)])
def test_the_larger_loss_of_both_kinds_counts(general: float, drawn: float, lost: float) -> None:
    assert KeptJ(0.8, 0.9).lost(KeptJ(general, drawn)) == pytest.approx(lost)


def test_weights_are_mixed_and_counts_are_the_trained_ones() -> None:
    parent = {"weight": torch.tensor([0.0, 1.0], dtype=torch.float16), "count": torch.tensor(3)}
    trained = {"weight": torch.tensor([1.0, 1.0]), "count": torch.tensor(5), "new": torch.tensor([2.0])}
    found = mixed(parent, trained, 0.25)
    assert {name: value.tolist() for name, value in found.items()} == {"weight": [0.25, 1.0], "count": 5, "new": [2.0]}
