"""The two sides of the engine's benchmark: ours and SAM 2's own predictor, with the same weights and frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import cv2
import numpy as np
import sam2.sam2_video_predictor as upstream
import torch
import torch.nn.functional as F
from hydra.utils import instantiate
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base

from backend.adapters.sam2.checkpoints import SHIPPED_DIR, find
from backend.adapters.sam2.device import computing
from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.frames import image_tensor
from backend.adapters.sam2.loading import build_model, load_model, model_config
from backend.adapters.sam2.state import Sam2Blocks
from backend.application.offline import NeverCancelled
from backend.application.requests import ModelInfo
from backend.domain.errors import ModelError
from backend.domain.geometry import Box, FrameSize, RgbFrame
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange, VideoInfo

SIZE = FrameSize(320, 180)
Logits = dict[tuple[str, int], NDArray[np.float32]]
"""Mask logits at the video's size, by object and frame."""


class PanningVideo:
    """A VideoSource that pans over a blotchy picture, from memory: decoding is not what is measured."""

    def __init__(self, frame_count: int) -> None:
        self._info = VideoInfo(ContentHash(f"{frame_count:064x}"), SIZE, frame_count, Fraction(25))
        noise = np.random.default_rng(0).integers(0, 255, (SIZE.height, SIZE.width + frame_count, 3))
        smooth = cv2.GaussianBlur(noise.astype(np.float32), (0, 0), 6)
        self._picture: RgbFrame = ((smooth - smooth.mean()) * 8 + 128).clip(0, 255).astype(np.uint8)

    @property
    def info(self) -> VideoInfo:
        return self._info

    @property
    def timestamps_s(self) -> Sequence[float]:
        return [index / 25 for index in range(self._info.frame_count)]

    def frame(self, index: FrameIndex) -> RgbFrame:
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


@dataclass(frozen=True, slots=True)
class Pair:
    """Our engine and upstream's predictor with the same weights."""

    engine: Sam2Engine
    predictor: upstream.SAM2VideoPredictor
    device: torch.device


def make_pair(wanted: str, device: torch.device) -> Pair:
    """Both sides from a checkpoint's name, or with random weights: for `random`, and for a demo that is not there."""
    name, model, config = _model(wanted)
    settings = model_config(config)
    settings["_target_"] = "sam2.sam2_video_predictor.SAM2VideoPredictor"
    settings.update({"fill_hole_area": 0, "add_all_frames_to_correct_as_cond": True})
    predictor = cast(upstream.SAM2VideoPredictor, instantiate(settings, _recursive_=True))
    predictor.load_state_dict(model.state_dict())
    info = ModelInfo(name, name, int(model.image_size), str(device), is_demo=True)
    engine = Sam2Engine(Sam2Blocks(model.to(device)), info)
    return Pair(engine, predictor.to(device).eval().requires_grad_(False), device)


def boxes(count: int, *, frame: int) -> PromptSet:
    """That many objects, each with a box of its own on one frame."""
    prompts = [
        FramePrompt(
            ObjectId(f"object {i}"), FrameIndex(frame), box=Box(0.1 + 0.12 * i, 0.2, 0.35 + 0.12 * i, 0.7 + 0.05 * i)
        )
        for i in range(count)
    ]
    return PromptSet.of(prompts, {})


def whole(frame_count: int) -> FrameRange:
    return FrameRange(FrameIndex(0), FrameIndex(frame_count))


def run_ours(pair: Pair, video: PanningVideo, prompts: PromptSet) -> None:
    for _ in pair.engine.propagate(video, prompts, direction=Direction.FORWARD, cancel=NeverCancelled()):
        pass


def run_upstream(pair: Pair, video: PanningVideo, prompts: PromptSet) -> None:
    with computing(pair.device):
        state = _upstream_state(pair, video, prompts)
        for _, _, logits in pair.predictor.propagate_in_video(state):
            (logits > 0).cpu()


def our_logits(pair: Pair, video: PanningVideo, prompts: PromptSet) -> Logits:
    """Of every object on every frame, forward and backward."""
    found: Logits = {}
    span = whole(video.info.frame_count)
    for frame_index, items in pair.engine.track(
        video, prompts, direction=Direction.BOTH, span=span, cancel=NeverCancelled()
    ):
        for item in items:
            full = F.interpolate(item.decoded.logits, size=(SIZE.height, SIZE.width), mode="bilinear")
            found[item.track.object_id, frame_index] = full[0, 0].float().cpu().numpy()
    return found


def upstream_logits(pair: Pair, video: PanningVideo, prompts: PromptSet) -> Logits:
    """Of every object on every frame, forward and backward."""
    found: Logits = {}
    with computing(pair.device):
        state = _upstream_state(pair, video, prompts)
        for backward in (False, True):
            for frame_index, object_ids, logits in pair.predictor.propagate_in_video(state, reverse=backward):
                for position, object_id in enumerate(object_ids):
                    found.setdefault((object_id, frame_index), logits[position, 0].float().cpu().numpy())
    return found


class _Images:
    """The frames as the predictor indexes them, made when asked for, by our one way of resizing."""

    def __init__(self, video: PanningVideo, pair: Pair) -> None:
        self._video, self._pair = video, pair

    def __len__(self) -> int:
        return self._video.info.frame_count

    def __getitem__(self, index: int) -> torch.Tensor:
        size = self._pair.engine.model.image_size
        return image_tensor(self._video.frame(FrameIndex(index)), image_size=size, device=self._pair.device)[0]


def _upstream_state(pair: Pair, video: PanningVideo, prompts: PromptSet) -> dict[str, object]:
    upstream.load_video_frames = lambda **_: (_Images(video, pair), SIZE.height, SIZE.width)
    upstream.tqdm = lambda frames, **_: frames
    state = cast(dict[str, object], pair.predictor.init_state(""))
    for prompt in prompts:
        box = prompt.box
        assert box is not None
        pair.predictor.add_new_points_or_box(
            state,
            frame_idx=prompt.frame_index,
            obj_id=prompt.object_id,
            box=np.asarray([box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel], np.float32),
            normalize_coords=False,
        )
    return state


def _model(name: str) -> tuple[str, SAM2Base, Path]:
    if name != "random":
        try:
            checkpoint = find(name, None)
            return checkpoint.version, load_model(checkpoint), checkpoint.config
        except ModelError:
            if name != "demo":
                raise
    config = SHIPPED_DIR / "demo.yaml"
    torch.manual_seed(20)
    model = build_model(config).eval().requires_grad_(False)
    # Fresh weights say "absent" and a faint mask everywhere; parity of empty masks would show nothing.
    decoder = model.sam_mask_decoder
    with torch.no_grad():
        decoder.pred_obj_score_head.layers[-1].bias.fill_(1.0)
        for head in decoder.output_hypernetworks_mlps:
            head.layers[-1].weight.mul_(40.0)
    return "random", model, config
