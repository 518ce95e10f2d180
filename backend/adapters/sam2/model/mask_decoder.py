"""The mask decoder over a batch of objects, bit-identical to one object at a time. Uses private parts of sam2.

On a CPU a batch rounds differently from its rows in three places. The convolutions after the transformer choose another
memory layout for a batch, and the normalisation between them rounds by layout. The small layers on single tokens round
by the count of rows. With AVX-512 the transformer's MLPs do too: they are long and have few tokens. So the transformer,
which takes most of the time, runs over the batch, with its MLPs object by object where that is needed; the feature maps
are brought to one layout, and the small layers run row by row. If the result still differs in a bit, `Decoder` decodes
row by row: memories are kept in bfloat16, which turns a last bit into a visible one.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import torch
from sam2.modeling.sam.mask_decoder import MaskDecoder
from sam2.modeling.sam.transformer import TwoWayTransformer
from torch import Tensor, nn


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """Decoder output of B objects, M candidates (one or three) each, float32 or bfloat16 by precision.

    masks: [B, M, 4h, 4w] logits. ious: [B, M] predicted. tokens: [B, M or 1, D]. presence: [B, 1] logits.
    """

    masks: Tensor
    ious: Tensor
    tokens: Tensor
    presence: Tensor

    def equals(self, other: Candidates) -> bool:
        """Whether all fields are bit-identical."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__slots__)
        return all(torch.equal(one, another) for one, another in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class DecoderPrompt:
    """Decoder input: prompt embeddings and count of candidates.

    sparse: [1, P, D]. dense: [1, D, h, w]. Both the same for every object, or [B, ...] with those of each. several:
    three candidates instead of one.
    """

    sparse: Tensor
    dense: Tensor
    several: bool


class Decoder:
    """A model's mask decoder. rounds_by_batch: its kernels round a batch differently from one object.

    Tensors are float32 or bfloat16, by the model's precision.
    """

    def __init__(self, decoder: MaskDecoder, *, positions: Tensor, rounds_by_batch: bool) -> None:
        """positions: [1, D, h, w] float32, the position encoding."""
        self._decoder = decoder
        self._positions = positions
        self._rounds_by_batch = rounds_by_batch
        self._ways = (decoder.transformer, with_mlps_by_object(decoder.transformer))
        self._exact_ways: dict[int, nn.Module | None] = {}
        """The transformer by batch size; None: no batch is exact."""

    def decode(self, conditioned: Tensor, finer: Sequence[Tensor], prompt: DecoderPrompt) -> Candidates:
        """Candidates of B objects.

        conditioned: [B, D, h, w]. finer: the frame's finer feature maps, [1, C, 4h, 4w] and [1, C, 2h, 2w].

        Kernels are chosen by shape. So the first frame of every batch size is decoded in each way, and the comparison
        decides for the following frames.
        """
        batch = len(conditioned)
        if batch == 1 or not self._rounds_by_batch:
            return self._decode_by_sam2(conditioned, finer, prompt)
        if (way := self._exact_ways.get(batch)) is not None:
            return self._decode_batch(way, conditioned, finer, prompt)
        rows = [torch.unflatten(row, 2, conditioned.shape[2:]) for row in torch.split(conditioned.flatten(2), 1)]
        single = [self._decode_by_sam2(row, finer, prompt) for row in rows]
        expected = Candidates(*(torch.cat([getattr(one, name) for one in single]) for name in Candidates.__slots__))
        if batch not in self._exact_ways:
            ways = self._ways if self._can_batch(prompt) else ()
            exact = (way for way in ways if self._decode_batch(way, conditioned, finer, prompt).equals(expected))
            self._exact_ways[batch] = next(exact, None)
        return expected

    def _decode_batch(
        self, transformer: nn.Module, conditioned: Tensor, finer: Sequence[Tensor], prompt: DecoderPrompt
    ) -> Candidates:
        return decode_batch(self._decoder, transformer, conditioned, finer, prompt, positions=self._positions)

    def decode_prompts(self, conditioned: Tensor, finer: Sequence[Tensor], prompt: DecoderPrompt) -> Candidates:
        """Candidates of B prompts on one frame, in one batch. On a CPU their last bits depend on B.

        conditioned: [1, D, h, w], the same for every prompt. finer: as in `decode`.
        """
        return self._decode_by_sam2(conditioned.expand(len(prompt.sparse), -1, -1, -1), finer, prompt)

    def tracked(self, conditioned: Tensor, sparse: Tensor, dense: Tensor, *finer: Tensor) -> tuple[Tensor, ...]:
        """Three candidates per object, by sam2's own code: the fields of Candidates. Shapes as in `decode`."""
        candidates = self._decode_by_sam2(conditioned, finer, DecoderPrompt(sparse, dense, several=True))
        return candidates.masks, candidates.ious, candidates.tokens, candidates.presence

    def each(self, layer: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
        """Applies a layer to rows [B, D], with the bits of one row at a time."""
        return _by_row(layer, rows) if self._rounds_by_batch else layer(rows)

    def _can_batch(self, prompt: DecoderPrompt) -> bool:
        """Whether `decode_batch` supports this prompt and decoder (three candidates, SAM 2.1)."""
        return bool(prompt.several and self._decoder.use_high_res_features and self._decoder.pred_obj_scores)

    def _decode_by_sam2(self, conditioned: Tensor, finer: Sequence[Tensor], prompt: DecoderPrompt) -> Candidates:
        batch = len(conditioned)
        output = self._decoder(
            image_embeddings=conditioned,
            image_pe=self._positions,
            sparse_prompt_embeddings=prompt.sparse.expand(batch, -1, -1),
            dense_prompt_embeddings=prompt.dense.expand(batch, -1, -1, -1),
            multimask_output=prompt.several,
            repeat_image=False,
            high_res_features=[level.expand(batch, -1, -1, -1) for level in finer] or None,
        )
        return Candidates(*output)


class ByObject(nn.Module):
    """A layer on each object of [B, T, D] separately."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, tokens: Tensor) -> Tensor:
        return _by_row(self.layer, tokens)


def with_mlps_by_object(transformer: TwoWayTransformer) -> nn.Module:
    """The same transformer, whose MLPs take one object at a time. The weights are shared, and the modules but these."""
    split = _shallow(transformer)
    split.layers = nn.ModuleList(_shallow(layer) for layer in transformer.layers)
    for layer in split.layers:
        layer.mlp = ByObject(cast(nn.Module, layer.mlp))
    return split


def _shallow(module: nn.Module) -> nn.Module:
    copied = copy.copy(module)
    copied._modules = dict(module._modules)
    return copied


def decode_batch(
    decoder: MaskDecoder,
    transformer: nn.Module,
    conditioned: Tensor,
    finer: Sequence[Tensor],
    prompt: DecoderPrompt,
    *,
    positions: Tensor,
) -> Candidates:
    """Three candidates per object, over the batch where that is bit-identical. Shapes as in `Decoder.decode`.

    transformer: the decoder's, or `with_mlps_by_object` of it.
    """
    batch, _, height, width = conditioned.shape
    queries = torch.cat([decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight])
    queries = torch.cat([queries, prompt.sparse[0]]).expand(batch, -1, -1)
    source = conditioned + prompt.dense.expand(batch, -1, -1, -1)
    outputs, source = transformer(source, positions.expand(batch, -1, -1, -1), queries)
    tokens = outputs[:, 2 : 2 + decoder.num_mask_tokens]
    upscaled = _upscaled(decoder, source.transpose(1, 2).view(batch, -1, height, width), finer)
    filters = torch.stack([_by_row(mlp, tokens[:, i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], 1)
    masks = torch.unflatten(filters @ upscaled.flatten(2), 2, upscaled.shape[-2:])
    several = decoder.use_multimask_token_for_obj_ptr
    return Candidates(
        masks=masks[:, 1:],
        ious=_by_row(decoder.iou_prediction_head, outputs[:, 1])[:, 1:],
        tokens=tokens[:, 1:] if several else tokens[:, :1],
        presence=_by_row(decoder.pred_obj_score_head, outputs[:, 0]),
    )


def _upscaled(decoder: MaskDecoder, coarse: Tensor, finer: Sequence[Tensor]) -> Tensor:
    """[B, D, h, w] to [B, D / 8, 4h, 4w], channels first in memory, as for a single object."""
    widen, normalise, activate, widen_again, activate_again = decoder.output_upscaling
    finest, middle = finer
    wider: Tensor = activate(normalise(widen(coarse).contiguous() + middle))
    widest: Tensor = activate_again(widen_again(wider).contiguous() + finest)
    return widest


def _by_row(layer: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """Applies a layer to each of [B, ...] rows separately."""
    return torch.cat([layer(row) for row in torch.split(rows, 1)])
