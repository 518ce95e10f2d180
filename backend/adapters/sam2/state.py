"""SAM 2's building blocks as four plain steps: see, remember, recall, decode.

The only file that touches sam2's private parts; written against sam2 1.1.0, whose SAM2VideoPredictor is the
reference for every step. What the predictor throws away (candidates' predicted IoU, logits before the presence
gate) is kept here, for uncertainty is read from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from torch import Tensor, nn

from backend.adapters.sam2.device import precision_of
from backend.domain.errors import ModelError

SAM2_VERSION = "1.1.0"


@dataclass(frozen=True, slots=True, eq=False)
class ImageFeatures:
    """What the image encoder saw on one frame (or B): feature maps [B, C, H, W], finest first."""

    levels: tuple[Tensor, ...]

    @property
    def nbytes(self) -> int:
        return sum(level.nbytes for level in self.levels)

    def split(self) -> list[ImageFeatures]:
        """One for each frame, each with memory of its own."""
        count = self.levels[0].size(0)
        if count == 1:
            return [self]
        return [ImageFeatures(tuple(level[i : i + 1].clone() for level in self.levels)) for i in range(count)]


@dataclass(frozen=True, slots=True, eq=False)
class MemoryFrame:
    """One object's memory of one frame.

    features: [1, C, H, W] bfloat16 (as the reference stores it on every device), or None where only the pointer is
    still of use. pointer: [1, D].
    """

    features: Tensor | None
    pointer: Tensor

    def pointer_only(self) -> MemoryFrame:
        return MemoryFrame(None, self.pointer)


@dataclass(frozen=True, slots=True, eq=False)
class PointInputs:
    """Clicks and box corners of one object. coords: [1, P, 2] model pixels; labels: [1, P] int32.

    Labels are SAM's: 1 positive, 0 negative, 2 and 3 a box's first and second corner.
    """

    coords: Tensor
    labels: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """What the mask decoder says about B objects.

    logits: [B, 1, h, w] float32 mask logits, gated: NO_OBJ_SCORE where the object is absent. raw: the same before
    the gate. candidates: [B, M, h, w] mask logits before the gate, of which raw is one; M = 0 for mask prompts.
    predicted_ious: [B, M] float32, the chosen candidate first, then the others, best first. pointer: [B, D].
    presence: [B, 1] float32 logit.
    """

    logits: Tensor
    raw: Tensor
    candidates: Tensor
    predicted_ious: Tensor
    pointer: Tensor
    presence: Tensor


class Sam2Blocks:
    """The steps of tracking, over B objects at a time; keeps no state between calls."""

    def __init__(self, model: SAM2Base) -> None:
        _require_supported(model)
        # The reference runs every object by itself, so that this constraint never acts; batching must not wake it.
        model.non_overlap_masks_for_mem_enc = False
        self._model = model
        self.image_size = int(model.image_size)
        self._side = side = self.image_size // model.backbone_stride
        # The same for every frame; only the coarsest level's are ever read.
        self._image_positions = _positions(model.image_encoder.neck.position_encoding, side, model.device)
        self._memory_positions = _positions(model.memory_encoder.position_encoding, side, model.device)
        self.memory_horizon = int(model.num_maskmem) - 1
        self.pointer_horizon = int(model.max_obj_ptrs_in_encoder) - 1

    @property
    def feature_bytes(self) -> int:
        """What one frame's features take, at most: all levels in float32."""
        model = self._model
        coarse = int(model.hidden_dim) * self._side**2
        # The finer two levels have 2 and 4 times the side, and a quarter and an eighth of the channels.
        return 4 * coarse * (4 if model.use_high_res_features_in_sam else 1)

    @property
    def lookahead(self) -> int:
        """Frames worth encoding in one call: on a CPU one by one is as fast, and the first mask is there sooner."""
        return 4 if self.device.type == "cuda" else 1

    @property
    def runs_on(self) -> dict[str, str]:
        """What the results' last bits depend on besides weights and inputs."""
        return {
            "torch version": torch.__version__,
            "sam2 version": SAM2_VERSION,
            "image size": str(self.image_size),
            "kind of device": self.device.type,
            "precision": str(precision_of(self.device)).removeprefix("torch."),
            "thread count": str(torch.get_num_threads()),
        }

    @property
    def device(self) -> torch.device:
        return cast(torch.device, self._model.device)

    def see(self, image: Tensor) -> ImageFeatures:
        """image: [B, 3, S, S] float32, normalised."""
        encoded = self._model.forward_image(image)
        levels = encoded["backbone_fpn"][-self._model.num_feature_levels :]
        return ImageFeatures(tuple(levels))

    def recall_nothing(self, seen: ImageFeatures) -> Tensor:
        """The frame as if nothing had come before: [1, D, h, w]."""
        return self._condition(seen, {}, frame_index=0, frame_count=1, backward=False, batch=1)

    def recall(
        self, seen: ImageFeatures, memories: Sequence[Memories], *, frame_index: int, frame_count: int, backward: bool
    ) -> Tensor:
        """The frame in the light of each object's memories, which must be of the same frames: [B, D, h, w]."""
        joined = {
            "cond_frame_outputs": self._joined([memory.prompted for memory in memories]),
            "non_cond_frame_outputs": self._joined([memory.tracked for memory in memories]),
        }
        return self._condition(
            seen,
            joined,
            frame_index=frame_index,
            frame_count=frame_count,
            backward=backward,
            batch=len(memories),
        )

    def decode(
        self,
        conditioned: Tensor,
        seen: ImageFeatures,
        *,
        points: PointInputs | None = None,
        previous: Tensor | None = None,
        is_initial: bool = False,
    ) -> Decoded:
        """Masks from a conditioned frame [B, D, h, w].

        previous: [B, 1, h, w] mask logits that the points correct. is_initial: recalled nothing.
        """
        batch = conditioned.size(0)
        if batch > 1 and self._rounds_by_batch:
            return _stacked([self.decode(conditioned[row : row + 1], seen) for row in range(batch)])
        model = self._model
        coords, labels = self._point_tensors(points, batch)
        sparse, dense = model.sam_prompt_encoder(points=(coords, labels), boxes=None, masks=previous)
        given = None if points is None else {"point_coords": coords, "point_labels": labels}
        candidates, ious, tokens, presence = model.sam_mask_decoder(
            image_embeddings=conditioned,
            image_pe=model.sam_prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=model._use_multimask(is_initial, given),
            repeat_image=False,
            high_res_features=[level.expand(batch, -1, -1, -1) for level in seen.levels[:-1]] or None,
        )
        best = torch.argmax(ious, dim=-1)
        rows = torch.arange(batch, device=conditioned.device)
        raw = candidates[rows, best].unsqueeze(1).float()
        token = tokens[rows, best] if tokens.size(1) > 1 else tokens[:, 0]
        return Decoded(
            logits=torch.where((presence > 0)[:, None, None], raw, NO_OBJ_SCORE),
            raw=raw,
            candidates=candidates,
            predicted_ious=ious.float().sort(dim=-1, descending=True).values,
            pointer=self._pointer(token, presence),
            presence=presence.float(),
        )

    def decode_mask(self, seen: ImageFeatures, mask: Tensor) -> Decoded:
        """A person's mask [1, 1, S, S] (0 or 1, float32) taken as the output."""
        outputs = self._model._use_mask_as_output(seen.levels[-1], list(seen.levels[:-1]) or None, mask)
        _, _, _, logits, _, pointer, presence = outputs
        nothing = logits[:, :0]
        return Decoded(logits, logits, nothing, logits.new_zeros(1, 0), pointer, presence)

    def remember(self, seen: ImageFeatures, decoded: Decoded, *, is_prompted: bool) -> list[MemoryFrame]:
        """The memory of each of B objects' masks on a frame; a prompted frame's mask is remembered as yes or no."""
        batch = decoded.logits.size(0)
        features, _ = self._model._encode_new_memory(
            current_vision_feats=[_flat(seen.levels[-1].expand(batch, -1, -1, -1))],
            feat_sizes=[tuple(seen.levels[-1].shape[-2:])],
            pred_masks_high_res=self._at_image_size(decoded, is_prompted=is_prompted),
            object_score_logits=decoded.presence,
            is_mask_from_pts=is_prompted,
        )
        features = features.to(torch.bfloat16)
        return [MemoryFrame(features[i : i + 1].clone(), decoded.pointer[i : i + 1].clone()) for i in range(batch)]

    @property
    def _rounds_by_batch(self) -> bool:
        """Whether the decoder's kernels round a batch differently from one object, as they do on a CPU.

        Memories are kept in bfloat16, which turns a last bit into a visible one; one by one, every object is the
        reference's bit for bit, and beside attention the decoder costs little.
        """
        return self.device.type == "cpu"

    def _at_image_size(self, decoded: Decoded, *, is_prompted: bool) -> Tensor:
        """Mask logits [B, 1, S, S] for the memory, by the reference's own rounding.

        It brings all candidates of a tracked frame to that size and then chooses; on a CPU three channels are
        interpolated by another kernel than one.
        """
        channels = 1
        if self._rounds_by_batch and not is_prompted:
            channels = max(decoded.candidates.size(1), 1)
        logits = decoded.logits.expand(-1, channels, -1, -1)
        size = (self.image_size, self.image_size)
        return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)[:, :1]

    def _condition(
        self,
        seen: ImageFeatures,
        memories: dict[str, dict[int, dict[str, object]]],
        *,
        frame_index: int,
        frame_count: int,
        backward: bool,
        batch: int,
    ) -> Tensor:
        coarse = seen.levels[-1].expand(batch, -1, -1, -1)
        positions = self._image_positions.expand(batch, -1, -1, -1)
        conditioned = self._model._prepare_memory_conditioned_features(
            frame_idx=frame_index,
            is_init_cond_frame=not memories,
            current_vision_feats=[_flat(coarse)],
            current_vision_pos_embeds=[_flat(positions)],
            feat_sizes=[tuple(coarse.shape[-2:])],
            output_dict=memories,
            num_frames=frame_count,
            track_in_reverse=backward,
        )
        return cast(Tensor, conditioned)

    def _joined(self, per_object: Sequence[Mapping[int, MemoryFrame]]) -> dict[int, dict[str, object]]:
        """B objects' memories of the same frames as one batch, in the reference's own form."""
        joined: dict[int, dict[str, object]] = {}
        for frame_index in per_object[0]:
            frames = [memories[frame_index] for memories in per_object]
            entry: dict[str, object] = {"obj_ptr": torch.cat([frame.pointer for frame in frames])}
            features = [frame.features for frame in frames if frame.features is not None]
            if features:
                entry["maskmem_features"] = torch.cat(features)
                entry["maskmem_pos_enc"] = [self._memory_positions.expand(len(frames), -1, -1, -1)]
            joined[frame_index] = entry
        return joined

    def _point_tensors(self, points: PointInputs | None, batch: int) -> tuple[Tensor, Tensor]:
        if points is not None:
            return points.coords, points.labels
        coords = torch.zeros(batch, 1, 2, device=self.device)
        return coords, -torch.ones(batch, 1, dtype=torch.int32, device=self.device)

    def _pointer(self, token: Tensor, presence: Tensor) -> Tensor:
        model = self._model
        pointer = model.obj_ptr_proj(token)
        share = presence.sigmoid() if model.soft_no_obj_ptr else (presence > 0).float()
        if model.fixed_no_obj_ptr:
            pointer = share * pointer
        return cast(Tensor, pointer + (1 - share) * model.no_obj_ptr)


