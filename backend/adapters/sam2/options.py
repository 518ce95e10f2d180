"""How the engine is to work, as far as a person may choose."""

from __future__ import annotations

from dataclasses import dataclass

from backend.domain.errors import ModelError


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """feature_cache_mib: host memory for the features of frames seen; 0 keeps none.
    lookahead: frames encoded in one call; 0 chooses by the device.
    max_prompted_frames_attended: prompted frames of an object that are looked at when it is carried to a frame, the
        nearest ones, 2 or more; 0 looks at all of them.
    """

    feature_cache_mib: int = 512
    lookahead: int = 0
    max_prompted_frames_attended: int = 0

    def __post_init__(self) -> None:
        """Raises ModelError for a bound of one: the nearest frame to either side is always looked at."""
        if self.max_prompted_frames_attended == 1:
            raise ModelError("at least 2 prompted frames must be attended (MASKLET_MAX_PROMPTED_FRAMES_ATTENDED), or 0")
