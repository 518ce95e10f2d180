"""The engine's options."""

from __future__ import annotations

import pytest

from backend.adapters.sam2.runtime.options import EngineOptions
from backend.domain.errors import ModelError


def test_one_prompted_frame_attended_is_too_few() -> None:
    with pytest.raises(ModelError, match="at least 2 prompted frames must be attended"):
        EngineOptions(max_prompted_frames_attended=1)
    assert EngineOptions(max_prompted_frames_attended=2).max_prompted_frames_attended == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compile": "full"}, "MASKLET_COMPILE is 'full'; choose off, graphs, default or max"),
        ({"precision": "fp16"}, "MASKLET_PRECISION is 'fp16'; choose auto, float32, bfloat16 or int8"),
        (
            {"precision": "int8", "compile": "default"},
            "MASKLET_PRECISION int8 is not compiled: set MASKLET_COMPILE to off",
        ),
    ],
)
def test_an_unknown_choice(options: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError) as raised:
        EngineOptions(**options)  # type: ignore[arg-type]
    assert str(raised.value) == message
