"""SAM 2's own video predictor, run on the frames that our engine gets, as the reference for parity."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from types import TracebackType
from typing import Self, cast

import cv2
import numpy as np
import pytest
import sam2.sam2_video_predictor as upstream
import torch
from numpy.typing import NDArray
from torch import Tensor

from backend.adapters.sam2.frames import image_tensor
from backend.domain.geometry import FrameSize, RgbFrame
from backend.domain.prompts import FramePrompt, PromptSet
from backend.domain.video import ContentHash, FrameIndex, FrameRange, VideoInfo
from tests.fakes.models import IMAGE_SIZE, random_predictor

SIZE = FrameSize(96, 64)
Logits = dict[int, NDArray[np.float32]]
"""Mask logits at the video's size, [H, W], by frame index."""


class PanningVideo:
    """A VideoSource that pans over a blotchy picture: every frame differs from every other."""

    def __init__(self, frame_count: int) -> None:
        self._info = VideoInfo(ContentHash(f"{frame_count:064x}"), SIZE, frame_count, Fraction(25))
        noise = np.random.default_rng(0).integers(0, 255, (SIZE.height, SIZE.width + frame_count, 3))
        smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 3)
        self._picture: RgbFrame = ((smooth - smooth.mean()) * 4 + 128).clip(0, 255).astype(np.uint8)
        self.read: list[int] = []

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def timestamps_s(self) -> Sequence[float]:
        return [index / 25 for index in range(self._info.frame_count)]

    def frame(self, index: FrameIndex) -> RgbFrame:
        self._info.require_frame(index)
        self.read.append(index)
        shown: RgbFrame = self._picture[:, index : index + SIZE.width].copy()
        return shown

    def frames(self, span: FrameRange, *, backward: bool = False) -> Iterator[tuple[FrameIndex, RgbFrame]]:
        indices = range(span.start, span.stop)
        for index in reversed(indices) if backward else indices:
            yield FrameIndex(index), self.frame(FrameIndex(index))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class _LazyImages:
    """The frames in the form that the predictor indexes, made when asked for."""

    def __init__(self, video: PanningVideo) -> None:
        self._video = video

    def __len__(self) -> int:
        return self._video.info.frame_count

    def __getitem__(self, index: int) -> Tensor:
        frame = self._video.frame(FrameIndex(index))
        return image_tensor(frame, image_size=IMAGE_SIZE, device=torch.device("cpu"))[0]


class Oracle:
    """One session of the upstream predictor."""

    def __init__(self, video: PanningVideo, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(upstream, "load_video_frames", lambda **_: (_LazyImages(video), SIZE.height, SIZE.width))
        monkeypatch.setattr(upstream, "tqdm", lambda frames, **_: frames)
        self.predictor = random_predictor()
        self.state = self.predictor.init_state("")

    def prompt(self, prompts: PromptSet) -> dict[str, Logits]:
        """Give all prompts; returns the answer to each, by object."""
        answers: dict[str, Logits] = {object_id: {} for object_id in prompts.object_ids}
        for prompt in prompts:
            _, object_ids, logits = self._add(prompt)
            position = object_ids.index(prompt.object_id)
            answers[prompt.object_id][prompt.frame_index] = logits[position, 0].numpy()
        return answers

    def propagate(self, *, backward: bool = False, start: int | None = None) -> dict[str, Logits]:
        tracked: dict[str, Logits] = {}
        for frame_index, object_ids, logits in self.predictor.propagate_in_video(
            self.state, reverse=backward, start_frame_idx=start
        ):
            for position, object_id in enumerate(object_ids):
                tracked.setdefault(object_id, {})[frame_index] = logits[position, 0].numpy()
        return tracked

    def regard_as_tracked(self, object_id: str, frame_index: int) -> None:
        """Make the next prompt on this frame a correction in the light of memory, as after a propagation."""
        self.predictor.propagate_in_video_preflight(self.state)
        slot = self.state["obj_id_to_idx"][object_id]
        self.state["frames_tracked_per_obj"][slot][frame_index] = {"reverse": False}

    def _add(self, prompt: FramePrompt) -> tuple[int, list[str], Tensor]:
        common = {"frame_idx": prompt.frame_index, "obj_id": prompt.object_id}
        if prompt.mask is not None:
            answer = self.predictor.add_new_mask(self.state, mask=prompt.mask, **common)
        else:
            clicks = [[click.point.x_rel, click.point.y_rel] for click in prompt.points]
            box = prompt.box
            answer = self.predictor.add_new_points_or_box(
                self.state,
                points=np.asarray(clicks, np.float32) if clicks else None,
                labels=np.asarray([int(click.positive) for click in prompt.points], np.int32) if clicks else None,
                box=None if box is None else np.asarray([box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel], np.float32),
                normalize_coords=False,
                **common,
            )
        return cast(tuple[int, list[str], Tensor], answer)
