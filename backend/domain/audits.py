"""Audit statistics: the failure rate of unsuspected frames, compared with the predicted uncertainty.

Owns the arithmetic. Audit frames are drawn at random from the frames that were not chosen for their uncertainty.
Their corrections therefore represent all such frames; corrections of suspected frames do not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.uncertainty.scoring import FAILED_BELOW

MIN_AUDITED_MASKS = 30
"""Smallest count of audited masks with a verdict; below it, one more failure would change the verdict."""

_Z = 1.959964
"""Normal quantile of the two-sided 95 % interval."""


@dataclass(frozen=True, slots=True)
class AuditedMask:
    """A mask that a person checked. uncertainty: predicted before the check; iou: with the person's correction."""

    uncertainty: float
    iou: float


class Verdict(StrEnum):
    """Whether uncertainty, as a probability, agrees with the failure rate of the audits."""

    TOO_FEW = "too few"
    HOLDS = "holds"
    TOO_LOW = "failures are more frequent than foretold"
    TOO_HIGH = "failures are rarer than foretold"
    NO_PROBABILITY = "ranks foretell no rate"


@dataclass(frozen=True, slots=True)
class AuditTally:
    """count: masks checked; failures: wrong masks among them; predicted: the mean of their uncertainties."""

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
        """Wilson's 95 % interval of the rate, within 0..1; (0, 1) if nothing was checked.

        Assumes independent masks. Masks of one video are correlated, so the true interval is wider.
        """
        if not self.count:
            return 0.0, 1.0
        n, p, z2 = self.count, self.rate, _Z * _Z
        center = (p + z2 / (2 * n)) / (1 + z2 / n)
        half_width = _Z / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(center - half_width, 0.0), min(center + half_width, 1.0)

    @property
    def verdict(self) -> Verdict:
        """Whether the mean uncertainty lies within the interval of the rate."""
        low, high = self.interval
        if self.count < MIN_AUDITED_MASKS:
            return Verdict.TOO_FEW
        if not self.is_probability:
            return Verdict.NO_PROBABILITY
        if self.predicted < low:
            return Verdict.TOO_LOW
        return Verdict.TOO_HIGH if self.predicted > high else Verdict.HOLDS

    def document(self) -> dict[str, object]:
        """The tally as a JSON object."""
        return {
            "masks": self.count,
            "failures": self.failures,
            "interval": [round(bound, 4) for bound in self.interval],
            "predicted": round(self.predicted, 4) if self.count and self.is_probability else None,
            "verdict": self.verdict.value,
        }

    def sentence(self) -> str:
        """The tally as one sentence."""
        if not self.count:
            return "no audit frame has been corrected yet"
        low, high = self.interval
        result = f"{self.failures} of {self.count} audited masks were wrong ({low:.0%} to {high:.0%})"
        if self.verdict is Verdict.TOO_FEW:
            return f"{result}; too few to judge by, {MIN_AUDITED_MASKS} are needed"
        if self.verdict is Verdict.NO_PROBABILITY:
            return f"{result}; the model has no calibrator, so that nothing was foretold"
        prediction = f"uncertainty foretold {self.predicted:.0%}"
        return f"{result}; {prediction}: " + (
            "calibration holds" if self.verdict is Verdict.HOLDS else f"{self.verdict.value}, fit the calibrator anew"
        )


def tally(masks: Sequence[AuditedMask], *, is_probability: bool) -> AuditTally:
    """The tally of audited masks; a mask with an IoU below FAILED_BELOW is a failure."""
    failures = sum(mask.iou < FAILED_BELOW for mask in masks)
    predicted = sum(mask.uncertainty for mask in masks) / len(masks) if masks else math.nan
    return AuditTally(len(masks), failures, predicted, is_probability)
