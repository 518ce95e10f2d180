"""The parts of `masklet eval`: a checkpoint and the held-out clips; no queue, no ledger, no Label Studio."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from backend.adapters.sam2.engine import load_engine
from backend.adapters.synthetic.clips import render_clip
from backend.adapters.synthetic.evaluation import HELD_OUT_CLIPS, HELD_OUT_FRAMES, HeldOutClip
from backend.application.evaluate import evaluate
from backend.bootstrap.parts import load_settings, model_folder

Watch = Callable[[Sequence[int]], Iterable[int]]
"""Hands on the clips' seeds one by one, and may show how far it is."""


def evaluate_checkpoint(name: str, clips: int | None, watch: Watch) -> dict[str, float | int | None]:
    """The figures of a checkpoint on the first `clips` held-out clips (None: all), each rounded to four places.

    Raises ModelError if there is no such checkpoint.
    """
    settings = load_settings(model=name)
    engine = load_engine(name, model_dir=model_folder(settings), device=settings.device, threads=settings.threads)
    seeds = range(HELD_OUT_CLIPS if clips is None else min(clips, HELD_OUT_CLIPS))
    held_out = (HeldOutClip.of(render_clip(seed, frames=HELD_OUT_FRAMES)) for seed in watch(seeds))
    return evaluate(engine, held_out).to_json()
