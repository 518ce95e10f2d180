"""transformers' trackers on our engine's frames: the references of the engine's EdgeTAM and SAM 3.

Prompts come before the propagation, as in the comparison with sam2. Each object has a session of its own, because a
prompt's frame is run for all objects of a session. transformers gives no earlier mask to a click that corrects one, so
`correct` calls its steps with that mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TypeAlias

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from transformers import (
    EdgeTamVideoInferenceSession,
    EdgeTamVideoModel,
    Sam3TrackerVideoInferenceSession,
    Sam3TrackerVideoModel,
)

from backend.adapters.sam2.engine import Sam2Engine
from backend.adapters.sam2.features.preprocess import image_tensor
from backend.adapters.sam2.model.tensors import MEAN, STD
from backend.domain.prompts import FramePrompt, PromptSet
from backend.domain.video import Direction, FrameIndex
from scripts.benchmarks.engine_figures.cases import SIZE, ParityCase
from scripts.benchmarks.engine_figures.models import Pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.parity import MAX_LOGIT_DIFFERENCE, Agreement, compared, our_logits
from scripts.benchmarks.engine_figures.upstream import Logits

FRAMES = 18
"""More than the window of object pointers (16 frames), so that pruning is active."""
_BOX_START, _BOX_END = 2, 3
_LOGIT_CLAMP = 32.0

TrackerModel: TypeAlias = EdgeTamVideoModel | Sam3TrackerVideoModel


class TransformersSession:
    """One session of transformers' model: one object, or several that are prompted on the same frames."""

    def __init__(self, model: TrackerModel, frames: int) -> None:
        self._model = model
        video = PanningVideo(frames, SIZE)
        device = torch.device("cpu")
        images = [
            image_tensor(video.frame(FrameIndex(index)), image_size=model.image_size, device=device)[0]
            for index in range(frames)
        ]
        is_sam3 = isinstance(model, Sam3TrackerVideoModel)
        kind = Sam3TrackerVideoInferenceSession if is_sam3 else EdgeTamVideoInferenceSession
        stacked = torch.stack(images)
        self._session = kind(
            sam3_normalised(stacked) if is_sam3 else stacked,
            SIZE.height,
            SIZE.width,
            dtype=torch.float32,
            max_vision_features_cache_size=frames,
        )

    def prompt(self, prompts: PromptSet) -> None:
        """Adds prompts that locate their objects, and decodes them."""
        for frame in prompts.prompted_frames:
            for prompt in prompts.on_frame(frame):
                self._add(prompt)
            self._model(self._session, frame_idx=int(frame))

    def correct(self, prompt: FramePrompt) -> None:
        """Adds clicks that correct the mask which the object's prompted frames give on this frame."""
        slot, frame = self._session.obj_id_to_idx(prompt.object_id), int(prompt.frame_index)
        common = {
            "inference_session": self._session,
            "obj_idx": slot,
            "frame_idx": frame,
            "batch_size": 1,
            "is_init_cond_frame": False,
            "mask_inputs": None,
            "reverse": False,
        }
        is_sam3 = isinstance(self._model, Sam3TrackerVideoModel)
        before, now = ({}, {}) if is_sam3 else ({"run_mem_encoder": False}, {"run_mem_encoder": True})
        with torch.inference_mode():
            expected = self._model._run_single_frame_inference(point_inputs=None, **before, **common)
            corrected = self._model._run_single_frame_inference(
                point_inputs=self._points(prompt),
                prev_sam_mask_logits=expected["pred_masks"].clamp(-_LOGIT_CLAMP, _LOGIT_CLAMP),
                **now,
                **common,
            )
            masks, presence = corrected.get("high_res_masks"), corrected["object_score_logits"]
            self._session.store_output(slot, frame, output_value=corrected, is_conditioning_frame=True)
            if is_sam3:
                self._model._batch_encode_memories(self._session, frame, [slot], [masks], [presence], [True])

    def propagate(self, *, backward: bool = False) -> dict[str, Logits]:
        """Mask logits [H, W] float32 at the video's size, by object and frame."""
        found: dict[str, Logits] = {}
        for output in self._model.propagate_in_video_iterator(self._session, reverse=backward):
            for object_id, logits in zip(output.object_ids, output.pred_masks, strict=True):
                found.setdefault(object_id, {})[output.frame_idx] = _at_video_size(logits)
        return found

    def _add(self, prompt: FramePrompt) -> None:
        slot, frame = self._session.obj_id_to_idx(prompt.object_id), int(prompt.frame_index)
        if prompt.mask is not None:
            side = self._model.image_size
            mask = torch.from_numpy(prompt.mask)[None, None].float()
            resized = F.interpolate(mask, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
            self._session.add_mask_inputs(slot, frame, (resized >= 0.5).float())
        else:
            self._session.add_point_inputs(slot, frame, self._points(prompt))
        self._session.obj_with_new_inputs.append(prompt.object_id)

    def _points(self, prompt: FramePrompt) -> Mapping[str, Tensor]:
        """Box corners, then clicks, in model pixels: [1, 1, P, 2] and [1, 1, P]."""
        coords: list[tuple[float, float]] = []
        labels: list[int] = []
        if prompt.box is not None:
            coords += [(prompt.box.x0_rel, prompt.box.y0_rel), (prompt.box.x1_rel, prompt.box.y1_rel)]
            labels += [_BOX_START, _BOX_END]
        for click in prompt.points:
            coords.append((click.point.x_rel, click.point.y_rel))
            labels.append(int(click.positive))
        points = torch.tensor([[coords]]) * self._model.image_size
        return {"point_coords": points, "point_labels": torch.tensor([[labels]], dtype=torch.int32)}


def reference_logits(
    model: TrackerModel, frames: int, prompts: PromptSet, *, backward: bool = False
) -> dict[str, Logits]:
    """Mask logits of each object in a session of its own."""
    found: dict[str, Logits] = {}
    for object_id in prompts.object_ids:
        session = TransformersSession(model, frames)
        session.prompt(prompts.of_object(object_id))
        found |= session.propagate(backward=backward)
    return found


def our_masks(on: Sam2Engine, prompts: PromptSet, direction: Direction = Direction.FORWARD) -> dict[str, Logits]:
    """The engine's mask logits over FRAMES frames, by object."""
    return our_logits(Pair(on, None, torch.device("cpu")), ParityCase(FRAMES, prompts, direction))


def assert_same(found: Agreement) -> None:
    assert found.has_varied_masks, found
    assert found.holds, found


def differs(one: dict[str, Logits], other: dict[str, Logits]) -> bool:
    return compared(one, other).logit_max > 10 * MAX_LOGIT_DIFFERENCE


def vary_weights(model: TrackerModel) -> None:
    """Scales the weights in place: fresh ones give empty masks, and memories that change nothing."""
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            fan_in = parameter[0].numel()
            parameter.normal_(0.0, (2.0 if "memory_attention" in name else 1.0) / fan_in**0.5)
    for name in (
        "no_memory_embedding",
        "memory_temporal_positional_encoding",
        "no_object_pointer",
        "occlusion_spatial_embedding_parameter",
    ):
        getattr(model, name).normal_(0.0, 0.3)
    for layer in model.memory_encoder.memory_fuser.layers:
        layer.scale.fill_(0.3)
    decoder = model.mask_decoder
    decoder.pred_obj_score_head.proj_out.bias.fill_(1.0)
    for head in decoder.output_hypernetworks_mlps:
        head.proj_out.weight.mul_(4.0)
        head.proj_out.bias.normal_(0.0, 1.0)
    model.shared_image_embedding.positional_embedding.normal_(0.0, 1.0)
    model.prompt_encoder.shared_embedding.positional_embedding.copy_(model.shared_image_embedding.positional_embedding)


def as_sam2_encodes_masks(model: TrackerModel, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes transformers take a mask prompt as sam2's predictor and Masklet do: see docs/trackers.md."""
    decode, encode = model._single_frame_forward, model._encode_new_memory
    one = partial(decode, multimask_output=False)
    monkeypatch.setattr(
        model, "_single_frame_forward", lambda **given: (decode if "multimask_output" in given else one)(**given)
    )

    def encoded(
        current_vision_feats: Tensor, pred_masks_high_res: Tensor, object_score_logits: Tensor, is_mask_from_pts: bool
    ) -> object:
        """Encodes a mask prompt as it is kept: with four pixels a pixel of the coarse feature map."""
        masks, side = pred_masks_high_res, pred_masks_high_res.size(-1)
        if is_mask_from_pts:
            kept = model.prompt_encoder.mask_input_size
            small = F.interpolate(masks, size=kept, mode="bilinear", antialias=True)
            masks = F.interpolate(small, size=(side, side), mode="bilinear")
        return encode(
            current_vision_feats=current_vision_feats,
            pred_masks_high_res=masks,
            object_score_logits=object_score_logits,
            is_mask_from_pts=is_mask_from_pts,
        )

    monkeypatch.setattr(model, "_encode_new_memory", encoded)


def sam3_normalised(images: Tensor) -> Tensor:
    """Images [B, 3, S, S], normalised as SAM 2's, as SAM 3 has them: from -1 to 1. Rounded as the engine rounds."""
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) for values in (MEAN, STD))
    return images * (deviation / 0.5) + (mean - 0.5) / 0.5


def _at_video_size(logits: Tensor) -> NDArray[np.float32]:
    full = F.interpolate(logits[None].float(), size=(SIZE.height, SIZE.width), mode="bilinear")
    return full[0, 0].numpy()
