"""The mask decoder over several objects at once, to the bits that one object at a time gives. Private parts of sam2.

On a CPU a batch rounds differently from its rows in two places: the convolutions after the transformer choose another
memory layout for a batch, by which the normalisation between them rounds, and the small layers on single tokens round
by the number of rows. So the transformer, where the time goes, runs over the batch, the feature maps are brought to
the one layout, and the small layers run row by row. Where even that is not to the bit, the caller goes row by row:
memories are kept in bfloat16, which turns a last bit into a visible one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from sam2.modeling.sam.mask_decoder import MaskDecoder
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Candidates:
    """The decoder's answer for B objects, M candidates (one or three) each.

    masks: [B, M, 4h, 4w] logits. ious: [B, M] predicted. tokens: [B, M or 1, D]. presence: [B, 1] logits.
    """

    masks: Tensor
    ious: Tensor
    tokens: Tensor
    presence: Tensor

    def equals(self, other: Candidates) -> bool:
        """To the bit."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__slots__)
        return all(torch.equal(one, another) for one, another in pairs)


@dataclass(frozen=True, slots=True, eq=False)
class DecoderPrompt:
    """What is asked of the decoder, the same for every object: prompt embeddings and how many candidates.

    sparse: [1, P, D]. dense: [1, D, h, w]. several: whether three candidates are wanted, or one.
    """

    sparse: Tensor
    dense: Tensor
    several: bool


class Decoder:
    """A model's mask decoder. rounds_by_batch: its kernels round a batch differently from one object."""

    def __init__(self, decoder: MaskDecoder, *, positions: Tensor, rounds_by_batch: bool) -> None:
        """positions: [1, D, h, w], the encoding of places."""
        self._decoder = decoder
        self._positions = positions
        self._rounds_by_batch = rounds_by_batch
        self._together: dict[int, bool] = {}

    def decode(self, conditioned: Tensor, finer: Sequence[Tensor], question: DecoderPrompt) -> Candidates:
        """conditioned: [B, D, h, w]. finer: the frame's finer feature maps, [1, C, 4h, 4w] and [1, C, 2h, 2w].

        Kernels are chosen by shape, so the first frame of every number of objects is decoded both ways and decides.
        """
        batch = len(conditioned)
        if batch == 1 or not self._rounds_by_batch:
            return self._by_sam(conditioned, finer, question)
        if self._together.get(batch):
            return decode_together(self._decoder, conditioned, finer, question, positions=self._positions)
        rows = [torch.unflatten(row, 2, conditioned.shape[2:]) for row in torch.split(conditioned.flatten(2), 1)]
        single = [self._by_sam(row, finer, question) for row in rows]
        answer = Candidates(*(torch.cat([getattr(one, name) for one in single]) for name in Candidates.__slots__))
        if batch not in self._together:
            self._together[batch] = self._fits(question) and decode_together(
                self._decoder, conditioned, finer, question, positions=self._positions
            ).equals(answer)
        return answer

    def tracked(self, conditioned: Tensor, sparse: Tensor, dense: Tensor, *finer: Tensor) -> tuple[Tensor, ...]:
        """Three candidates for each object, by sam2's own code over the batch: the fields of Candidates."""
        said = self._by_sam(conditioned, finer, DecoderPrompt(sparse, dense, several=True))
        return said.masks, said.ious, said.tokens, said.presence

    def each(self, layer: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
        """A layer on each of [B, D] rows, as if it were the only one."""
        return _by_row(layer, rows) if self._rounds_by_batch else layer(rows)

    def _fits(self, question: DecoderPrompt) -> bool:
        """Whether this is the question and SAM 2.1's decoder, which `decode_together` knows."""
        return bool(question.several and self._decoder.use_high_res_features and self._decoder.pred_obj_scores)

    def _by_sam(self, conditioned: Tensor, finer: Sequence[Tensor], question: DecoderPrompt) -> Candidates:
        batch = len(conditioned)
        answer = self._decoder(
            image_embeddings=conditioned,
            image_pe=self._positions,
            sparse_prompt_embeddings=question.sparse.expand(batch, -1, -1),
            dense_prompt_embeddings=question.dense.expand(batch, -1, -1, -1),
            multimask_output=question.several,
            repeat_image=False,
            high_res_features=[level.expand(batch, -1, -1, -1) for level in finer] or None,
        )
        return Candidates(*answer)


def decode_together(
    decoder: MaskDecoder,
    conditioned: Tensor,
    finer: Sequence[Tensor],
    question: DecoderPrompt,
    *,
    positions: Tensor,
) -> Candidates:
    """Three candidates for each of B objects, by the batch where that is exact. Shapes as in `Decoder.decode`."""
    batch, _, height, width = conditioned.shape
    queries = torch.cat([decoder.obj_score_token.weight, decoder.iou_token.weight, decoder.mask_tokens.weight])
    queries = torch.cat([queries, question.sparse[0]]).expand(batch, -1, -1)
    source = conditioned + question.dense.expand(batch, -1, -1, -1)
    answers, source = decoder.transformer(source, positions.expand(batch, -1, -1, -1), queries)
    tokens = answers[:, 2 : 2 + decoder.num_mask_tokens]
    upscaled = _upscaled(decoder, source.transpose(1, 2).view(batch, -1, height, width), finer)
    filters = torch.stack([_by_row(mlp, tokens[:, i]) for i, mlp in enumerate(decoder.output_hypernetworks_mlps)], 1)
    masks = torch.unflatten(filters @ upscaled.flatten(2), 2, upscaled.shape[-2:])
    several = decoder.use_multimask_token_for_obj_ptr
    return Candidates(
        masks=masks[:, 1:],
        ious=_by_row(decoder.iou_prediction_head, answers[:, 1])[:, 1:],
        tokens=tokens[:, 1:] if several else tokens[:, :1],
        presence=_by_row(decoder.pred_obj_score_head, answers[:, 0]),
    )


def _upscaled(decoder: MaskDecoder, coarse: Tensor, finer: Sequence[Tensor]) -> Tensor:
    """[B, D, h, w] to [B, D / 8, 4h, 4w], channels first in memory as a single object's are."""
    widen, normalise, activate, widen_again, activate_again = decoder.output_upscaling
    finest, middle = finer
    wider: Tensor = activate(normalise(widen(coarse).contiguous() + middle))
    widest: Tensor = activate_again(widen_again(wider).contiguous() + finest)
    return widest


def _by_row(layer: Callable[[Tensor], Tensor], rows: Tensor) -> Tensor:
    """A layer on each of [B, D] rows by itself."""
    return torch.cat([layer(row) for row in torch.split(rows, 1)])
