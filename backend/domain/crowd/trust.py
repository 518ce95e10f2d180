"""Trust: the share of right masks that is expected of a person, as a beta posterior that forgets with time."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from backend.domain.crowd.estimates import Estimate
from backend.domain.crowd.trust_beta import beta_interval, share_interval

DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """How trust is estimated and used.

    half_life_days: an observation of that age counts half; 0: none is forgotten. prior_right, prior_wrong: a person
    without observations. required: the share of right masks from which a person's work is taken. gold_weight,
    verdict_weight: independent masks in a gold mask, and in a verdict on a masklet. agreement_weight: independent masks
    in a masklet that others have too: its frames are right or wrong together.
    """

    half_life_days: float = 60.0
    prior_right: float = 1.5
    prior_wrong: float = 0.5
    required: float = 0.75
    gold_weight: float = 1.0
    verdict_weight: float = 2.0
    agreement_weight: float = 2.0

    def __post_init__(self) -> None:
        if not 0.0 < self.required < 1.0 or self.half_life_days < 0.0:
            raise ValueError(f"no trust policy: {self}")


DEFAULT_POLICY = TrustPolicy()


@dataclass(frozen=True, slots=True)
class Observation:
    """right: the share of right masks, 0..1, or the probability that a mask is right. weight: independent masks.

    at_s: when the masks were submitted, wall clock.
    """

    right: float
    weight: float
    at_s: float


@dataclass(frozen=True, slots=True)
class TrustAt:
    """A person's trust at a time. at_s: wall clock."""

    at_s: float
    trust: Estimate


def trust_of(observed: Iterable[Observation], *, now_s: float, policy: TrustPolicy = DEFAULT_POLICY) -> Estimate:
    """The beta posterior. observations: their weights together, after decay; 0 is the prior alone."""
    right, wrong = sums_of(observed, now_s=now_s, policy=policy)
    return beta_interval(policy.prior_right + right, policy.prior_wrong + wrong, observations=right + wrong)


def share_of(observed: Iterable[Observation], *, now_s: float, policy: TrustPolicy = DEFAULT_POLICY) -> Estimate | None:
    """The observed share, with its interval; None without observations. Unlike trust it has no prior."""
    right, wrong = sums_of(observed, now_s=now_s, policy=policy)
    return share_interval(right, wrong) if right + wrong > 0 else None


def sums_of(
    observed: Iterable[Observation], *, now_s: float, policy: TrustPolicy = DEFAULT_POLICY
) -> tuple[float, float]:
    """The right and the wrong masks, after decay. An observation of the future counts as one of now."""
    right = wrong = 0.0
    for each in observed:
        weight = each.weight * decay(now_s - each.at_s, policy)
        right += weight * each.right
        wrong += weight * (1 - each.right)
    return right, wrong


def decay(age_s: float, policy: TrustPolicy = DEFAULT_POLICY) -> float:
    """The weight of an observation of that age, 0..1."""
    if not policy.half_life_days:
        return 1.0
    return float(0.5 ** (max(age_s, 0.0) / (policy.half_life_days * DAY_S)))


def is_sent_back(trust: Estimate, policy: TrustPolicy = DEFAULT_POLICY) -> bool:
    """Whether the whole interval lies below the required share. A person without observations is never sent back."""
    return trust.observations > 0 and trust.high < policy.required


@dataclass(frozen=True, slots=True)
class CheckPolicy:
    """How much is checked. error_left: the share of wrong masks that may be left after checks.

    missed: the share of wrong masks that one check does not find. least: so much of everybody's work is checked, or
    nobody would notice a change. most: checks of a masklet.
    """

    error_left: float = 0.02
    missed: float = 0.2
    least: float = 0.05
    most: float = 3.0


DEFAULT_CHECKS = CheckPolicy()


def check_share(trust: Estimate, policy: CheckPolicy = DEFAULT_CHECKS) -> float:
    """The checks of each of a person's masklets: 0.3 is three of ten once; 1.4 each once, and four of ten again.

    A share s of single checks leaves (1 - s (1 - missed)) of the errors, and a second check `missed` of what is left.
    The errors are those at the middle between the estimate and the lower end of its interval: of a newcomer all is
    checked.
    """
    errors = 1.0 - (trust.mean + trust.low) / 2
    left, checks = errors, 0.0
    while left > policy.error_left and checks < policy.most:
        share = min((1.0 - policy.error_left / left) / (1.0 - policy.missed), 1.0)
        left *= 1.0 - share * (1.0 - policy.missed)
        checks += share
        if share < 1.0:
            break
    return min(max(checks, policy.least), policy.most)


def log_odds(trust: float) -> float:
    """ln(t / (1 - t)) of a trust within 0..1, kept within that of 0.01 and 0.99."""
    bounded = min(max(trust, 0.01), 0.99)
    return math.log(bounded / (1 - bounded))
