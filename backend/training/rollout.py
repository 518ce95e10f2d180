"""Runs clips through the model as in inference: prompt, encode memory, propagate, correct.

Calls SAM2Base's own methods, so that gradients flow through the memory. A hook on the mask decoder keeps all candidates
before the presence gate overwrites them. All objects of a clip share its image features.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from backend.training.losses import FrameLoss, frame_loss
from backend.training.prompts import Points

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
# Inference clips are longer than sixteen frames, for which pointer ages are divided by fifteen.
NOMINAL_FRAMES = 10_000


@dataclass
class DecoderTap:
    """The last raw output of the mask decoder: candidates [B, M, h, w], ious [B, M], presence [B, 1]."""

    model: SAM2Base
    candidates: Tensor = field(init=False)
    ious: Tensor = field(init=False)
    presence: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.handle = self.model.sam_mask_decoder.register_forward_hook(self._keep)

    def _keep(self, _module: object, _inputs: object, output: tuple[Tensor, Tensor, Tensor, Tensor]) -> None:
        self.candidates, self.ious, _, self.presence = output


def to_images(frames: NDArray[np.uint8], device: torch.device) -> Tensor:
    """Frames uint8 [F, H, W, 3] as normalised float32 [F, 3, H, W], as in SAM 2."""
    images = torch.from_numpy(frames).to(device).permute(0, 3, 1, 2).float().div_(255)
    mean = torch.tensor(MEAN, device=device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=device).view(1, 3, 1, 1)
    return ((images - mean) / std).contiguous()


def to_point_inputs(points: Points, device: torch.device) -> dict[str, Tensor]:
    """Points as SAM2Base takes them."""
    return {
        "point_coords": torch.from_numpy(points.xy_px).to(device),
        "point_labels": torch.from_numpy(points.labels).to(device),
    }


@dataclass(frozen=True, slots=True, eq=False)
class FrameFeatures:
    """Image features of F frames as SAM2Base takes them: levels [HW, F, C], finest first, and their position encodings.

    positions has the coarsest level's alone if the features were kept: the model reads no other.
    """

    levels: list[Tensor]
    positions: list[Tensor]
    sizes: list[tuple[int, int]]


def encode_frames(model: SAM2Base, frames: NDArray[np.uint8]) -> FrameFeatures:
    """Features of frames uint8 [F, S, S, 3] RGB, with gradients if the encoder has them."""
    backbone = model.forward_image(to_images(frames, model.device))
    _, levels, positions, sizes = model._prepare_backbone_features(backbone)
    return FrameFeatures(levels, positions, sizes)


class Rollout:
    """Runs B objects through clips of T frames.

    features: of all clips' frames, clip after clip. clip_of_row: int64 [B], the clip of each object. truth_px: bool
    [B, T, H, W].
    """

    def __init__(
        self,
        model: SAM2Base,
        tap: DecoderTap,
        features: FrameFeatures,
        clip_of_row: NDArray[np.int64],
        truth_px: NDArray[np.bool_],
        alpha: float,
    ) -> None:
        self.model, self.tap, self.alpha = model, tap, alpha
        self.device = model.device
        self.feats, self.positions, self.feat_sizes = features.levels, features.positions, features.sizes
        self.clip_of_row = torch.from_numpy(clip_of_row).to(self.device)
        self.truth_px = truth_px
        self.n_frames = truth_px.shape[1]
        truth = torch.from_numpy(truth_px.astype(np.float32)).to(self.device)
        self.truth = F.avg_pool2d(truth, 2)  # [B, T, H/2, W/2]
        self.memory: dict[str, dict[int, dict[str, Tensor]]] = {
            "cond_frame_outputs": {},
            "non_cond_frame_outputs": {},
        }

    def frame_features(self, t: int) -> tuple[list[Tensor], list[Tensor]]:
        """Features and position encodings of frame ``t`` of every object's clip, each [HW, B, C]."""
        rows = self.clip_of_row * self.n_frames + t
        return [x[:, rows] for x in self.feats], [x[:, rows] for x in self.positions]

    def step(
        self,
        t: int,
        index: int,
        *,
        points: Points | None = None,
        mask: Tensor | None = None,
        previous: Tensor | None = None,
        initial: bool = False,
        remember: bool = True,
    ) -> dict[str, Tensor]:
        """Runs frame ``t`` under the frame index ``index``; a prompted frame becomes a conditioning frame."""
        feats, positions = self.frame_features(t)
        out: dict[str, Tensor] = self.model.track_step(
            frame_idx=index,
            is_init_cond_frame=initial,
            current_vision_feats=feats,
            current_vision_pos_embeds=positions,
            feat_sizes=self.feat_sizes,
            point_inputs=None if points is None else to_point_inputs(points, self.device),
            mask_inputs=mask,
            output_dict=self.memory,
            num_frames=NOMINAL_FRAMES,
            run_mem_encoder=remember,
            prev_sam_mask_logits=previous,
        )
        if remember:
            self.keep(index, out, prompted=points is not None or mask is not None)
        return out

    def keep(self, index: int, out: dict[str, Tensor], *, prompted: bool) -> None:
        """Adds an output to the memory bank."""
        self.memory["cond_frame_outputs" if prompted else "non_cond_frame_outputs"][index] = out

    def loss(self, t: int, counted: Tensor, weight: Tensor | None = None) -> FrameLoss:
        """The loss of the decoder's last output on frame ``t``."""
        output = (self.tap.candidates, self.tap.ious, self.tap.presence)
        return frame_loss(*output, self.truth[:, t : t + 1], counted, self.alpha, weight)

    def returned(self, t: int) -> Tensor:
        """1 for objects visible on frame ``t`` and fully hidden on an earlier frame, else 0: float [B]."""
        visible: NDArray[np.bool_] = np.asarray(self.truth_px.any((2, 3)))
        returned = visible[:, t] & ~visible[:, :t].all(1)
        return torch.from_numpy(returned.astype(np.float32)).to(self.device)

    def predicted_px(self, out: dict[str, Tensor]) -> NDArray[np.bool_]:
        """The chosen mask of every object, bool [B, H, W]."""
        return (out["pred_masks_high_res"][:, 0] > 0).cpu().numpy()


class ClipRollout(Rollout):
    """A batch of scenes; all have the same numbers of frames and objects.

    ``frames`` uint8 [S, T, H, W, 3]; ``masks`` bool [S, T, N, H, W]. The batch axis is B = S * N.
    """

    def __init__(
        self, model: SAM2Base, tap: DecoderTap, frames: NDArray[np.uint8], masks: NDArray[np.bool_], alpha: float
    ) -> None:
        self.scenes, _, self.n_objects = masks.shape[:3]
        features = encode_frames(model, frames.reshape(-1, *frames.shape[2:]))
        clips = np.repeat(np.arange(self.scenes), self.n_objects)
        by_object = masks.transpose(0, 2, 1, 3, 4)
        super().__init__(model, tap, features, clips, by_object.reshape(-1, *by_object.shape[2:]), alpha)
