"""SAM 2's building blocks as four plain steps: see, remember, recall, decode.

With attention, decoder, encoder, kernels, recollection and remembering the only files that touch sam2's private parts;
written against sam2 1.1.0, whose SAM2VideoPredictor is the reference for every step. What the predictor throws away
(candidates' predicted IoU, logits before the presence gate) is kept here, for uncertainty is read from it.
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
from backend.adapters.sam2.model.memory_selection import (
    FramePosition,
    Memories,
    MemoryFrame,
    MemorySelector,
    SelectedMemory,
)
from backend.adapters.sam2.model.tensors import Decoded, ImageFeatures, PointInputs
from backend.adapters.sam2.runtime.attention_kernels import Attended, KernelChoice, Timer, choose
from backend.adapters.sam2.runtime.compiled_steps import CompiledSteps, Compiling
from backend.adapters.sam2.runtime.device import computing, precision_of
from backend.adapters.sam2.runtime.exact_layers import prepare
from backend.domain.errors import ModelError

SAM2_VERSION = "1.1.0"
AS_WRITTEN = Compiling()


class Sam2Blocks:
    """The steps of tracking, over B objects at a time; keeps no state between calls."""

    def __init__(
        self,
        model: SAM2Base,
        *,
        max_prompted: int = 0,
        precision: str = "auto",
        compiling: Compiling = AS_WRITTEN,
    ) -> None:
        """Takes the model over: its layers are replaced. max_prompted, precision: see EngineOptions."""
        _require_supported(model)
        self.precision = precision_of(model.device, precision)
        prepare(model, precision=self.precision, packed=not compiling.compiles)
        self._model = model
        self._compiling = compiling
        self.image_size = int(model.image_size)
        self._side = self.image_size // model.backbone_stride
        memory_positions = _positions(model.memory_encoder.position_encoding, self._side, model.device)
        self._recollection = MemorySelector(model, memory_positions, max_prompted=max_prompted)
        with torch.inference_mode():
            places = model.sam_prompt_encoder.get_dense_pe().clone()
            self._unprompted = self._embedded(None, None)
        self._decoder = Decoder(model.sam_mask_decoder, positions=places, rounds_by_batch=self._rounds_by_batch)
        self._memory_encoder = MemoryEncoder(model, side=self._side, rounds_by_batch=self._rounds_by_batch)
        self.stages = CompiledSteps(compiling, device=self.device, precision=self.precision)
        self._stage()
        self.kernels = KernelChoice()
        self._glanced: tuple[ImageFeatures, Tensor] | None = None
        self.max_prompted = max_prompted
        self.memory_horizon = int(model.num_maskmem) - 1
        self.pointer_horizon = int(model.max_obj_ptrs_in_encoder) - 1

    def _stage(self) -> None:
        """The steps that every frame takes, fast where they can be. Prompts are as many and as long as people make
        them, so that what answers them goes on as it is written.
        """
        model, side, stages = self._model, self._side, self.stages
        # The same for every frame; only the coarsest level's are ever read.
        positions = _positions(model.image_encoder.neck.position_encoding, side, model.device)
        encoder = ImageEncoder(model, packed=not self._compiling.compiles)
        plain, in_reals = (MemoryAttention(model, side, positions, in_reals=reals) for reals in (False, True))
        self._encode = stages.add("image encoder", encoder.encode)
        self._look = stages.add("frame attention", plain.self_attend, compilable=in_reals.self_attend)
        self._attend = stages.add(
            "memory attention", plain.attend_memory, compilable=in_reals.attend_memory, varying={1: (0, 1), 2: (0, 1)}
        )
        self._decode_tracked = stages.add("mask decoder", self._decoder.tracked, varying={0: (0,)})
        self._encode_memory = stages.add("memory encoder", self._memory_encoder.tracked, varying={1: (0,), 2: (0,)})

    def computing(self) -> AbstractContextManager[None]:
        """What every step is to run in. Raises DeviceOutOfMemory at its end."""
        return computing(self.device, self.precision)

    @property
    def feature_bytes(self) -> int:
        """What one frame's features take, at most: all levels in float32."""
        model = self._model
        coarse = int(model.hidden_dim) * int(self._side) ** 2
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
            "precision": str(self.precision).removeprefix("torch."),
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
        """For the log: the precision, the attention kernels, and which steps are fast."""
        return str(self.precision).removeprefix("torch."), str(self.kernels), self.stages.report

    def choose_kernels(self, timer: Timer | None = None) -> None:
        """Take the attention kernels that are fastest on this device. timer: see choosing.choose."""
        settled = Attended.of(self._model, self._side)
        self.kernels = choose(settled, self.device, self.precision, timer)

    def encode_image(self, image: Tensor) -> ImageFeatures:
        """image: [B, 3, S, S] float32, normalised."""
        return ImageFeatures(self._encode(image))

    def without_memory(self, seen: ImageFeatures) -> Tensor:
        """The frame as if nothing had come before: [1, D, h, w]."""
        return cast(Tensor, seen.levels[-1] + self._model.no_mem_embed.view(1, -1, 1, 1))

    def select_memory(self, memories: Memories, moment: FramePosition) -> SelectedMemory:
        """What an object's memories have to offer at a moment; those of one shape can be recalled together."""
        return self._recollection.select(memories, moment)

    def attend_memory(self, seen: ImageFeatures, offers: Sequence[SelectedMemory], moment: FramePosition) -> Tensor:
        """The frame in the light of each object's memories, offers of one shape: [B, D, h, w]."""
        memory, keys, spatial = self._recollection.joined(offers, moment)
        glance = self._self_attend(seen)
        with self.kernels.of(len(offers)):
            (tokens,) = self._attend(glance, memory, keys, spatial=spatial)
        return torch.unflatten(tokens.transpose(1, 2), 2, (self._side, self._side))

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
        is_prompted = points is not None or previous is not None
        sparse, dense = self._embedded(points, previous) if is_prompted else self._unprompted
        given = None if points is None else {"point_labels": points.labels}
        question = DecoderPrompt(sparse, dense, bool(self._model._use_multimask(is_initial, given)))
        if self.stages.any_fast and question.several and not is_prompted:
            return self._chosen(Candidates(*self._decode_tracked(conditioned, sparse, dense, *seen.levels[:-1])))
        return self._chosen(self._decoder.decode(conditioned, seen.levels[:-1], question))

    def decode_mask(self, seen: ImageFeatures, mask: Tensor) -> Decoded:
        """A person's mask [1, 1, S, S] (0 or 1, float32) taken as the output."""
        outputs = self._model._use_mask_as_output(seen.levels[-1], list(seen.levels[:-1]) or None, mask)
        _, _, _, logits, _, pointer, presence = outputs
        nothing = logits[:, :0]
        return Decoded(logits, logits, nothing, logits.new_zeros(1, 0), pointer, presence)

    def encode_memory(self, seen: ImageFeatures, decoded: Decoded, *, is_prompted: bool) -> list[MemoryFrame]:
        """The memory of each of B objects' masks on a frame; a prompted frame's mask is remembered as yes or no."""
        masks, presence = decoded.logits, decoded.presence
        if is_prompted:
            (kept,) = self._memory_encoder.prompted(seen.levels[-1], masks, presence)
        else:
            count = decoded.candidates.size(1)
            (kept,) = self._encode_memory(seen.levels[-1], masks, presence, candidates=count)
        return [MemoryFrame(kept[i : i + 1].clone(), decoded.pointer[i : i + 1].clone()) for i in range(len(kept))]

    def _chosen(self, said: Candidates) -> Decoded:
        """The best candidate of each object."""
        best = torch.argmax(said.ious, dim=-1)
        rows = torch.arange(len(best), device=best.device)
        raw = said.masks[rows, best].unsqueeze(1).float()
        token = said.tokens[rows, best] if said.tokens.size(1) > 1 else said.tokens[:, 0]
        return Decoded(
            logits=torch.where((said.presence > 0)[:, None, None], raw, NO_OBJ_SCORE),
            raw=raw,
            candidates=said.masks,
            predicted_ious=said.ious.float().sort(dim=-1, descending=True).values,
            pointer=self._pointer(token, said.presence),
            presence=said.presence.float(),
        )

    @property
    def _rounds_by_batch(self) -> bool:
        """Whether kernels round a batch differently from one object, as they do on a CPU.

        Memories are kept in bfloat16, which turns a last bit into a visible one. Compiled kernels promise no bits.
        """
        return self.device.type == "cpu" and not self._compiling.compiles

    def _self_attend(self, seen: ImageFeatures) -> Tensor:
        """Once a frame, for all of its objects."""
        if self._glanced is None or self._glanced[0] is not seen:
            with self.kernels.of(1):
                (glance,) = self._look(seen.levels[-1])
            self._glanced = (seen, glance)
        return self._glanced[1]

    def _embedded(self, points: PointInputs | None, previous: Tensor | None) -> tuple[Tensor, Tensor]:
        """Sparse [1, P, D] and dense [1, D, h, w] embeddings of one object's prompts; no points are one point at 0."""
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


def _positions(encoding: nn.Module, side: int, device: torch.device) -> Tensor:
    """[1, C, side, side]; the encoding reads its argument's shape only."""
    with torch.inference_mode():
        return cast(Tensor, encoding(torch.zeros(1, 1, side, side, device=device)).clone())


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
