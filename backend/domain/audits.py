"""What audits add up to: how often frames that nobody suspected were wrong, and whether that was foretold.

Owns the arithmetic. Audit frames are drawn at random from those that were not chosen for their uncertainty, so that
what people make of them says something about all such frames; corrections of suspected frames say nothing of that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.scoring import FAILED_BELOW

LEAST = 30
"""Fewer audited masks than this bear no verdict: one more failure would turn it."""

_Z = 1.959964
"""Two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class AuditedMask:
    """A mask that a person checked. uncertainty: what was said of it before; iou: with what the person made of it."""

    uncertainty: float
    iou: float


class Verdict(StrEnum):
    """Whether uncertainty, as a probability, agrees with what audits found."""

    TOO_FEW = "too few"
    HOLDS = "holds"
    TOO_LOW = "failures are more frequent than foretold"
    TOO_HIGH = "failures are rarer than foretold"
    NO_PROBABILITY = "ranks foretell no rate"


@dataclass(frozen=True, slots=True)
class AuditTally:
    """count masks were checked, failures of them wrong; predicted: the mean of their uncertainties."""

    count: int
    failures: int
    predicted: float
    is_probability: bool = True

    @property
    def rate(self) -> float:
        """Share of failures; nan if nothing was checked."""
        return self.failures / self.count if self.count else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The rate's 95 % interval (Wilson's), within 0..1; all of it if nothing was checked.

        It takes masks as independent; those of one video are less than that, so that the truth is wider.
        """
        if not self.count:
            return 0.0, 1.0
        n, p, z2 = self.count, self.rate, _Z * _Z
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(middle - half, 0.0), min(middle + half, 1.0)

    @property
    def verdict(self) -> Verdict:
        """Whether the mean uncertainty lies within the interval of the rate."""
        low, high = self.interval
        if self.count < LEAST:
            return Verdict.TOO_FEW
        if not self.is_probability:
            return Verdict.NO_PROBABILITY
        if self.predicted < low:
            return Verdict.TOO_LOW
        return Verdict.TOO_HIGH if self.predicted > high else Verdict.HOLDS

    def document(self) -> dict[str, object]:
        """For other tools."""
        return {
            "masks": self.count,
            "failures": self.failures,
            "interval": [round(bound, 4) for bound in self.interval],
            "predicted": round(self.predicted, 4) if self.count and self.is_probability else None,
            "verdict": self.verdict.value,
        }

    def sentence(self) -> str:
        """For people."""
        if not self.count:
            return "no audit frame has been corrected yet"
        low, high = self.interval
        found = f"{self.failures} of {self.count} audited masks were wrong ({low:.0%} to {high:.0%})"
        if self.verdict is Verdict.TOO_FEW:
            return f"{found}; too few to judge by, {LEAST} are needed"
        if self.verdict is Verdict.NO_PROBABILITY:
            return f"{found}; the model has no calibrator, so that nothing was foretold"
        foretold = f"uncertainty foretold {self.predicted:.0%}"
        return f"{found}; {foretold}: " + (
            "calibration holds" if self.verdict is Verdict.HOLDS else f"{self.verdict.value}, fit the calibrator anew"
        )


def tally(masks: Sequence[AuditedMask], *, is_probability: bool) -> AuditTally:
    """Add up."""
    failures = sum(mask.iou < FAILED_BELOW for mask in masks)
    predicted = sum(mask.uncertainty for mask in masks) / len(masks) if masks else math.nan
    return AuditTally(len(masks), failures, predicted, is_probability)
