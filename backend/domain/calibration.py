"""A calibrator: what a row of features means for one checkpoint, as a probability.

Owns the numbers and how they are applied: two small networks, one for "is the object there at all" and one for "is
the mask bad, given that it is", and a curve that corrects their sum to the frequencies seen. Learnt elsewhere; here
only numpy. A calibrator is for one checkpoint's weights and refuses others: evidence means nothing across models.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import IntegrityError
from backend.domain.features import FEATURES
from backend.domain.second_look import SecondOpinion, second_opinion_of

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FORMAT = 1
DIGEST_DIGITS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """weights: [inputs, outputs]; bias: [outputs]."""

    weights: Matrix
    bias: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers with tanh between them and one number at the end; a single layer is logistic regression."""

    layers: tuple[Layer, ...]

    def probability(self, rows: Matrix) -> Vector:
        """rows: [N, inputs], standardised. Returns [N], 0..1."""
        values = rows
        for position, layer in enumerate(self.layers):
            values = values @ layer.weights + layer.bias
            if position < len(self.layers) - 1:
                values = np.tanh(values)
        chance: Vector = 1.0 / (1.0 + np.exp(-np.clip(values[:, 0], -30.0, 30.0)))
        return chance


@dataclass(frozen=True, slots=True, eq=False)
class Calibrator:
    """Evidence to probability, for one checkpoint.

    sha256: of the checkpoint's weights. mean, scale: [F], which standardise a row of FEATURES. presence: the chance
    that the object is there. failure: the chance that the mask's IoU is below 0.75, given that it is. curve_x,
    curve_y: [K] ascending, the correction of the uncertainty. fitted_on: the generators that it learnt from.
    second: what a second look makes of the uncertainty; None if that was not learnt, and then it changes nothing.
    """

    sha256: str
    mean: Vector
    scale: Vector
    presence: tuple[Network, ...]
    failure: tuple[Network, ...]
    curve_x: Vector
    curve_y: Vector
    fitted_on: tuple[str, ...]
    second: SecondOpinion | None = None

    def uncertainties(self, rows: Matrix) -> Vector:
        """P(IoU < 0.75) of rows [N, F]: u = q*g + (1 - q) where a mask was emitted, u = q where none was; [N]."""
        standard = (rows - self.mean) / self.scale
        present = _average(self.presence, standard)
        bad = _average(self.failure, standard)
        emitted = rows[:, FEATURES.index("emitted")] > 0.5
        raw = np.where(emitted, present * bad + (1.0 - present), present)
        corrected: Vector = np.interp(raw, self.curve_x, self.curve_y)
        return corrected

    def uncertainty(self, row: Sequence[float]) -> float:
        """Of one row of FEATURES."""
        return float(self.uncertainties(np.asarray(row, np.float64)[None])[0])

    @property
    def digest(self) -> str:
        """The first hex digits of its SHA-256: what a model version carries.

        Without the second look: what is stored while a video is propagated does not depend on it.
        """
        return hashlib.sha256(replace(self, second=None).to_text().encode()).hexdigest()[:DIGEST_DIGITS]

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
        if self.second is not None:
            body["second_look"] = self.second.document()
        return json.dumps(body, separators=(",", ":")) + "\n"


def calibrator_of(text: str) -> Calibrator:
    """The calibrator of a file's text. Raises IntegrityError saying what is wrong with it."""
    try:
        body = json.loads(text)
        if body["format"] != FORMAT or tuple(body["features"]) != FEATURES:
            raise IntegrityError("the calibrator is of another release of Masklet: fit it anew")
        made = Calibrator(
            sha256=str(body["sha256"]),
            mean=_vector(body["mean"]),
            scale=_vector(body["scale"]),
            presence=tuple(_network(network) for network in body["presence"]),
            failure=tuple(_network(network) for network in body["failure"]),
            curve_x=_vector(body["curve_x"]),
            curve_y=_vector(body["curve_y"]),
            fitted_on=tuple(str(name) for name in body["fitted_on"]),
            second=second_opinion_of(body["second_look"]) if "second_look" in body else None,
        )
        if not made.presence or not made.failure:
            raise ValueError("it has no networks")
        probe = made.uncertainty([0.0] * len(FEATURES))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"the calibrator cannot be read: {error}") from error
    if not math.isfinite(probe) or not 0.0 <= probe <= 1.0:
        raise IntegrityError("the calibrator does not give probabilities: fit it anew")
    return made


def _average(networks: Sequence[Network], rows: Matrix) -> Vector:
    mean: Vector = np.mean([network.probability(rows) for network in networks], axis=0)
    return mean


def _listed(values: NDArray[np.float64]) -> list[object]:
    """Six significant digits are more than a frequency from thousands of frames can mean."""
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