@dataclass(frozen=True, slots=True, eq=False)
class Memories:
    """One object's memories by frame index: of prompted frames, and of the frames it was tracked through."""

    prompted: Mapping[int, MemoryFrame]
    tracked: Mapping[int, MemoryFrame]


def _positions(encoding: nn.Module, side: int, device: torch.device) -> Tensor:
    """[1, C, side, side]; the encoding reads its argument's shape only."""
    with torch.inference_mode():
        return cast(Tensor, encoding(torch.zeros(1, 1, side, side, device=device)).clone())


def _stacked(decoded: Sequence[Decoded]) -> Decoded:
    """Decoded masks of one object each as one batch."""
    return Decoded(
        logits=torch.cat([one.logits for one in decoded]),
        raw=torch.cat([one.raw for one in decoded]),
        candidates=torch.cat([one.candidates for one in decoded]),
        predicted_ious=torch.cat([one.predicted_ious for one in decoded]),
        pointer=torch.cat([one.pointer for one in decoded]),
        presence=torch.cat([one.presence for one in decoded]),
    )


def _flat(feature_map: Tensor) -> Tensor:
    return feature_map.flatten(2).permute(2, 0, 1)  # [B, C, H, W] -> [HW, B, C]


def _require_supported(model: SAM2Base) -> None:
    """Raises ModelError for a model whose memory the engine would prune wrongly."""
    expected = {
        "memory_temporal_stride_for_eval": 1,
        "max_cond_frames_in_attn": -1,
        "use_mask_input_as_output_without_sam": True,
        "use_obj_ptrs_in_encoder": True,
        "pred_obj_scores": True,
    }
    for name, value in expected.items():
        if getattr(model, name) != value:
            raise ModelError(f"the model's config sets {name} to {getattr(model, name)}; Masklet needs {value}")
