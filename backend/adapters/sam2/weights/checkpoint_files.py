"""A checkpoint's files, and the check of their bytes. Does not import torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from omegaconf import OmegaConf

from backend.adapters.sam2.trackers.config import read_config
from backend.application.ports.progress import work_moved
from backend.domain.errors import IntegrityError, InvalidInput, ModelError

DEMO = "demo"

IMAGE_SIZE_STEP = 32
"""Image sizes are multiples: the coarsest feature map has a 32nd of the side, and Hiera's position embedding repeats
every 8 patches of 4 pixels."""
SMALLEST_IMAGE, LARGEST_IMAGE = 128, 2048


_CHUNK = 2**22


class Architecture(Enum):
    """What a checkpoint's files describe: a model of the sam2 package, or another tracker in transformers' format."""

    SAM2 = "sam2"
    TRANSFORMERS = "transformers"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose files are present. config: a file with a `model:` key as the sam2 package writes them; of
    another architecture its `config.json`.

    image_size: the side of the model's input in pixels; 0: its own. trained_size: its own, if a training chose another
    one than the config's; else 0.
    """

    name: str
    weights: Path
    sha256: str
    config: Path
    image_size: int = 0
    trained_size: int = 0
    architecture: Architecture = Architecture.SAM2

    @property
    def own_image_size(self) -> int:
        """The image size that the checkpoint was trained at. Raises ModelError for a config that cannot be read."""
        if self.architecture is Architecture.TRANSFORMERS:
            return read_config(self.config, self.name).image_size
        return self.trained_size or int(OmegaConf.load(self.config).model.image_size)

    @property
    def image_size_step(self) -> int:
        """Image sizes are multiples. Raises ModelError for a config that cannot be read."""
        if self.architecture is Architecture.TRANSFORMERS:
            return read_config(self.config, self.name).image_size_step
        return IMAGE_SIZE_STEP

    @property
    def sized_name(self) -> str:
        """The name, with the image size if it is another one than the checkpoint's own."""
        if not self.image_size or self.image_size == self.own_image_size:
            return self.name
        return f"{self.name}-{self.image_size}px"

    @property
    def version(self) -> str:
        """The model_version in Label Studio."""
        return f"masklet-{self.name}-{self.sha256[:8]}{self.sized_name.removeprefix(self.name)}"

    @property
    def is_demo(self) -> bool:
        return self.name == DEMO


def is_image_size(size: int, step: int = IMAGE_SIZE_STEP) -> bool:
    """Whether a model can have this image size, in pixels. step: see Checkpoint.image_size_step."""
    return size % step == 0 and SMALLEST_IMAGE <= size <= LARGEST_IMAGE


def require_trainable(checkpoint: Checkpoint) -> None:
    """Raises InvalidInput for an architecture that Masklet does not train."""
    if checkpoint.architecture is not Architecture.SAM2:
        raise InvalidInput(f"{checkpoint.name} cannot be trained: start from a SAM 2.1 checkpoint, as --from tiny does")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, hex. Raises ModelError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                work_moved()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    return digest.hexdigest()


def require_hash(path: Path, sha256: str) -> None:
    """Raises IntegrityError unless the file's bytes have this SHA-256, ModelError if it cannot be read."""
    found = sha256_of(path)
    if found != sha256:
        raise IntegrityError(
            f"{path.name} has SHA-256 {found[:12]}… instead of {sha256[:12]}…: remove it and fetch it anew"
        )
