"""The batch of a step: frames and labels of a few clips. A function of the seed and the step alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import InvalidInput
from backend.training.samples.features import Key
from backend.training.samples.variants import Variant, draw_variant
from backend.training.samples.videos import KeptVideo, PictureFolder

Rng = np.random.Generator

SMALLEST_SHARE = 0.0015
"""Of the frame: a smaller object is not prompted."""

SINGLE_SHARE = 0.4
REPLAY_SHARE = 0.5
LENGTHS = (3, 4, 5, 6)
OBJECTS_OF_A_CLIP = 3
TRIES = 60


@dataclass(frozen=True, slots=True, eq=False)
class LabelledBatch:
    """C clips of T frames with B objects. keys: C * T frames, clip after clip. clip_of_row: int64 [B].

    truth_px: bool [B, T, S, S], all False where an object is absent or unknown. known: bool [B, T], whether it is
    labelled there; always on the first frame, where each object shows.
    """

    keys: list[Key]
    clip_of_row: NDArray[np.int64]
    truth_px: NDArray[np.bool_]
    known: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class BatchPlan:
    """image_size: side of the model's image in pixels. variants: of each video. rows: the fewest objects of a batch."""

    seed: int
    image_size: int
    variants: int
    rows: int


class Batches:
    """Draws batches from the videos of a project and from replayed clips."""

    def __init__(
        self, plan: BatchPlan, videos: Sequence[KeptVideo], replayed: Sequence[KeptVideo], pictures: PictureFolder
    ) -> None:
        self.plan, self._videos, self._replayed, self._pictures = plan, videos, replayed, pictures

    def draw(self, step: int) -> LabelledBatch:
        """The batch of a step. Raises InvalidInput if no object is large enough in any variant that was tried."""
        rng = np.random.default_rng((self.plan.seed, 71, step))
        pool = self._replayed if self._replayed and rng.random() < REPLAY_SHARE else self._videos
        length = 1 if rng.random() < SINGLE_SHARE else int(rng.choice(LENGTHS))
        clips: list[tuple[list[Key], NDArray[np.bool_], NDArray[np.bool_]]] = []
        for _ in range(TRIES):
            clip = self._draw_clip(rng, pool[int(rng.integers(len(pool)))], length)
            if clip is not None:
                clips.append(clip)
            if sum(len(known) for _, _, known in clips) >= self.plan.rows:
                break
        if not clips:
            raise InvalidInput(
                f"no labelled object covers {SMALLEST_SHARE:.2%} of its frame: label larger objects, or crop the videos"
            )
        return LabelledBatch(
            keys=[key for keys, _, _ in clips for key in keys],
            clip_of_row=np.concatenate([np.full(len(clip[2]), number, np.int64) for number, clip in enumerate(clips)]),
            truth_px=np.concatenate([truth for _, truth, _ in clips]),
            known=np.concatenate([known for _, _, known in clips]),
        )

    def pixels(self, key: Key) -> NDArray[np.uint8]:
        """The frame of a key, uint8 [S, S, 3] RGB."""
        video, frame, number = key
        variant = draw_variant(self.plan.seed, video, number)
        return variant.frame(self._pictures.read(video, frame), self.plan.image_size, frame)

    def _draw_clip(
        self, rng: Rng, video: KeptVideo, length: int
    ) -> tuple[list[Key], NDArray[np.bool_], NDArray[np.bool_]] | None:
        """Frames of a clip, and its objects' masks [N, T, S, S] and known [N, T]; None if no object is large enough."""
        number = int(rng.integers(self.plan.variants))
        variant = draw_variant(self.plan.seed, video.number, number)
        frames = draw_path(rng, video, length)
        shown = [
            name
            for name in rng.permutation(np.array(video.objects, object)).tolist()
            if self._mask(video, variant, frames[0], name)[0].mean() > SMALLEST_SHARE
        ][:OBJECTS_OF_A_CLIP]
        if not shown:
            return None
        side = self.plan.image_size
        truth = np.zeros((len(shown), length, side, side), np.bool_)
        known = np.zeros((len(shown), length), np.bool_)
        for row, name in enumerate(shown):
            for t, frame in enumerate(frames):
                truth[row, t], known[row, t] = self._mask(video, variant, frame, name)
        return [(video.number, frame, number) for frame in frames], truth, known

    def _mask(self, video: KeptVideo, variant: Variant, frame: int, name: str) -> tuple[NDArray[np.bool_], bool]:
        side = self.plan.image_size
        mask = video.mask(frame, name)
        if mask is None:
            return np.zeros((side, side), np.bool_), False
        return variant.mask(mask, side), True


def draw_path(rng: Rng, video: KeptVideo, length: int) -> list[int]:
    """Frame indices of a clip: from a labelled frame to the next ones, forward or backward, turning at the ends.

    Some of the unlabelled frames between two labelled ones are among them.
    """
    labelled = sorted(video.labels)
    at = int(rng.integers(len(labelled)))
    step = 1 if rng.random() < 0.5 else -1
    path = [labelled[at]]
    while len(path) < length:
        if len(labelled) > 1 and not 0 <= at + step < len(labelled):
            step = -step
        goal = at + step if len(labelled) > 1 else at
        between = _between(video.frames, labelled[at], labelled[goal])
        count = int(rng.integers(min(len(between), length - len(path) - 1) + 1))
        if count:
            path += [between[int(place)] for place in np.sort(rng.choice(len(between), count, replace=False))]
        path.append(labelled[goal])
        at = goal
    return path


def _between(frames: Sequence[int], one: int, other: int) -> list[int]:
    """The kept frames between two labelled ones in the order of the path; all others if they are the same."""
    if one == other:
        return [frame for frame in frames if frame != one]
    low, high = min(one, other), max(one, other)
    found = [frame for frame in frames if low < frame < high]
    return found if one < other else found[::-1]
