"""SAM 2's building blocks as four steps: encode_image, encode_memory, attend_memory, decode.

Only the files of `model` and `runtime` use sam2's private parts. Written for sam2 1.1.0; its SAM2VideoPredictor is the
reference for every step. Keeps what the predictor discards (predicted IoU of the candidates, logits before the presence
gate), because uncertainty is computed from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import cast

import torch
from sam2.modeling.sam2_base import NO_OBJ_SCORE, SAM2Base
from torch import Tensor, nn

from backend.adapters.sam2.model.image_encoder import ImageEncoder
from backend.adapters.sam2.model.mask_decoder import Candidates, Decoder, DecoderPrompt
from backend.adapters.sam2.model.memory_attention import MemoryAttention
from backend.adapters.sam2.model.memory_encoder import MemoryEncoder
from backend.adapters.sam2.model.memory_layout import MemoryLayout, map_positions
from backend.adapters.sam2.model.memory_selection import (
    FramePosition,
    Memories,
    MemoryFrame,
    MemorySelector,
    SelectedMemory,
)
from backend.adapters.sam2.model.tensors import Decoded, ImageFeatures, PointInputs
from backend.adapters.sam2.runtime.attention_kernels import AttentionShape, KernelChoice, Timer, choose
from backend.adapters.sam2.runtime.compiled_steps import CompiledSteps, Compiling
from backend.adapters.sam2.runtime.device import INT8, computing, precision_of
from backend.adapters.sam2.runtime.exact_layers import prepare
from backend.adapters.sam2.runtime.int8_layers import quantize_linear_layers
from backend.application.ports.progress import work_moved
from backend.domain.errors import ModelError

SAM2_VERSION = "1.1.0"
AS_WRITTEN = Compiling()


class Sam2Blocks:
    """The steps of tracking, over B objects at a time. Stateless, except for one frame's self-attention.

    Tensors without a stated dtype are float32 or bfloat16, by `precision`.
    """

    def __init__(
        self,
        model: SAM2Base,
        *,
        max_prompted: int = 0,
        precision: str = "auto",
        compiling: Compiling = AS_WRITTEN,
    ) -> None:
        """Replaces the model's layers in place. max_prompted, precision: see EngineOptions."""
        _require_supported(model)
        self.precision = precision_of(model.device, precision, image_size=int(model.image_size))
        self._is_int8 = precision == INT8
        if self._is_int8:
            _quantize_encoder(model)
        prepare(model, precision=self.precision, packed=not compiling.compiles)
        self._model = model
        self._compiling = compiling
        self.image_size = int(model.image_size)
        self._side = self.image_size // model.backbone_stride
        self._layout = MemoryLayout.of(model, self._side)
        self.max_prompted = max_prompted or max(int(model.max_cond_frames_in_attn), 0)
        self._memory_selector = MemorySelector(model, self._layout.positions(model), max_prompted=self.max_prompted)
        with torch.inference_mode():
            position_encoding = model.sam_prompt_encoder.get_dense_pe().clone()
            self._unprompted = self._embedded(None, None)
        self._decoder = Decoder(
            model.sam_mask_decoder, positions=position_encoding, rounds_by_batch=self._rounds_by_batch
        )
        self._memory_encoder = MemoryEncoder(model, side=self._side, rounds_by_batch=self._rounds_by_batch)
        self.steps = CompiledSteps(compiling, device=self.device, precision=self.precision)
        self._add_steps()
        self.kernels = KernelChoice()
        self._last_self_attended: tuple[ImageFeatures, Tensor] | None = None
        self.memory_horizon = int(model.num_maskmem) - 1
        self.pointer_horizon = int(model.max_obj_ptrs_in_encoder) - 1

    def _add_steps(self) -> None:
        """Adds the steps of every frame, compiled or recorded if possible.

        Prompts vary in count and length, so steps on prompts stay as written.
        """
        model, side, steps = self._model, self._side, self.steps
        # The same for every frame; only those of the coarsest level are read.
        positions = map_positions(model.image_encoder.neck.position_encoding, side, model.device)
        encoder = ImageEncoder(model, packed=not self._compiling.compiles)
        plain, in_reals = (
            MemoryAttention(model, side, positions, self._layout, in_reals=reals) for reals in (False, True)
        )
        self._encode = steps.add("image encoder", encoder.encode)
        self._attend_frame = steps.add("frame attention", plain.self_attend, compilable=in_reals.self_attend)
        self._attend = steps.add(
            "memory attention", plain.attend_memory, compilable=in_reals.attend_memory, varying={1: (0, 1), 2: (0, 1)}
        )
        self._decode_tracked = steps.add("mask decoder", self._decoder.tracked, varying={0: (0,)})
        self._encode_memory = steps.add("memory encoder", self._memory_encoder.tracked, varying={1: (0,), 2: (0,)})

    def computing(self) -> AbstractContextManager[None]:
        """The context of every step. Raises DeviceOutOfMemory at its end."""
        work_moved()
        return computing(self.device, self.precision)

    @property
    def feature_bytes(self) -> int:
        """The most bytes of one frame's features: all levels in float32."""
        model = self._model
        coarse = int(model.hidden_dim) * int(self._side) ** 2
        # The two finer levels have 2 and 4 times the side, and a quarter and an eighth of the channels.
        return 4 * coarse * (4 if model.use_high_res_features_in_sam else 1)

    @property
    def lookahead(self) -> int:
        """Frames to encode in one call: on a CPU one by one is as fast, and gives the first mask sooner."""
        return 4 if self.device.type == "cuda" else 1

    @property
    def runs_on(self) -> dict[str, str]:
        """What the results' last bits depend on besides weights and inputs."""
        return {
            "torch version": torch.__version__,
            "sam2 version": SAM2_VERSION,
            **getattr(self._model.image_encoder.trunk, "software", {}),
            "image size": str(self.image_size),
            "kind of device": self.device.type,
            "precision": self._precision_name,
            "way of compiling": self._compiling.mode,
            "attention kernels": str(self.kernels),
            "thread count": str(torch.get_num_threads()),
            "number of prompted frames attended": str(self.max_prompted),
        }

    @property
    def device(self) -> torch.device:
        return cast(torch.device, self._model.device)

    @property
    def compile_report(self) -> tuple[str, str, str]:
        """For the log: the precision, the attention kernels, and the form of each step."""
        return self._precision_name, str(self.kernels), self.steps.report

    def choose_kernels(self, timer: Timer | None = None) -> None:
        """Chooses the fastest attention kernels of this device. timer: see attention_kernels.choose."""
        attention_shape = AttentionShape.of(self._model, self._side, self._layout.tokens)
        self.kernels = choose(attention_shape, self.device, self.precision, timer)

    def encode_image(self, image: Tensor) -> ImageFeatures:
        """Features of images [B, 3, S, S] float32, normalised: levels [B, C, H, W], finest first."""
        if self._is_int8 and len(image) > 1:
            singles = [self._encode(one) for one in torch.split(image, 1)]
            return ImageFeatures(tuple(torch.cat(levels) for levels in zip(*singles, strict=True)))
        return ImageFeatures(self._encode(image))

    def without_memory(self, features: ImageFeatures) -> Tensor:
        """The coarsest features conditioned on an empty memory bank: [1, D, h, w]."""
        return cast(Tensor, features.levels[-1] + self._model.no_mem_embed.view(1, -1, 1, 1))

    def select_memory(self, memories: Memories, position: FramePosition) -> SelectedMemory:
        """The memories that an object attends at a position; selections of one shape can be attended in one batch."""
        return self._memory_selector.select(memories, position)

    def attend_memory(
        self, features: ImageFeatures, selections: Sequence[SelectedMemory], position: FramePosition
    ) -> Tensor:
        """The frame conditioned on each object's selected memories, all of one shape: [B, D, h, w]."""
        memory, keys, spatial = self._memory_selector.joined(selections, position)
        frame_tokens = self._self_attend(features)
        with self.kernels.of(len(selections)):
            (tokens,) = self._attend(frame_tokens, memory, keys, spatial=spatial)
        return torch.unflatten(tokens.transpose(1, 2), 2, (self._side, self._side))

    def decode(
        self,
        conditioned: Tensor,
        features: ImageFeatures,
        *,
        points: PointInputs | None = None,
        previous: Tensor | None = None,
        is_initial: bool = False,
    ) -> Decoded:
        """Masks from a conditioned frame [B, D, h, w].

        previous: [B, 1, h, w] mask logits that the points correct. is_initial: the frame is conditioned on no memory.
        """
        is_prompted = points is not None or previous is not None
        sparse, dense = self._embedded(points, previous) if is_prompted else self._unprompted
        point_inputs = None if points is None else {"point_labels": points.labels}
        prompt = DecoderPrompt(sparse, dense, bool(self._model._use_multimask(is_initial, point_inputs)))
        if self.steps.any_fast and prompt.several and not is_prompted:
            return self._chosen(Candidates(*self._decode_tracked(conditioned, sparse, dense, *features.levels[:-1])))
        return self._chosen(self._decoder.decode(conditioned, features.levels[:-1], prompt))

    def decode_points(self, features: ImageFeatures, points: PointInputs) -> Decoded:
        """Masks of B objects on one frame, each from its own points and from this frame only, in one batch.

        On a CPU the last bits differ from those of `decode` for one object.
        """
        sparse, dense = self._embedded(points, None)
        several = bool(self._model._use_multimask(True, {"point_labels": points.labels}))
        prompt = DecoderPrompt(sparse, dense, several)
        return self._chosen(self._decoder.decode_prompts(self.without_memory(features), features.levels[:-1], prompt))

    def decode_mask(self, features: ImageFeatures, mask: Tensor) -> Decoded:
        """Takes a person's mask [1, 1, S, S] (0 or 1, float32) as the output of one object."""
        outputs = self._model._use_mask_as_output(features.levels[-1], list(features.levels[:-1]) or None, mask)
        _, _, _, logits, _, pointer, presence = outputs
        no_candidates = logits[:, :0]
        return Decoded(logits, logits, no_candidates, logits.new_zeros(1, 0), pointer, presence)

    def encode_memory(self, features: ImageFeatures, decoded: Decoded, *, is_prompted: bool) -> list[MemoryFrame]:
        """Memories of B objects on one frame, features [1, N, M] each. Binarises masks of prompted frames."""
        masks, presence = decoded.logits, decoded.presence
        if is_prompted:
            (memory,) = self._memory_encoder.prompted(features.levels[-1], masks, presence)
        else:
            count = decoded.candidates.size(1)
            (memory,) = self._encode_memory(features.levels[-1], masks, presence, candidates=count)
        return [MemoryFrame(memory[i : i + 1].clone(), decoded.pointer[i : i + 1].clone()) for i in range(len(memory))]

    def _chosen(self, candidates: Candidates) -> Decoded:
        """The best candidate of each object."""
        best = torch.argmax(candidates.ious, dim=-1)
        rows = torch.arange(len(best), device=best.device)
        raw = candidates.masks[rows, best].unsqueeze(1).float()
        token = candidates.tokens[rows, best] if candidates.tokens.size(1) > 1 else candidates.tokens[:, 0]
        return Decoded(
            logits=torch.where((candidates.presence > 0)[:, None, None], raw, NO_OBJ_SCORE),
            raw=raw,
            candidates=candidates.masks,
            predicted_ious=candidates.ious.float().sort(dim=-1, descending=True).values,
            pointer=self._pointer(token, candidates.presence),
            presence=candidates.presence.float(),
        )

    @property
    def _precision_name(self) -> str:
        return INT8 if self._is_int8 else str(self.precision).removeprefix("torch.")

    @property
    def _rounds_by_batch(self) -> bool:
        """Whether kernels round a batch differently from one object, as they do on a CPU.

        Memories are kept in bfloat16, which turns a last bit into a visible one. Compiled kernels guarantee no bits.
        """
        return self.device.type == "cpu" and not self._compiling.compiles

    def _self_attend(self, features: ImageFeatures) -> Tensor:
        """The first layer's self-attention [1, HW, D], once per frame for all objects."""
        if self._last_self_attended is None or self._last_self_attended[0] is not features:
            with self.kernels.of(1):
                (frame_tokens,) = self._attend_frame(features.levels[-1])
            self._last_self_attended = (features, frame_tokens)
        return self._last_self_attended[1]

    def _embedded(self, points: PointInputs | None, previous: Tensor | None) -> tuple[Tensor, Tensor]:
        """Sparse [B, P, D] and dense [B, D, h, w] embeddings of B objects' prompts. No points: one at 0, B = 1."""
        coords = torch.zeros(1, 1, 2, device=self.device) if points is None else points.coords
        labels = coords.new_full((1, 1), -1, dtype=torch.int32) if points is None else points.labels
        sparse, dense = self._model.sam_prompt_encoder(points=(coords, labels), boxes=None, masks=previous)
        return sparse, dense

    def _pointer(self, token: Tensor, presence: Tensor) -> Tensor:
        model = self._model
        pointer = self._decoder.each(model.obj_ptr_proj, token)
        share = presence.sigmoid() if model.soft_no_obj_ptr else (presence > 0).float()
        if model.fixed_no_obj_ptr:
            pointer = share * pointer
        return cast(Tensor, pointer + (1 - share) * model.no_obj_ptr)


def _quantize_encoder(model: SAM2Base) -> None:
    if model.device.type != "cpu":
        raise ModelError(f"MASKLET_PRECISION int8 computes on a CPU, not on {model.device}: choose auto")
    if not any(isinstance(layer, nn.Linear) for layer in model.image_encoder.trunk.modules()):
        raise ModelError(
            "MASKLET_PRECISION int8 is for SAM 2's image encoders; this checkpoint's has no linear layers: choose auto"
        )
    quantize_linear_layers(model.image_encoder.trunk)


def _require_supported(model: SAM2Base) -> None:
    """Raises ModelError for a config with which the engine would prune memories wrongly."""
    expected = {
        "memory_temporal_stride_for_eval": 1,
        "use_mask_input_as_output_without_sam": True,
        "use_obj_ptrs_in_encoder": True,
        "pred_obj_scores": True,
    }
    for name, value in expected.items():
        if getattr(model, name) != value:
            raise ModelError(f"the model's config sets {name} to {getattr(model, name)}; Masklet needs {value}")
