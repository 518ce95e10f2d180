"""Videos as a training keeps them: a few frames as picture files, and the labels of some of them.

Kept in the training's folder, so that a resumed training learns from the same pictures and labels, whatever was
labelled meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from backend.codecs.atomic_file import write_atomically
from backend.codecs.coco_rle import decode_mask
from backend.domain.errors import IntegrityError
from backend.domain.geometry import BoolMask, RgbFrame
from backend.domain.masklets import EncodedMask

LARGER = 1.25
"""The side of a kept picture over that of the model's image: a variant may show a part of it."""

LOSSLESS_SIDE_PX = 640

Labels = Mapping[str, EncodedMask | None]
"""Masks by object; None: the object is absent. An object that is not in it is unknown on the frame."""


@dataclass(frozen=True, slots=True)
class KeptVideo:
    """A video of a training. number: names its folder. group: the same for all labels of one video.

    frames: the indices of the kept frames, ascending. labels: of some of them, by frame index; masks at any size with
    the video's aspect ratio.
    """

    number: int
    key: str
    name: str
    group: str
    frames: tuple[int, ...]
    labels: Mapping[int, Labels]

    @property
    def objects(self) -> tuple[str, ...]:
        """The objects that show on a labelled frame, in the order of their first mention."""
        shown = (name for labels in self.labels.values() for name, mask in labels.items() if mask is not None)
        return tuple(dict.fromkeys(shown))

    def mask(self, frame: int, name: str) -> BoolMask | None:
        """The mask [H, W] bool of an object, all False where it is absent; None where it is unknown."""
        labels = self.labels.get(frame, {})
        if name not in labels:
            return None
        encoded = labels[name]
        if encoded is not None:
            return decode_mask(encoded)
        shape = next((each.height, each.width) for other in self.labels.values() for each in other.values() if each)
        return np.zeros(shape, np.bool_)

    def to_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "key": self.key,
            "name": self.name,
            "group": self.group,
            "frames": list(self.frames),
            "labels": {
                str(frame): {name: mask and [mask.height, mask.width, mask.counts] for name, mask in labels.items()}
                for frame, labels in self.labels.items()
            },
        }

    @classmethod
    def of_json(cls, body: Mapping[str, object]) -> KeptVideo:
        labels: Mapping[str, Mapping[str, Sequence[object] | None]] = body["labels"]  # type: ignore[assignment]
        frames: Sequence[int] = body["frames"]  # type: ignore[assignment]
        return cls(
            number=int(str(body["number"])),
            key=str(body["key"]),
            name=str(body["name"]),
            group=str(body["group"]),
            frames=tuple(frames),
            labels={
                int(frame): {
                    name: EncodedMask(int(str(mask[0])), int(str(mask[1])), str(mask[2])) if mask else None
                    for name, mask in each.items()
                }
                for frame, each in labels.items()
            },
        )


class PictureFolder:
    """The kept pictures of a training: squares of `side` pixels, as the model sees frames."""

    def __init__(self, folder: Path, image_size: int) -> None:
        self._folder = folder
        self.side = round(image_size * LARGER)
        self._suffix = ".png" if self.side <= LOSSLESS_SIDE_PX else ".jpg"

    def has(self, number: int, frame: int) -> bool:
        return self._path(number, frame).is_file()

    def keep(self, number: int, frame: int, pixels: RgbFrame) -> None:
        """Keeps a frame [H, W, 3] uint8 RGB. Raises OSError."""
        path = self._path(number, frame)
        path.parent.mkdir(parents=True, exist_ok=True)
        encoded = cv2.imencode(self._suffix, squared(pixels, self.side)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 95])[1]
        write_atomically(path, encoded.tobytes())

    def read(self, number: int, frame: int) -> NDArray[np.uint8]:
        """A kept frame, uint8 [side, side, 3] RGB. Raises IntegrityError if it is not there."""
        found = cv2.imread(str(self._path(number, frame)), cv2.IMREAD_COLOR)
        if found is None:
            raise IntegrityError(f"{self._path(number, frame)} is missing or damaged: start the training anew")
        return np.ascontiguousarray(found[..., ::-1], dtype=np.uint8)

    def _path(self, number: int, frame: int) -> Path:
        return self._folder / f"{number:04d}" / f"{frame:06d}{self._suffix}"


def squared(pixels: RgbFrame, side: int) -> NDArray[np.uint8]:
    """A frame [H, W, 3] uint8 resized to a square [side, side, 3], antialiased as in the engine."""
    image = torch.from_numpy(np.ascontiguousarray(pixels)).permute(2, 0, 1)[None].float()
    image = F.interpolate(image, size=(side, side), mode="bilinear", align_corners=False, antialias=True)
    return np.asarray(image[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy(), np.uint8)


def write_videos(path: Path, videos: Sequence[KeptVideo]) -> None:
    """Writes the videos' list, by rename."""
    write_atomically(path, json.dumps([video.to_json() for video in videos]).encode(), synced=True)


def read_videos(path: Path) -> list[KeptVideo]:
    """Raises IntegrityError for a damaged list."""
    try:
        return [KeptVideo.of_json(body) for body in json.loads(path.read_text(encoding="utf-8"))]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise IntegrityError(f"{path} is damaged: start the training anew") from error
