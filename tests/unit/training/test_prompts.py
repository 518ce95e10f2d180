"""Simulated prompts: clicks on their regions, boxes around the object."""

import numpy as np

from backend.training import prompts


def two_squares() -> np.ndarray[tuple[int, int, int], np.dtype[np.bool_]]:
    masks = np.zeros((2, 40, 40), np.bool_)
    masks[0, 4:14, 4:14] = True
    masks[1, 20:36, 22:38] = True
    return masks


def test_a_click_lies_on_its_object() -> None:
    truth = two_squares()
    for seed in range(20):
        points = prompts.one_click(np.random.default_rng(seed), truth)
        for mask, (x, y) in zip(truth, points.xy_px[:, 0], strict=True):
            assert mask[int(y), int(x)]
        assert points.labels.tolist() == [[1], [1]]


def test_the_sign_of_a_correction() -> None:
    truth = two_squares()
    guess = truth.copy()
    guess[0] = False
    guess[1, 20:36, 2:22] = True
    points = prompts.corrective_click(np.random.default_rng(0), truth, guess, True)
    assert points.labels.tolist() == [[1], [0]]
    assert truth[0][tuple(points.xy_px[0, 0].astype(int)[::-1])]
    assert not truth[1][tuple(points.xy_px[1, 0].astype(int)[::-1])]


def test_a_box_without_jitter_is_the_tight_one() -> None:
    points = prompts.jittered_box(np.random.default_rng(0), two_squares(), 0.0)
    assert points.xy_px[0].tolist() == [[4, 4], [14, 14]]
    assert points.labels.tolist() == [[2, 3], [2, 3]]


def test_mixed_points_match_their_labels() -> None:
    truth = two_squares()
    points = prompts.mixed_points(np.random.default_rng(3), truth, 6)
    assert points.labels.shape == (2, 6)
    for mask, xy, labels in zip(truth, points.xy_px, points.labels, strict=True):
        assert labels[0] == 1
        assert [bool(mask[int(y), int(x)]) for x, y in xy] == [bool(label) for label in labels]
