"""A simulated full disk."""

from __future__ import annotations

import errno
import io
import os
import pathlib
from collections.abc import Callable

import pytest


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """After a call, every write fails with ENOSPC, from the second file opened for writing on."""
    opened = [0]
    real = pathlib.Path.open

    class Full(io.BytesIO):
        def write(self, body: object) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def limited(self: pathlib.Path, mode: str = "r", *args: object, **kwargs: object) -> object:
        if "w" in mode or "x" in mode:
            opened[0] += 1
            if opened[0] > 1:
                return Full()
        return real(self, mode, *args, **kwargs)  # type: ignore[call-overload]

    def fill() -> None:
        monkeypatch.setattr(pathlib.Path, "open", limited)

    return fill
