"""Features of a frozen image encoder, kept on disk in half precision, within a bound of bytes."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from backend.codecs.full_disk import is_full
from backend.training.rollout import FrameFeatures, encode_frames

logger = logging.getLogger(__name__)

Key = tuple[int, int, int]
"""Video, frame, variant."""


class KeptFeatures:
    """Features by video, frame and variant. What is not on disk is encoded; the oldest files make place.

    A full disk is no error: nothing more is kept then.
    """

    def __init__(self, model: SAM2Base, folder: Path, most_bytes: int) -> None:
        self._model, self._folder, self._most_bytes = model, folder, most_bytes
        folder.mkdir(parents=True, exist_ok=True)
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)
        found = sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime)
        self._sizes = OrderedDict((path.name, path.stat().st_size) for path in found)
        self._nbytes = sum(self._sizes.values())
        with torch.no_grad():
            side = int(model.image_size)
            probe = encode_frames(model, np.zeros((1, side, side, 3), np.uint8))
        self._positions, self._sizes_px = probe.positions[-1:], probe.sizes
        self.bytes_each = sum(level.numel() * 2 for level in probe.levels)

    @property
    def capacity(self) -> int:
        """How many frames fit."""
        return max(1, self._most_bytes // self.bytes_each)

    def of(self, keys: list[Key], pixels: Callable[[Key], NDArray[np.uint8]]) -> FrameFeatures:
        """Features of frames, in order. pixels: a frame uint8 [S, S, 3] RGB by its key, called for unknown ones."""
        known = {key: self._read(key) for key in dict.fromkeys(keys)}
        for key, levels in known.items():
            if levels is None:
                known[key] = self._encode(key, pixels(key))
        device, dtype = self._model.device, torch.float32
        stacked = [
            torch.stack([levels[n] for key in keys if (levels := known[key]) is not None], 1).to(device, dtype)
            for n in range(len(self._sizes_px))
        ]
        positions = [each.expand(-1, len(keys), -1) for each in self._positions]
        return FrameFeatures(stacked, positions, self._sizes_px)

    @torch.no_grad()
    def _encode(self, key: Key, pixels: NDArray[np.uint8]) -> list[Tensor]:
        encoded = encode_frames(self._model, pixels[None])
        levels = [level[:, 0].half().cpu().contiguous() for level in encoded.levels]
        self._keep(_name(key), levels)
        return levels

    def _read(self, key: Key) -> list[Tensor] | None:
        if _name(key) not in self._sizes:
            return None
        try:
            kept = load_file(self._folder / _name(key))
            return [kept[str(n)] for n in range(len(self._sizes_px))]
        except (OSError, SafetensorError, KeyError) as error:
            logger.warning("features are encoded again, because %s cannot be read: %s", _name(key), error)
            self._drop(_name(key))
            return None

    def _keep(self, name: str, levels: list[Tensor]) -> None:
        part = self._folder / f".{uuid4().hex}.part"
        try:
            save_file({str(n): level for n, level in enumerate(levels)}, part)
            part.replace(self._folder / name)
        except (OSError, SafetensorError) as error:
            part.unlink(missing_ok=True)
            if isinstance(error, OSError) and not is_full(error):
                raise
            logger.warning("features are not kept: %s", error)
            return
        self._sizes[name] = (self._folder / name).stat().st_size
        self._nbytes += self._sizes[name]
        while self._nbytes > self._most_bytes and len(self._sizes) > 1:
            self._drop(next(iter(self._sizes)))

    def _drop(self, name: str) -> None:
        self._nbytes -= self._sizes.pop(name)
        (self._folder / name).unlink(missing_ok=True)


def _name(key: Key) -> str:
    video, frame, variant = key
    return f"{video:04d}-{frame:06d}-{variant:02d}.safetensors"
