"""The engine's options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from backend.adapters.sam2.runtime.compiled_steps import MODES
from backend.adapters.sam2.runtime.device import INT8, PRECISIONS
from backend.domain.errors import ModelError


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """feature_cache_mib: host memory of the feature cache; 0 keeps none.
    lookahead: frames encoded in one call; 0 chooses by the device.
    max_prompted_frames_attended: the most prompted frames of an object that are attended on a frame, the nearest ones,
        2 or more; 0 attends all of them.
    precision: one of device.PRECISIONS.
    compile: one of compiled_steps.MODES.
    image_size: `auto`, or the side of the model's input in pixels; see weights/image_size.py.
    """

    feature_cache_mib: int = 512
    lookahead: int = 0
    max_prompted_frames_attended: int = 0
    precision: str = "auto"
    compile: str = "off"
    image_size: str = "auto"

    def __post_init__(self) -> None:
        """Raises ModelError for an unknown choice, compiled int8, and a limit of 1.

        The nearest prompted frame on each side is always attended.
        """
        _require_one_of("MASKLET_PRECISION", self.precision, PRECISIONS)
        _require_one_of("MASKLET_COMPILE", self.compile, MODES)
        if self.precision == INT8 and self.compile != "off":
            raise ModelError("MASKLET_PRECISION int8 is not compiled: set MASKLET_COMPILE to off")
        if self.max_prompted_frames_attended == 1:
            raise ModelError("at least 2 prompted frames must be attended (MASKLET_MAX_PROMPTED_FRAMES_ATTENDED), or 0")


def _require_one_of(setting: str, given: str, choices: Sequence[str]) -> None:
    if given not in choices:
        raise ModelError(f"{setting} is {given!r}; choose {', '.join(choices[:-1])} or {choices[-1]}")
