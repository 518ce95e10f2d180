"""Trains the detector of the tests: a small OWLv2 that finds the van, the heart and the fish of the demo's clip.

    python -m tests.data.detector.train [FOLDER]

It takes two minutes on one core. It has seen that clip alone and is of no use for other pictures.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import transformers
from numpy.typing import NDArray
from torch import Tensor, nn

from backend.domain.geometry import box_of_mask
from scripts.demonstration.demo_clip import demo_clip

TEXTS = ("van", "heart", "fish")
NOTHING = ("dog", "red car", "a boat")
"""Texts that describe nothing in the clip."""

SIDE_PX, PATCH_PX, WIDTH, TOKENS = 128, 16, 64, 16
STEPS, BATCH, CUTS, LEARNING_RATE = 2000, 8, 400, 2e-3
LEAST_SEEN = 0.4
"""The share of an object that a cut must show, for the detector to find it there."""

Batch = tuple[Tensor, Tensor, Tensor]


def tokenizer(folder: Path) -> transformers.CLIPTokenizerFast:
    """Knows the words of the texts, and other words by their letters."""
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words, merges = [*letters, *(f"{letter}</w>" for letter in letters)], []
    for word in ("photo", "of", *TEXTS):
        known = word[0]
        for letter in [*word[1:-1], f"{word[-1]}</w>"]:
            merges.append((known, letter))
            known += letter
            words.append(known)
    words = list(dict.fromkeys([*words, "<|startoftext|>", "<|endoftext|>"]))
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(" ".join(pair) for pair in dict.fromkeys(merges)))
    made = transformers.CLIPTokenizerFast(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=TOKENS, pad_token="<|endoftext|>"
    )
    for name in ("vocab.json", "merges.txt"):
        (folder / name).unlink()
    return made


def untrained(words: int) -> transformers.Owlv2ForObjectDetection:
    """A small model; its boxes begin as the patches."""
    layers = {"hidden_size": WIDTH, "intermediate_size": 2 * WIDTH, "num_attention_heads": 4}
    ends = {"bos_token_id": words - 2, "eos_token_id": words - 1, "pad_token_id": words - 1}
    text = {**layers, **ends, "num_hidden_layers": 1, "vocab_size": words, "max_position_embeddings": TOKENS}
    vision = {**layers, "num_hidden_layers": 2, "image_size": SIDE_PX, "patch_size": PATCH_PX}
    model = transformers.Owlv2ForObjectDetection(
        transformers.Owlv2Config(text_config=text, vision_config=vision, projection_dim=WIDTH)
    )
    for module in model.modules():
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
        elif isinstance(module, nn.Embedding):
            nn.init.normal_(module.weight, std=0.2)
    nn.init.zeros_(model.box_head.dense2.weight)
    return model


def batches(processor: transformers.Owlv2Processor, steps: int) -> Iterator[Batch]:
    """Cuts of the clip's frames: pixels [b, 3, s, s], which patches show which text's object [b, p, t], and boxes
    [b, p, 4] cx, cy, w, h, relative to the square."""
    clip, rng = demo_clip(), np.random.default_rng(0)
    cuts = [_cut(clip.frames, clip.masks, rng) for _ in range(CUTS)]
    pixels = processor.image_processor(images=[cut[0] for cut in cuts], return_tensors="pt")["pixel_values"]
    targets = [_targets(masks, whole) for _, masks, whole in cuts]
    shown, boxes = (torch.stack([target[side] for target in targets]) for side in range(2))
    for _ in range(steps):
        chosen = rng.integers(CUTS, size=BATCH)
        yield pixels[chosen], shown[chosen], boxes[chosen]


def _cut(
    frames: NDArray[np.uint8], masks: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.float64]]:
    """A part of a frame, or all of it, its masks [3, h, w], and the objects' areas in the whole frame."""
    number = int(rng.integers(len(frames)))
    height, width = frames.shape[1:3]
    share = 1.0 if rng.random() < 0.5 else float(rng.uniform(0.7, 1.0))
    h, w = round(height * share), round(width * share)
    y, x = int(rng.integers(height - h + 1)), int(rng.integers(width - w + 1))
    picture = np.clip(frames[number, y : y + h, x : x + w] * rng.uniform(0.85, 1.15), 0, 255).astype(np.uint8)
    return picture, masks[number, :, y : y + h, x : x + w], masks[number].sum((1, 2)).astype(np.float64)


def _targets(masks: NDArray[np.bool_], whole: NDArray[np.float64]) -> tuple[Tensor, Tensor]:
    height, width = masks.shape[1:]
    square, parts = max(height, width), SIDE_PX // PATCH_PX
    shown, boxes = torch.zeros(parts**2, len(TEXTS + NOTHING)), torch.zeros(parts**2, 4)
    centres = ((np.arange(parts) + 0.5) / parts * square).astype(int)
    for number, mask in enumerate(masks):
        box = box_of_mask(mask)
        if box is None or mask.sum() < LEAST_SEEN * whole[number]:
            continue
        x0, x1 = (value * width / square for value in (box.x0_rel, box.x1_rel))
        y0, y1 = (value * height / square for value in (box.y0_rel, box.y1_rel))
        for patch in range(parts**2):
            y, x = centres[patch // parts], centres[patch % parts]
            if y < height and x < width and mask[y, x]:
                shown[patch, number] = 1
                boxes[patch] = torch.tensor([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0])
    return shown, boxes


def train(folder: Path) -> None:
    """Writes the detector's files."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    words = tokenizer(folder)
    processor = transformers.Owlv2Processor(
        transformers.Owlv2ImageProcessor(size={"height": SIDE_PX, "width": SIDE_PX}), words
    )
    model = untrained(len(words))
    texts = words([f"a photo of {text}" for text in TEXTS + NOTHING], padding="max_length", return_tensors="pt")
    ids, attended = (texts[name].repeat(BATCH, 1) for name in ("input_ids", "attention_mask"))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, STEPS)
    weight = torch.tensor(2.0)
    for step, (pixels, shown, boxes) in enumerate(batches(processor, STEPS)):
        made = model(input_ids=ids, attention_mask=attended, pixel_values=pixels)
        found = nn.functional.binary_cross_entropy_with_logits(made.logits, shown, pos_weight=weight)
        has = shown.any(-1)
        placed = (made.pred_boxes - boxes).abs()[has].mean()
        optimizer.zero_grad()
        (found + 5 * placed).backward()
        optimizer.step()
        schedule.step()
        if step % 100 == 99:
            sys.stderr.write(f"{step + 1} {found.item():.4f} {placed.item():.4f}\n")
    model.eval().half().save_pretrained(folder)
    processor.save_pretrained(folder)


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
