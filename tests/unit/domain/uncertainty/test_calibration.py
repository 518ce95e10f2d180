"""A calibrator: its uncertainty of two probabilities, its text form, and invalid text."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from backend.domain.errors import IntegrityError
from backend.domain.uncertainty.calibration import Calibrator, Ensemble, Layer, Network, calibrator_of
from backend.domain.uncertainty.features import FEATURES

COUNT = len(FEATURES)


def network(feature: str, weight: float, bias: float = 0.0) -> Network:
    weights = np.zeros((COUNT, 1))
    weights[FEATURES.index(feature)] = weight
    return Network((Layer(weights, np.array([bias])),))


def calibrator() -> Calibrator:
    return Calibrator(
        sha256="ab" * 32,
        mean=np.zeros(COUNT),
        scale=np.ones(COUNT),
        presence=(network("presence", 4.0),),
        failure=(network("soft_doubt", 2.0),),
        curve_x=np.array([0.0, 1.0]),
        curve_y=np.array([0.0, 1.0]),
        fitted_on=("parade",),
    )


def row(**values: float) -> list[float]:
    return [values.get(name, 0.0) for name in FEATURES]


def test_a_mask_s_uncertainty_adds_absence_and_error() -> None:
    chance = 1 / (1 + np.exp(-4.0))
    assert calibrator().uncertainty(row(emitted=1.0, presence=1.0)) == pytest.approx(chance * 0.5 + 1 - chance)
    assert calibrator().uncertainty(row(emitted=1.0, presence=-3.0)) == pytest.approx(1.0, abs=1e-5)


def test_an_empty_mask_s_uncertainty_is_the_chance_of_presence() -> None:
    assert calibrator().uncertainty(row(presence=-3.0)) == pytest.approx(0.0, abs=1e-5)
    assert calibrator().uncertainty(row(presence=0.0)) == pytest.approx(0.5)


def test_hidden_layers_are_tanh_and_rows_are_standardised() -> None:
    hidden = Network((Layer(np.full((1, 2), 0.5), np.zeros(2)), Layer(np.array([[1.0], [1.0]]), np.zeros(1))))
    still = Network((Layer(np.zeros((1, 2)), np.zeros(2)), Layer(np.zeros((2, 1)), np.zeros(1))))
    expected = 1 / (1 + np.exp(-2 * np.tanh(0.5)))
    plain = Ensemble((hidden, still), np.zeros(1), np.ones(1))
    assert plain.probabilities([1.0]) == pytest.approx([expected, 0.5])
    assert plain.probabilities([0.0]) == pytest.approx([0.5, 0.5])
    shifted = Ensemble((hidden,), np.array([3.0]), np.array([2.0]))
    assert shifted.probabilities([5.0]) == pytest.approx([expected])


def test_the_curve_is_linear_between_knots_and_flat_beyond() -> None:
    curved = replace(calibrator(), curve_x=np.array([0.2, 0.4, 0.4, 0.6]), curve_y=np.array([0.1, 0.3, 0.5, 0.9]))
    for chance in (0.05, 0.2, 0.3, 0.5, 0.55, 0.6, 0.95):
        rated = curved.uncertainty(row(presence=float(np.log(chance / (1 - chance))) / 4))
        assert rated == pytest.approx(float(np.interp(chance, curved.curve_x, curved.curve_y)), abs=1e-9)


def test_members_are_averaged() -> None:
    sure = Layer(np.zeros((COUNT, 1)), np.array([30.0]))
    split = replace(calibrator(), presence=(Network((sure,)),), failure=(network("soft_doubt", 0.0), Network((sure,))))
    assert split.uncertainty(row(emitted=1.0)) == pytest.approx((0.5 + 1.0) / 2)


def test_networks_that_are_not_alike_are_refused() -> None:
    flat = Network((Layer(np.zeros((1, 1)), np.zeros(1)),))
    deep = Network((Layer(np.zeros((1, 2)), np.zeros(2)), Layer(np.zeros((2, 1)), np.zeros(1))))
    for networks in ((), (flat, deep)):
        with pytest.raises(ValueError, match=r"no networks|shorter|longer"):
            Ensemble(networks, np.zeros(1), np.ones(1))


def test_a_round_trip_through_text_keeps_numbers_and_digest() -> None:
    made = calibrator()
    again = calibrator_of(made.to_text())
    rows = np.random.default_rng(0).normal(size=(20, COUNT))
    assert np.array_equal(again.uncertainties(rows), made.uncertainties(rows))
    assert (again.digest, again.sha256, again.fitted_on) == (made.digest, "ab" * 32, ("parade",))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "another release"),
        ({"features": ["presence"]}, "another release"),
        ({"mean": "x"}, "cannot be read"),
        ({"presence": []}, "cannot be read"),
        ({"curve_y": [3.0, 4.0]}, "probabilities"),
        ({"failure": [[{"weights": [[1.0]], "bias": [0.0]}]]}, "cannot be read"),
    ],
)
def test_a_text_that_is_no_calibrator_is_refused(change: dict[str, object], message: str) -> None:
    body = json.loads(calibrator().to_text()) | change
    with pytest.raises(IntegrityError, match=message):
        calibrator_of(json.dumps(body))


def test_text_that_is_not_json_is_refused() -> None:
    with pytest.raises(IntegrityError, match="cannot be read"):
        calibrator_of("{")


@pytest.mark.parametrize("learnt", [[{"bias": -0.5, "uncertainty": 0.8, "findings": {"cycle": 1.8}}], "unreadable"])
def test_the_second_look_of_an_earlier_build_s_file_is_ignored(learnt: object) -> None:
    made = calibrator()
    again = calibrator_of(json.dumps(json.loads(made.to_text()) | {"second_look": learnt}))
    assert again.digest == made.digest
    assert again.to_text() == made.to_text()
