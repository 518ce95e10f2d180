"""What a training learns from: approved frames, split by video, and batches of variants."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from backend.application.ports.engine import NeverCancelled
from backend.domain.errors import InvalidInput
from backend.training.samples.batches import Batches, BatchPlan, draw_path
from backend.training.samples.reading import keep_pictures, kept_frames, read_source, spread
from backend.training.samples.split import split_videos
from backend.training.samples.variants import draw_variant
from backend.training.samples.videos import KeptVideo, PictureFolder, read_videos, write_videos
from scripts.benchmarks.training_domain.source import ClipLabels
from tests.unit.training.labelled_clips import FRAMES, disc_clip, disc_labels

SIDE = 64


def videos_of(source: ClipLabels) -> list[KeptVideo]:
    return [video for _, video in read_source(source, NeverCancelled())]


def test_labels_are_read_with_frames_between_them() -> None:
    (video,) = videos_of(ClipLabels([disc_clip(1, absent=(2,))]))
    assert sorted(video.labels) == [0, 2, 4]
    assert video.frames == (0, 1, 2, 3, 4)
    gone, unknown = video.mask(2, "1"), video.mask(1, "1")
    assert gone is not None
    assert not gone.any()
    assert unknown is None
    assert kept_frames([5], 9) == (3, 5, 7)
    assert spread(range(9), 3) == [0, 4, 8]


def test_kept_videos_are_read_as_written(tmp_path: Path) -> None:
    videos = videos_of(disc_labels(2))
    write_videos(tmp_path / "videos.json", videos)
    assert read_videos(tmp_path / "videos.json") == videos


def test_a_split_never_shares_a_video() -> None:
    videos = videos_of(disc_labels(8))
    twice = [*videos, *(replace(video, number=50 + video.number) for video in videos)]
    learnt, held_out = split_videos(twice, seed=3)
    assert not {video.group for video in learnt} & {video.group for video in held_out}
    assert len({video.group for video in held_out}) == 2
    assert len(learnt) + len(held_out) == 16
    assert split_videos(twice[::-1], seed=3)[1][0].group in {video.group for video in held_out}


def test_labels_of_the_same_pictures_are_one_video() -> None:
    clip = disc_clip(1)
    copy = replace(clip, name="a copy", labelled=(1,))
    videos = videos_of(ClipLabels([clip, copy, disc_clip(2)]))
    assert videos[0].group == videos[1].group != videos[2].group


def test_too_few_videos_are_told() -> None:
    videos = videos_of(disc_labels(3))
    with pytest.raises(InvalidInput, match=r"3 videos .* \(9 frames\); a training needs 4: .* frames of 1 more"):
        split_videos(videos, seed=0)


def test_a_path_starts_and_goes_on_with_labelled_frames() -> None:
    (video,) = videos_of(ClipLabels([disc_clip(1)]))
    for seed in range(30):
        path = draw_path(np.random.default_rng(seed), video, 5)
        assert len(path) == 5
        assert path[0] in video.labels
        assert any(frame in video.labels for frame in path[1:])
        assert all(0 <= frame < FRAMES for frame in path)


def test_a_video_of_one_labelled_frame_has_a_path() -> None:
    (video,) = videos_of(ClipLabels([disc_clip(1, labelled=(3,))]))
    path = draw_path(np.random.default_rng(0), video, 4)
    assert len(path) == 4
    assert path[0] == 3


def test_a_batch_is_a_function_of_its_step(tmp_path: Path) -> None:
    source = ClipLabels([disc_clip(1, absent=(2,)), disc_clip(2)])
    found = read_source(source, NeverCancelled())
    pictures = PictureFolder(tmp_path, SIDE)
    keep_pictures(source, found, pictures, NeverCancelled())
    batches = Batches(BatchPlan(5, SIDE, 4, 3), [video for _, video in found], [], pictures)
    for step in range(6):
        batch, again = batches.draw(step), batches.draw(step)
        assert batch.keys == again.keys
        assert np.array_equal(batch.truth_px, again.truth_px)
        assert batch.known[:, 0].all()
        assert batch.truth_px[:, 0].any((1, 2)).all()
        assert not batch.truth_px[~batch.known].any()
        assert batches.pixels(batch.keys[0]).shape == (SIDE, SIDE, 3)


def test_a_variant_moves_pictures_and_masks_alike() -> None:
    mask = np.zeros((30, 40), np.bool_)
    mask[8:16, 10:25] = True
    square = np.zeros((80, 80, 3), np.uint8)
    square[round(8 / 30 * 80) : round(16 / 30 * 80), 20:50] = 255
    for number in range(5):
        variant = replace(draw_variant(3, 1, number), gain=np.ones(3, np.float32), offset=np.zeros(3, np.float32))
        variant = replace(variant, blur=0.0, noise=0.0, saturation=1.0)
        seen = variant.frame(square, SIDE, 0)[..., 0] > 127
        moved = variant.mask(mask, SIDE)
        assert (seen & moved).sum() / (seen | moved).sum() > 0.8
