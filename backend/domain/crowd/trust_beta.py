"""The beta distribution: its distribution function and quantiles. Standard library alone."""

from __future__ import annotations

import math

from backend.domain.crowd.estimates import Estimate

TAIL = 0.025
"""Of the 95 % interval, at either side."""

_STEPS = 60
_SMALLEST = 1e-300


def beta_interval(right: float, wrong: float, *, observations: float) -> Estimate:
    """The beta distribution with these parameters (both above 0): its mean and 95 % interval.

    With a small parameter the mean can lie outside of the interval of equal tails; the interval is widened to have it.
    """
    mean = right / (right + wrong)
    low, high = beta_quantile(TAIL, right, wrong), beta_quantile(1 - TAIL, right, wrong)
    return Estimate(mean, min(low, mean), max(high, mean), observations)


def share_interval(right: float, wrong: float) -> Estimate:
    """The observed share right / (right + wrong), which must be above 0 together, with Jeffreys' 95 % interval.

    For a mean of values within 0..1 the interval is wide enough: their variance is at most that of a share.
    """
    found = beta_interval(0.5 + right, 0.5 + wrong, observations=right + wrong)
    share = right / (right + wrong)
    return Estimate(share, min(found.low, share), max(found.high, share), found.observations)


def beta_quantile(probability: float, a: float, b: float) -> float:
    """The value below which that share of the distribution lies, to 1e-9. By bisection."""
    low, high = 0.0, 1.0
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if beta_below(middle, a, b) < probability:
            low = middle
        else:
            high = middle
        if high - low < 1e-9:
            break
    return (low + high) / 2


def beta_below(x: float, a: float, b: float) -> float:
    """The regularized incomplete beta function I_x(a, b). Raises ValueError unless a and b are above 0.

    By the continued fraction of Press et al., Numerical Recipes, 6.4.
    """
    if a <= 0 or b <= 0:
        raise ValueError(f"no beta distribution has the parameters {a} and {b}")
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast on the other side
        return 1 - beta_below(1 - x, b, a)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    return math.exp(log_front) * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    """Lentz's evaluation of the continued fraction."""
    c, d = 1.0, 1 / _apart(1 - (a + b) * x / (a + 1))
    value = d
    for step in range(1, 500):
        even = step * (b - step) * x / ((a + 2 * step - 1) * (a + 2 * step))
        odd = -(a + step) * (a + b + step) * x / ((a + 2 * step) * (a + 2 * step + 1))
        for term in (even, odd):
            d = 1 / _apart(1 + term * d)
            c = _apart(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < 1e-12:
            break
    return value


def _apart(value: float) -> float:
    return value if abs(value) > _SMALLEST else _SMALLEST
