"""A checkpoint's files, and the check of their bytes. Does not import torch."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from backend.application.ports.progress import work_moved
from backend.domain.errors import IntegrityError, ModelError

DEMO = "demo"

_CHUNK = 2**22


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose files are present. config: a file with a `model:` key as the sam2 package writes them."""

    name: str
    weights: Path
    sha256: str
    config: Path

    @property
    def version(self) -> str:
        """The model_version in Label Studio."""
        return f"masklet-{self.name}-{self.sha256[:8]}"

    @property
    def is_demo(self) -> bool:
        return self.name == DEMO


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
