"""The known checkpoints and the paths of their files. Does not import torch, so listing is fast."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from omegaconf import OmegaConf

from backend.application.ports.progress import work_moved
from backend.domain.errors import IntegrityError, ModelError

SHIPPED_DIR = Path(__file__).parents[3] / "checkpoints"
DEMO = "demo"
AUTO = "auto"

_CHUNK = 2**22


@dataclass(frozen=True, slots=True)
class PublishedCheckpoint:
    """One of Meta's SAM 2.1 checkpoints: file name, SHA-256 of its bytes, and its config inside the sam2 package."""

    name: str
    file_name: str
    sha256: str
    config: str


PUBLISHED: Mapping[str, PublishedCheckpoint] = {
    entry.name: entry
    for entry in (
        PublishedCheckpoint(
            "tiny",
            "sam2.1_hiera_tiny.pt",
            "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69",
            "sam2.1_hiera_t.yaml",
        ),
        PublishedCheckpoint(
            "small",
            "sam2.1_hiera_small.pt",
            "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38",
            "sam2.1_hiera_s.yaml",
        ),
        PublishedCheckpoint(
            "base_plus",
            "sam2.1_hiera_base_plus.pt",
            "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5",
            "sam2.1_hiera_b+.yaml",
        ),
        PublishedCheckpoint(
            "large",
            "sam2.1_hiera_large.pt",
            "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318",
            "sam2.1_hiera_l.yaml",
        ),
    )
}

NAMES = (*PUBLISHED, DEMO)
_BEST_FIRST = ("large", "base_plus", "small", "tiny", DEMO)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint whose files are present. config: a file with a `model:` key as the sam2 package writes them.

    image_size: the side of the model's input in pixels; 0: the config's.
    """

    name: str
    weights: Path
    sha256: str
    config: Path
    image_size: int = 0

    @property
    def own_image_size(self) -> int:
        """The image size of the config."""
        return int(OmegaConf.load(self.config).model.image_size)

    @property
    def sized_name(self) -> str:
        """The name, with the image size if it is another one than the config's."""
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


def find(name: str, model_dir: Path | None) -> Checkpoint:
    """The checkpoint of a name; `auto` is the best one present. Checks file names only, not their content.

    Raises ModelError with the choices or the command that downloads the file.
    """
    if name == AUTO:
        present = (found for candidate in _BEST_FIRST if (found := _locate(candidate, model_dir)))
        checkpoint = next(present, None)
        if checkpoint is None:
            raise ModelError("no checkpoint is present: fetch one with `masklet models pull tiny`")
        return checkpoint
    if name not in NAMES:
        raise ModelError(f"there is no checkpoint {name!r}; choose {AUTO}, {', '.join(NAMES)}")
    checkpoint = _locate(name, model_dir)
    if checkpoint is None:
        remedy = "reinstall Masklet" if name == DEMO else f"fetch it with `masklet models pull {name}`"
        raise ModelError(f"checkpoint {name!r} is not in {_folder(name, model_dir)}: {remedy}")
    return checkpoint


def require_hash(path: Path, sha256: str) -> None:
    """Raises IntegrityError unless the file's bytes have this SHA-256, ModelError if it cannot be read."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                work_moved()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    if digest.hexdigest() != sha256:
        raise IntegrityError(
            f"{path.name} has SHA-256 {digest.hexdigest()[:12]}… instead of {sha256[:12]}…: remove it and fetch it anew"
        )


def _locate(name: str, model_dir: Path | None) -> Checkpoint | None:
    return _locate_demo() if name == DEMO else _locate_published(PUBLISHED[name], model_dir)


def _locate_demo() -> Checkpoint | None:
    weights, config, facts = (SHIPPED_DIR / f"demo.{suffix}" for suffix in ("safetensors", "yaml", "json"))
    if not (weights.is_file() and config.is_file() and facts.is_file()):
        return None
    try:
        sha256 = str(json.loads(facts.read_text())["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{facts} does not say the demo checkpoint's sha256") from error
    return Checkpoint(DEMO, weights, sha256, config)


def _locate_published(entry: PublishedCheckpoint, model_dir: Path | None) -> Checkpoint | None:
    if model_dir is None or not (model_dir / entry.file_name).is_file():
        return None
    config = Path(str(files("sam2"))) / "configs" / "sam2.1" / entry.config
    return Checkpoint(entry.name, model_dir / entry.file_name, entry.sha256, config)


def _folder(name: str, model_dir: Path | None) -> str:
    if name == DEMO:
        return str(SHIPPED_DIR)
    return "any folder (no model folder is set)" if model_dir is None else str(model_dir)
