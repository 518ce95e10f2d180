"""What extra passes found about one object on one frame, and what that makes of its uncertainty.

Owns the combination: logistic in the uncertainty's logit and in what was found, with weights for each set of findings
that there can be. Learnt elsewhere, from frames where a mask was shown; of empty masks it says nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

_CERTAIN = 1e-3
"""An uncertainty nearer to 0 or 1 counts as this near: no second look should have to outweigh more."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Disagreements, 0..1; None where there was nothing to compare.

    forward_backward: 1 - IoU of the masks that the human frames before and after lead to, each alone.
    cycle: 1 - IoU of the nearest human frame's mask and of what this frame's mask becomes when carried there.
    """

    forward_backward: float | None = None
    cycle: float | None = None

    def values(self) -> tuple[tuple[str, float], ...]:
        """Name and value of what was found."""
        named = (("forward_backward", self.forward_backward), ("cycle", self.cycle))
        return tuple((name, value) for name, value in named if value is not None)


@dataclass(frozen=True, slots=True)
class Weights:
    """bias + uncertainty * logit(u) + the sum of others, by the name of a finding, is the new logit."""

    bias: float
    uncertainty: float
    findings: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SecondOpinion:
    """How findings change an uncertainty. One set of weights for each combination of findings, by their names."""

    weights: tuple[Weights, ...]

    @property
    def names(self) -> frozenset[str]:
        """The findings that it has learnt from: others need not be sought."""
        return frozenset(name for weights in self.weights for name in weights.findings)

    def uncertainty(self, first: float, findings: Findings) -> float:
        """The uncertainty after a second look, 0..1; the first one where nothing was found that was learnt from.

        Of several sets of weights whose findings are all there, the one with most of them counts.
        """
        found = dict(findings.values())
        fitting = [weights for weights in self.weights if weights.findings.keys() <= found.keys()]
        if not fitting:
            return first
        weights = max(fitting, key=lambda one: len(one.findings))
        logit = weights.bias + weights.uncertainty * certain_logit(first)
        logit += sum(weight * found[name] for name, weight in weights.findings.items())
        return 1.0 / (1.0 + math.exp(-logit))

    def document(self) -> list[dict[str, object]]:
        """For a calibrator's file."""
        return [{"bias": w.bias, "uncertainty": w.uncertainty, "findings": dict(w.findings)} for w in self.weights]


def second_opinion_of(listed: object) -> SecondOpinion:
    """What `document` wrote. Raises ValueError, KeyError or TypeError for anything else."""
    if not isinstance(listed, list) or not listed:
        raise ValueError("the second look has no weights")
    return SecondOpinion(tuple(_weights(entry) for entry in listed))


def certain_logit(uncertainty: float) -> float:
    """log(u / (1 - u)), bounded."""
    bounded = min(max(uncertainty, _CERTAIN), 1.0 - _CERTAIN)
    return math.log(bounded / (1.0 - bounded))


def _weights(entry: Mapping[str, object]) -> Weights:
    findings = entry["findings"]
    if not isinstance(findings, dict) or not findings or findings.keys() - {"forward_backward", "cycle"}:
        raise ValueError("the second look has weights of unknown findings")
    named = {str(name): _finite(value) for name, value in findings.items()}
    return Weights(_finite(entry["bias"]), _finite(entry["uncertainty"]), named)


def _finite(value: object) -> float:
    if not isinstance(value, int | float) or not math.isfinite(value) or abs(value) > 100:
        raise ValueError("the second look's weights are no numbers")
    return float(value)
