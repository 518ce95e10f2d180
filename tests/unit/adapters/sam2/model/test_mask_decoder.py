"""Batches through the mask decoder: bit-identical to one object at a time, with a fallback."""

from collections.abc import Callable, Iterator

import pytest
import torch

from backend.adapters.sam2.model import mask_decoder as module
from backend.adapters.sam2.model.mask_decoder import Candidates, Decoder, DecoderPrompt
from backend.adapters.sam2.weights.checkpoints import find
from backend.adapters.sam2.weights.load import load_model

Layer = Callable[[torch.Tensor], torch.Tensor]
OBJECTS, CHANNELS, SIDE = 5, 128, 12


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.inference_mode():
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def parts() -> tuple[Decoder, DecoderPrompt]:
    model = load_model(find("demo", None))
    encoder = model.sam_prompt_encoder
    with torch.inference_mode():
        sparse, dense = encoder(
            points=(torch.zeros(1, 1, 2), -torch.ones(1, 1, dtype=torch.int32)), boxes=None, masks=None
        )
        position_encoding = encoder.get_dense_pe().clone()
    decoder = Decoder(model.sam_mask_decoder, positions=position_encoding, rounds_by_batch=True)
    return decoder, DecoderPrompt(sparse, dense, several=True)


def features(seed: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Conditioned frames in the memory layout of memory attention, and the finer maps."""
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.randn(OBJECTS, SIDE * SIDE, CHANNELS, generator=draw)
    finer = [
        torch.randn(1, CHANNELS // 8, 4 * SIDE, 4 * SIDE, generator=draw),
        torch.randn(1, CHANNELS // 4, 2 * SIDE, 2 * SIDE, generator=draw),
    ]
    return torch.unflatten(tokens.transpose(1, 2), 2, (SIDE, SIDE)), finer


def one_by_one(
    decoder: Decoder, prompt: DecoderPrompt, conditioned: torch.Tensor, finer: list[torch.Tensor]
) -> Candidates:
    rows = [
        decoder.decode(torch.unflatten(row, 2, (SIDE, SIDE)), finer, prompt)
        for row in torch.split(conditioned.flatten(2), 1)
    ]
    return Candidates(*(torch.cat([getattr(row, name) for row in rows]) for name in Candidates.__slots__))


def test_a_batch_is_bit_identical_to_single_objects(parts: tuple[Decoder, DecoderPrompt]) -> None:
    decoder, prompt = parts
    for seed in (1, 2, 3):  # the first is decoded both ways, the others as its comparison decides
        conditioned, finer = features(seed)
        output = decoder.decode(conditioned, finer, prompt)
        assert output.masks.shape == (OBJECTS, 3, 4 * SIDE, 4 * SIDE)
        assert output.equals(one_by_one(decoder, prompt, conditioned, finer))


def test_a_batch_that_rounds_differently_falls_back_to_rows(
    parts: tuple[Decoder, DecoderPrompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, prompt = parts
    decoder = Decoder(shared._decoder, positions=shared._positions, rounds_by_batch=True)
    calls = 0

    def off_by_one_bit(*arguments: object, **named: object) -> Candidates:
        nonlocal calls
        calls += 1
        output = decode_batch(*arguments, **named)  # type: ignore[arg-type]
        return Candidates(torch.nextafter(output.masks, output.masks + 1), output.ious, output.tokens, output.presence)

    decode_batch = module.decode_batch
    monkeypatch.setattr(module, "decode_batch", off_by_one_bit)
    conditioned, finer = features(4)
    for _ in range(2):
        output = decoder.decode(conditioned, finer, prompt)
        assert output.equals(one_by_one(shared, prompt, conditioned, finer))
    assert calls == 2, "each way is tried once"


def test_a_transformer_whose_mlps_round_by_batch_takes_them_by_object(
    parts: tuple[Decoder, DecoderPrompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, prompt = parts
    conditioned, finer = features(6)
    expected = one_by_one(shared, prompt, conditioned, finer)
    for layer in shared._decoder.transformer.layers:
        forward = layer.mlp.forward

        def rounded(tokens: torch.Tensor, forward: Layer = forward) -> torch.Tensor:
            return forward(tokens) + (1e-6 if len(tokens) > 1 else 0.0)

        monkeypatch.setattr(layer.mlp, "forward", rounded)
    decoder = Decoder(shared._decoder, positions=shared._positions, rounds_by_batch=True)
    decoder.decode(conditioned, finer, prompt)
    assert decoder._exact_ways[OBJECTS] is decoder._ways[1]
    assert decoder.decode(conditioned, finer, prompt).equals(expected)


def test_one_candidate_is_never_decoded_as_a_batch(parts: tuple[Decoder, DecoderPrompt]) -> None:
    decoder, prompt = parts
    single = DecoderPrompt(prompt.sparse, prompt.dense, several=False)
    conditioned, finer = features(5)
    fresh = Decoder(decoder._decoder, positions=decoder._positions, rounds_by_batch=True)
    for _ in range(2):
        output = fresh.decode(conditioned, finer, single)
        assert output.masks.shape[1] == 1
        assert output.equals(one_by_one(fresh, single, conditioned, finer))
