"""Exports a snapshot as the shipped checkpoint: averaged weights in half precision, their hash and facts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from backend.adapters.sam2.engine import load_engine
from backend.evaluation.protocol import Report, evaluate
from backend.evaluation.synthetic.evaluation import held_out_clips

LARGEST_BYTES = 20_000_000


def write_checkpoint(weights: Mapping[str, Tensor], folder: Path, facts: Mapping[str, object]) -> str:
    """Writes ``demo.safetensors`` and ``demo.json`` into ``folder``; returns the SHA-256 of the weights.

    Floating point weights are stored as float16. Raises ValueError if the file is too large to ship.
    """
    folder.mkdir(parents=True, exist_ok=True)
    halved = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in weights.items()
    }
    path = folder / "demo.safetensors"
    save_file(halved, path)
    content = path.read_bytes()
    if len(content) > LARGEST_BYTES:
        raise ValueError(f"the checkpoint has {len(content)} bytes; {LARGEST_BYTES} is the limit")
    sha256 = hashlib.sha256(content).hexdigest()
    body = {"name": "demo", "sha256": sha256, "bytes": len(content), **facts}
    (folder / "demo.json").write_text(json.dumps(body, indent=2) + "\n")
    return sha256


def averaged_weights(snapshot: Path, *others: Path) -> dict[str, Tensor]:
    """The averaged weights of a training snapshot, or the mean of several snapshots' averaged weights."""
    sets: list[dict[str, Tensor]] = [
        torch.load(path, map_location="cpu", weights_only=True)["average"] for path in (snapshot, *others)
    ]
    return {
        name: torch.stack([weights[name] for weights in sets]).mean(0) if value.is_floating_point() else value
        for name, value in sets[0].items()
    }


def samples_seen(snapshot: Path) -> dict[str, object]:
    """Steps, object samples and minutes of training of a snapshot."""
    progress = torch.load(snapshot, map_location="cpu", weights_only=True)["progress"]
    return {
        "steps": progress["steps"],
        "object_samples": progress["samples"],
        "minutes_trained": round(progress["seconds"] / 60, 1),
    }


def held_out_report(clips: int, threads: int) -> Report:
    """Evaluates the shipped checkpoint on the held-out clips, through the engine."""
    return evaluate(load_engine("demo", model_dir=None, device="cpu", threads=threads), held_out_clips(clips))
