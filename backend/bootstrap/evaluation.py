"""Wiring of `masklet eval`: a checkpoint and the held-out clips; no queue, no ledger, no Label Studio."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from backend.bootstrap.container import Container
from backend.bootstrap.engine import build_engine
from backend.evaluation.protocol import evaluate
from backend.evaluation.synthetic.evaluation import HELD_OUT_CLIPS, HeldOutClip, held_out_clips

OnClip = Callable[[Iterable[HeldOutClip], int], Iterable[HeldOutClip]]
"""Yields the clips it is given, of which `int` come; may show progress."""


def evaluate_checkpoint(name: str, clips: int | None, watch: OnClip) -> dict[str, float | int | None]:
    """The figures of a checkpoint on the first `clips` held-out clips (None: all), each rounded to four places.

    Raises ModelError if there is no such checkpoint.
    """
    container = Container.from_environment(model=name)
    engine = build_engine(container, shares_cores=False)
    count = HELD_OUT_CLIPS if clips is None else min(clips, HELD_OUT_CLIPS)
    return evaluate(engine, watch(held_out_clips(count), count)).to_json()
