"""Trust: beta quantiles, decay, who is sent back, how much is checked, who is right."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special  # type: ignore[import-untyped]

from backend.domain.crowd.estimates import Estimate
from backend.domain.crowd.trust import (
    DAY_S,
    CheckPolicy,
    Observation,
    TrustPolicy,
    check_share,
    is_sent_back,
    share_of,
    trust_of,
)
from backend.domain.crowd.trust_agreement import right_probabilities
from backend.domain.crowd.trust_beta import beta_below, beta_interval, beta_quantile, share_interval

NOW_S = 1e9


@pytest.mark.parametrize(("a", "b"), [(0.5, 0.5), (3.0, 1.0), (1.0, 40.0), (250.0, 3.5), (2000.0, 900.0)])
def test_quantiles_are_those_of_scipy(a: float, b: float) -> None:
    for share in (0.025, 0.3, 0.975):
        assert beta_quantile(share, a, b) == pytest.approx(special.betaincinv(a, b, share), abs=1e-7)
    assert beta_below(0.6, a, b) == pytest.approx(special.betainc(a, b, 0.6), abs=1e-9)


def test_an_interval_always_has_its_mean() -> None:
    found = beta_interval(0.02, 3.0, observations=3)
    assert found.low <= found.mean <= found.high
    with pytest.raises(ValueError, match="no beta distribution"):
        beta_below(0.5, 0.0, 1.0)


def test_an_observed_share_has_no_prior() -> None:
    found = share_interval(5.0, 0.0)
    assert (found.mean, found.high, found.observations) == (1.0, 1.0, 5.0)
    assert found.low == pytest.approx(special.betaincinv(5.5, 0.5, 0.025), abs=1e-6)


def seen(right: int, wrong: int, *, days: float = 0.0) -> list[Observation]:
    at_s = NOW_S - days * DAY_S
    return [Observation(1.0, 1.0, at_s)] * right + [Observation(0.0, 1.0, at_s)] * wrong


def test_without_observations_there_is_the_prior_and_nothing_is_claimed() -> None:
    trust = trust_of([], now_s=NOW_S)
    assert (trust.mean, trust.observations) == (0.75, 0.0)
    assert trust.high - trust.low > 0.6
    assert not is_sent_back(trust)
    assert share_of([], now_s=NOW_S) is None


def test_observations_narrow_the_interval_and_lose_weight() -> None:
    fresh, old = trust_of(seen(40, 0), now_s=NOW_S), trust_of(seen(40, 0, days=60), now_s=NOW_S)
    assert fresh.low > old.low > trust_of([], now_s=NOW_S).low
    assert fresh.observations == 40.0
    assert old.observations == pytest.approx(20.0)
    kept = trust_of(seen(40, 0, days=600), now_s=NOW_S, policy=TrustPolicy(half_life_days=0))
    assert kept == fresh
    ahead = trust_of(seen(40, 0, days=-5), now_s=NOW_S)
    assert ahead == fresh


def test_only_a_whole_interval_below_the_mark_is_sent_back() -> None:
    assert is_sent_back(trust_of(seen(2, 10), now_s=NOW_S))
    assert not is_sent_back(trust_of(seen(0, 2), now_s=NOW_S))
    assert not is_sent_back(trust_of(seen(30, 10), now_s=NOW_S))


def test_checks_fall_with_trust_and_never_end() -> None:
    newcomer, known, bad = trust_of([], now_s=NOW_S), trust_of(seen(400, 2), now_s=NOW_S), Estimate(0.3, 0.2, 0.4, 50)
    assert check_share(newcomer) > 1.0
    assert check_share(known) == CheckPolicy().least
    assert check_share(bad) > check_share(newcomer)
    assert check_share(bad) <= CheckPolicy().most
    middling = Estimate(0.95, 0.95, 0.95, 100)
    # 5 % errors to 2 %: a share s of checks with 0.05 (1 - 0.8 s) = 0.02
    assert check_share(middling) == pytest.approx(0.6 / 0.8)


def test_who_is_right_is_who_agrees() -> None:
    all_agree = np.ones((1, 3, 3), np.bool_)
    assert right_probabilities(all_agree, [0.9, 0.9, 0.9]).right.min() > 0.97
    one_apart = np.array([[[1, 1, 0], [1, 1, 0], [0, 0, 1]]], np.bool_)
    found = right_probabilities(one_apart, [0.8, 0.8, 0.8])
    assert found.right[0, 0] > 0.9
    assert found.right[0, 2] < 0.1


def test_two_who_are_not_trusted_do_not_outvote_one_who_is() -> None:
    one_apart = np.array([[[1, 1, 0], [1, 1, 0], [0, 0, 1]]], np.bool_)
    found = right_probabilities(one_apart, [0.3, 0.3, 0.97])
    assert found.right[0, 2] > 0.8
    assert found.right[0, 0] < 0.2


def test_nobody_may_be_right() -> None:
    apart = np.eye(3, dtype=np.bool_)[None]
    assert right_probabilities(apart, [0.3, 0.3, 0.3]).nobody[0] > 0.3
    with pytest.raises(ValueError, match="at most 10"):
        right_probabilities(np.ones((1, 11, 11), np.bool_), [0.9] * 11)
