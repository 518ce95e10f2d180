"""Calibrator: turns a feature row of one checkpoint into a probability.

Owns the parameters and their application: two ensembles of small networks, one for P(object present) and one for
P(mask bad | object present), and a curve that corrects the combined probability to observed frequencies. Does not own
fitting. A calibrator belongs to one checkpoint's weights: evidence is not comparable across models.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import IntegrityError
from backend.domain.uncertainty.features import FEATURES

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FORMAT = 1
DIGEST_DIGITS = 8
CALIBRATED = re.compile(rf"-u[0-9a-f]{{{DIGEST_DIGITS}}}$")
"""The end of a calibrated model's version."""

_EMITTED = FEATURES.index("emitted")


def is_probability(model_version: str) -> bool:
    """Whether the uncertainty of this model version is calibrated."""
    return CALIBRATED.search(model_version) is not None


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """weights: [inputs, outputs]; bias: [outputs]."""

    weights: Matrix
    bias: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers with tanh between them and one output; a single layer is logistic regression."""

    layers: tuple[Layer, ...]


class Ensemble:
    """Networks of equal depth, evaluated together on standardised rows.

    Raises ValueError if there are no networks or their depths differ.
    """

    def __init__(self, networks: Sequence[Network], mean: Vector, scale: Vector) -> None:
        if not networks:
            raise ValueError("it has no networks")
        first, *others = zip(*(network.layers for network in networks), strict=True)
        weights = np.hstack([layer.weights for layer in first]) / scale[:, None]
        bias = np.concatenate([layer.bias for layer in first]) - mean @ weights
        self._layers = [(weights, bias), *(_side_by_side(layers) for layers in others)]

    def probabilities(self, row: Sequence[float]) -> list[float]:
        """One probability per network, 0..1, of one row [F].

        Rows are evaluated one by one: a frame has only a few rows, so batching saves no time, and a row's result is
        independent of the other rows, to the last bit.
        """
        values = np.asarray(row, np.float64)
        for position, (weights, bias) in enumerate(self._layers):
            values = np.dot(np.tanh(values) if position else values, weights)
            values += bias
        return [0.5 + 0.5 * math.tanh(0.5 * value) for value in values.tolist()]


def _side_by_side(layers: Sequence[Layer]) -> tuple[Matrix, Vector]:
    """Block-diagonal weights and concatenated biases of layers."""
    shape = (sum(len(layer.weights) for layer in layers), sum(len(layer.bias) for layer in layers))
    weights, row, column = np.zeros(shape), 0, 0
    for layer in layers:
        high, wide = layer.weights.shape
        weights[row : row + high, column : column + wide] = layer.weights
        row, column = row + high, column + wide
    return weights, np.concatenate([layer.bias for layer in layers])


@dataclass(frozen=True, slots=True, eq=False)
class Calibrator:
    """Features to probability, for one checkpoint. All networks have one depth.

    sha256: of the checkpoint's weights. mean, scale: [F], standardise a row of FEATURES. presence: networks for
    P(object present). failure: networks for P(IoU < 0.75 | object present). curve_x, curve_y: [K] ascending, the
    correction of the uncertainty. fitted_on: the generators of the training data.
    """

    sha256: str
    mean: Vector
    scale: Vector
    presence: tuple[Network, ...]
    failure: tuple[Network, ...]
    curve_x: Vector
    curve_y: Vector
    fitted_on: tuple[str, ...]
    _networks: Ensemble = field(init=False, repr=False, compare=False)
    _curve: list[tuple[float, float]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises ValueError if presence or failure has no networks, or depths differ."""
        if not self.presence or not self.failure:
            raise ValueError("it has no networks")
        object.__setattr__(self, "_networks", Ensemble([*self.presence, *self.failure], self.mean, self.scale))
        object.__setattr__(self, "_curve", list(zip(self.curve_x.tolist(), self.curve_y.tolist(), strict=True)))

    def uncertainty(self, row: Sequence[float]) -> float:
        """P(IoU < 0.75) of a row of FEATURES: u = q*g + (1 - q) where a mask was emitted, u = q where none was."""
        probabilities = self._networks.probabilities(row)
        count = len(self.presence)
        present = sum(probabilities[:count]) / count
        bad = sum(probabilities[count:]) / len(self.failure)
        return self._corrected(present * bad + (1.0 - present) if row[_EMITTED] > 0.5 else present)

    def uncertainties(self, rows: Matrix) -> Vector:
        """`uncertainty` of each row: [N, F] to [N]."""
        return np.array([self.uncertainty(row) for row in rows.tolist()], np.float64)

    def _corrected(self, raw: float) -> float:
        """Linear interpolation along the curve, constant beyond its ends."""
        after = bisect_right(self._curve, (raw, math.inf))
        if after == 0 or after == len(self._curve):
            return self._curve[max(after - 1, 0)][1]
        (x0, y0), (x1, y1) = self._curve[after - 1 : after + 1]
        return y0 + (y1 - y0) * (raw - x0) / (x1 - x0)

    @property
    def digest(self) -> str:
        """The first DIGEST_DIGITS hex digits of the SHA-256 of `to_text`; part of the model version."""
        return hashlib.sha256(self.to_text().encode()).hexdigest()[:DIGEST_DIGITS]

    def to_text(self) -> str:
        """The JSON of the calibrator's file."""
        body: dict[str, object] = {
            "format": FORMAT,
            "sha256": self.sha256,
            "meaning": "probability that a mask's IoU with the truth is below 0.75",
            "features": list(FEATURES),
            "fitted_on": list(self.fitted_on),
            "mean": _listed(self.mean),
            "scale": _listed(self.scale),
            "presence": [_network_json(network) for network in self.presence],
            "failure": [_network_json(network) for network in self.failure],
            "curve_x": _listed(self.curve_x),
            "curve_y": _listed(self.curve_y),
        }
        return json.dumps(body, separators=(",", ":")) + "\n"


