"""The compression of a memory: which latent reads which pixels."""

from __future__ import annotations

import torch

from backend.adapters.sam2.trackers.perceiver import SpatialPerceiver


def perceiver() -> SpatialPerceiver:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = SpatialPerceiver(width=8, plain=3, placed=4, depth=2, heads=2, mlp_width=16)
        torch.nn.init.normal_(made.latents_1d)
        torch.nn.init.normal_(made.latents_2d)
    return made.eval().requires_grad_(False)


def test_placed_latents_read_their_own_window_and_plain_ones_the_whole_map() -> None:
    made = perceiver()
    assert (made.plain, made.side) == (3, 2)
    generator = torch.Generator().manual_seed(1)
    features, places = (torch.randn(2, 8, 6, 6, generator=generator) for _ in range(2))
    whole = made(features, places[:1])
    assert whole.shape == (2, 7, 8)
    changed = features.clone()
    changed[1, 0, 4, 1] += 1  # the window of row 1, column 0
    differs = (made(changed, places[:1]) - whole).abs().amax(dim=2) > 1e-5
    assert differs.tolist() == [[False] * 7, [True, True, True, False, False, True, False]]


def test_places_change_the_plain_latents_only() -> None:
    made, features = perceiver(), torch.ones(1, 8, 4, 4)
    without, with_places = (made(features, places) for places in (torch.zeros(1, 8, 4, 4), torch.ones(1, 8, 4, 4)))
    differs = (with_places - without).abs().amax(dim=2)[0] > 1e-5
    assert differs.tolist() == [True] * 3 + [False] * 4
