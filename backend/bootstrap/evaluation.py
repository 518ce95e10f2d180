"""Wiring of `masklet eval`: a checkpoint and the held-out clips; no queue, no ledger, no Label Studio."""

from __future__ import annotations

from backend.application.ports.progress import counted
from backend.bootstrap.container import Container
from backend.bootstrap.engine import build_engine
from backend.evaluation.protocol import evaluate
from backend.evaluation.synthetic.evaluation import HELD_OUT_CLIPS, held_out_clips


def evaluate_checkpoint(name: str, clips: int | None) -> dict[str, float | int | None]:
    """The figures of a checkpoint on the first `clips` held-out clips (None: all), each rounded to four places.

    Raises ModelError if there is no such checkpoint.
    """
    container = Container.from_environment(model=name)
    engine = build_engine(container, shares_cores=False)
    count = HELD_OUT_CLIPS if clips is None else min(clips, HELD_OUT_CLIPS)
    return evaluate(engine, counted(held_out_clips(count), "clips", count)).to_json()