def calibrator_of(text: str) -> Calibrator:
    """Parse the text of a calibrator file.

    Unknown fields are ignored: files of earlier builds have a `second_look`.
    Raises IntegrityError naming the fault.
    """
    try:
        body = json.loads(text)
        if body["format"] != FORMAT or tuple(body["features"]) != FEATURES:
            raise IntegrityError("the calibrator is of another release of Masklet: fit it anew")
        calibrator = Calibrator(
            sha256=str(body["sha256"]),
            mean=_vector(body["mean"]),
            scale=_vector(body["scale"]),
            presence=tuple(_network(network) for network in body["presence"]),
            failure=tuple(_network(network) for network in body["failure"]),
            curve_x=_vector(body["curve_x"]),
            curve_y=_vector(body["curve_y"]),
            fitted_on=tuple(str(name) for name in body["fitted_on"]),
        )
        probe = calibrator.uncertainty([0.0] * len(FEATURES))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"the calibrator cannot be read: {error}") from error
    if not math.isfinite(probe) or not 0.0 <= probe <= 1.0:
        raise IntegrityError("the calibrator does not give probabilities: fit it anew")
    return calibrator


def _listed(values: NDArray[np.float64]) -> list[object]:
    """Values as lists, with six significant digits: frequencies from thousands of frames are less precise."""
    listed: list[object] = json.loads(json.dumps(_rounded(values).tolist()))
    return listed


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([float(f"{value:.6g}") for value in values.flat]).reshape(values.shape)


def _network_json(network: Network) -> list[Mapping[str, object]]:
    return [{"weights": _listed(layer.weights), "bias": _listed(layer.bias)} for layer in network.layers]


def _network(listed: Sequence[Mapping[str, object]]) -> Network:
    layers = tuple(Layer(np.asarray(layer["weights"], np.float64), _vector(layer["bias"])) for layer in listed)
    if not layers or layers[-1].bias.shape != (1,):
        raise ValueError("a network ends in one number")
    return Network(layers)


def _vector(listed: object) -> Vector:
    vector = np.asarray(listed, np.float64)
    if vector.ndim != 1 or not len(vector) or not np.isfinite(vector).all():
        raise ValueError("a list of finite numbers is needed")
    return vector
