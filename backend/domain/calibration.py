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
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from backend.domain.errors import IntegrityError
from backend.domain.features import FEATURES
from backend.domain.second_look import SecondOpinion, second_opinion_of

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

FORMAT = 1
DIGEST_DIGITS = 8
_EMITTED = FEATURES.index("emitted")


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """weights: [inputs, outputs]; bias: [outputs]."""

    weights: Matrix
    bias: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """Layers with tanh between them and one number at the end; a single layer is logistic regression."""

    layers: tuple[Layer, ...]


class Ensemble:
    """Networks of one shape, run as one. Raises ValueError if there are none, or of several shapes."""

    def __init__(self, networks: Sequence[Network]) -> None:
        if not networks:
            raise ValueError("it has no networks")
        self._layers = [
            (np.stack([layer.weights for layer in layers]), np.stack([layer.bias for layer in layers])[:, None])
            for layers in zip(*(network.layers for network in networks), strict=True)
        ]

    def probability(self, rows: Matrix) -> Vector:
        """The mean of the networks'. rows: [N, inputs], standardised. Returns [N], 0..1.

        A row is a product of its own, [1, inputs]: its number does not depend on the rows beside it, to the last bit.
        """
        values = rows[:, None, None]
        for position, (weights, bias) in enumerate(self._layers):
            values = np.matmul(np.tanh(values) if position else values, weights) + bias
        chances = 1.0 / (1.0 + np.exp(-np.clip(values[:, :, 0, 0], -30.0, 30.0)))
        mean: Vector = chances.mean(axis=1)
        return mean


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
    _is_there: Ensemble = field(init=False, repr=False, compare=False)
    _is_bad: Ensemble = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Raises ValueError if a chance has no networks, or of several shapes."""
        object.__setattr__(self, "_is_there", Ensemble(self.presence))
        object.__setattr__(self, "_is_bad", Ensemble(self.failure))

    def uncertainties(self, rows: Matrix) -> Vector:
        """P(IoU < 0.75) of rows [N, F]: u = q*g + (1 - q) where a mask was emitted, u = q where none was; [N]."""
        standard = (rows - self.mean) / self.scale
        present = self._is_there.probability(standard)
        bad = self._is_bad.probability(standard)
        emitted = rows[:, _EMITTED] > 0.5
        raw = np.where(emitted, present * bad + (1.0 - present), present)
        corrected: Vector = np.interp(raw, self.curve_x, self.curve_y)
        return corrected

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
        probe = float(made.uncertainties(np.zeros((1, len(FEATURES))))[0])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError(f"the calibrator cannot be read: {error}") from error
    if not math.isfinite(probe) or not 0.0 <= probe <= 1.0:
        raise IntegrityError("the calibrator does not give probabilities: fit it anew")
    return made


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
