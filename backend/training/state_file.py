"""The state of a training run: written by rename, so that a kill at any time keeps the previous one."""

from __future__ import annotations

import os
import pickle
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from backend.codecs.full_disk import full_disk_told
from backend.domain.errors import IntegrityError


class Interval:
    """A time that repeats. is_over starts the next one when it is."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end_s = time.monotonic() + seconds

    def is_over(self) -> bool:
        now_s = time.monotonic()
        over = now_s >= self._end_s
        if over:
            self._end_s = now_s + self._seconds
        return over


def write_state(path: Path, state: Mapping[str, object]) -> None:
    """Replaces the state. Raises StorageFull; the previous state is then kept."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with full_disk_told(path.parent):
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)


def read_state(path: Path) -> dict[str, Any]:
    """The state, on the CPU; nothing but tensors and plain values. Raises FileNotFoundError or IntegrityError."""
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError) as error:
        raise IntegrityError(f"{path} is not the state of a training run: remove it to start anew") from error
    return state
