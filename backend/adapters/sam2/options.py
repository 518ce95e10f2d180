"""How the engine is to work, as far as a person may choose."""

from __future__ import annotations

from dataclasses import dataclass


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
