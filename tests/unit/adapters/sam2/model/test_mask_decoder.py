"""Several objects through the mask decoder: the bits of one at a time, and the way back where they are not."""

from collections.abc import Iterator

import pytest
import torch

from backend.adapters.sam2.model import mask_decoder as module
from backend.adapters.sam2.model.mask_decoder import Candidates, Decoder, DecoderPrompt
from backend.adapters.sam2.weights.checkpoints import find
from backend.adapters.sam2.weights.load import load_model

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
        places = encoder.get_dense_pe().clone()
    decoder = Decoder(model.sam_mask_decoder, positions=places, rounds_by_batch=True)
    return decoder, DecoderPrompt(sparse, dense, several=True)


def features(seed: int) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Conditioned frames laid out as memory attention leaves them, and the finer maps."""
    draw = torch.Generator().manual_seed(seed)
    tokens = torch.randn(OBJECTS, SIDE * SIDE, CHANNELS, generator=draw)
    finer = [
        torch.randn(1, CHANNELS // 8, 4 * SIDE, 4 * SIDE, generator=draw),
        torch.randn(1, CHANNELS // 4, 2 * SIDE, 2 * SIDE, generator=draw),
    ]
    return torch.unflatten(tokens.transpose(1, 2), 2, (SIDE, SIDE)), finer


def one_by_one(
    decoder: Decoder, question: DecoderPrompt, conditioned: torch.Tensor, finer: list[torch.Tensor]
) -> Candidates:
    rows = [
        decoder.decode(torch.unflatten(row, 2, (SIDE, SIDE)), finer, question)
        for row in torch.split(conditioned.flatten(2), 1)
    ]
    return Candidates(*(torch.cat([getattr(row, name) for row in rows]) for name in Candidates.__slots__))


def test_objects_together_get_the_bits_of_objects_alone(parts: tuple[Decoder, DecoderPrompt]) -> None:
    decoder, question = parts
    for seed in (1, 2, 3):  # the first is decoded both ways, the others as it decided
        conditioned, finer = features(seed)
        said = decoder.decode(conditioned, finer, question)
        assert said.masks.shape == (OBJECTS, 3, 4 * SIDE, 4 * SIDE)
        assert said.equals(one_by_one(decoder, question, conditioned, finer))


def test_a_batch_that_rounds_differently_is_decoded_one_by_one_for_good(
    parts: tuple[Decoder, DecoderPrompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, question = parts
    decoder = Decoder(shared._decoder, positions=shared._positions, rounds_by_batch=True)
    asked = 0

    def off_by_one_bit(*arguments: object, **named: object) -> Candidates:
        nonlocal asked
        asked += 1
        said = together(*arguments, **named)  # type: ignore[arg-type]
        return Candidates(torch.nextafter(said.masks, said.masks + 1), said.ious, said.tokens, said.presence)

    together = module.decode_together
    monkeypatch.setattr(module, "decode_together", off_by_one_bit)
    conditioned, finer = features(4)
    for _ in range(2):
        said = decoder.decode(conditioned, finer, question)
        assert said.equals(one_by_one(shared, question, conditioned, finer))
    assert asked == 1


def test_one_candidate_is_never_asked_of_the_batch(parts: tuple[Decoder, DecoderPrompt]) -> None:
    decoder, question = parts
    single = DecoderPrompt(question.sparse, question.dense, several=False)
    conditioned, finer = features(5)
    fresh = Decoder(decoder._decoder, positions=decoder._positions, rounds_by_batch=True)
    for _ in range(2):
        said = fresh.decode(conditioned, finer, single)
        assert said.masks.shape[1] == 1
        assert said.equals(one_by_one(fresh, single, conditioned, finer))
