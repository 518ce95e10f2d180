"""Whether a trained checkpoint is offered: better beyond doubt on held-out videos, and nothing forgotten."""

from __future__ import annotations

from dataclasses import dataclass

from backend.training.measure.gain import Gain, gain_of
from backend.training.measure.measuring import Measured

MOST_FORGOTTEN = 0.01
"""J on the general set that a training may cost."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """gain: of the mean of J and F. reason: one sentence or two for people."""

    gain: Gain
    better: bool
    reason: str


def judge(before: Measured, after: Measured, seed: int, stopped: str = "") -> Judgement:
    """Compares the same objects of the held-out videos. stopped: why the training ended early, for the reason."""
    known = {(each.group, each.name): each for each in before.objects}
    pairs = [(known[each.group, each.name], each) for each in after.objects if (each.group, each.name) in known]
    gain = gain_of(
        [one.group for one, _ in pairs],
        [one.j_and_f for one, _ in pairs],
        [other.j_and_f for _, other in pairs],
        seed,
    )
    forgotten = before.figures.general_j - after.figures.general_j
    shown = f"{gain.mean:+.3f} (95 % interval {gain.low:+.3f} to {gain.high:+.3f}, {len(pairs)} objects)"
    better = gain.low > 0 and forgotten <= MOST_FORGOTTEN
    if gain.low <= 0:
        reason = f"Not offered: J&F on the held-out videos changed by {shown}, which may be chance."
    elif not better:
        reason = (
            f"Not offered: J&F on the held-out videos changed by {shown}, but J on general clips fell by "
            f"{forgotten:.3f}, more than {MOST_FORGOTTEN:g}."
        )
    else:
        reason = f"Better on the held-out videos: J&F changed by {shown}; J on general clips by {-forgotten:+.3f}."
    return Judgement(gain, better, f"{reason} The training ended early: {stopped}." if stopped else reason)
