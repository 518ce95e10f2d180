"""The known checkpoints and the paths of their files. Does not import torch, so listing is fast."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from backend.adapters.sam2.weights.checkpoint_files import DEMO, Architecture, Checkpoint, sha256_of
from backend.adapters.sam2.weights.trained import find_trained, trained_names
from backend.domain.errors import ModelError

SHIPPED_DIR = Path(__file__).parents[3] / "checkpoints"
AUTO = "auto"


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

TRACKERS: Mapping[str, str] = {
    "edgetam": "from the repository yonigozlan/EdgeTAM-hf of Hugging Face",
    "sam3": "from the repository facebook/sam3 of Hugging Face",
}
"""Checkpoints of other trackers, in transformers' format, and where their files are from."""

NAMES = (*PUBLISHED, *TRACKERS, DEMO)
_BEST_FIRST = ("large", "base_plus", "small", "tiny", DEMO)


def find(name: str, model_dir: Path | None) -> Checkpoint:
    """The checkpoint of a name, also of a trained one; `auto` is the best one present that is not trained here.

    Checks file names only, not their content. `auto` is none of TRACKERS, which need packages of their own.

    Raises ModelError with the choices or the command that downloads the file.
    """
    if name == AUTO:
        present = (found for candidate in _BEST_FIRST if (found := _locate(candidate, model_dir)))
        checkpoint = next(present, None)
        if checkpoint is None:
            raise ModelError("no checkpoint is present: fetch one with `masklet models pull tiny`")
        return checkpoint
    if name not in NAMES:
        trained = find_trained(name, model_dir)
        if trained is None:
            choices = ", ".join((AUTO, *NAMES, *trained_names(model_dir)))
            raise ModelError(f"there is no checkpoint {name!r}; choose {choices}")
        return trained.checkpoint
    checkpoint = _locate(name, model_dir)
    if checkpoint is None:
        raise ModelError(f"checkpoint {name!r} is not in {_folder(name, model_dir)}: {_remedy(name)}")
    return checkpoint


def file_name(name: str) -> str:
    """The weights' file of a checkpoint that was not trained here, below its folder."""
    if name == DEMO:
        return "demo.safetensors"
    return tracker_files(name)[0] if name in TRACKERS else PUBLISHED[name].file_name


def tracker_files(name: str) -> tuple[str, str]:
    """The files of one of TRACKERS below the model folder, as transformers' `save_pretrained` writes them."""
    return f"{name}/model.safetensors", f"{name}/config.json"


def _locate(name: str, model_dir: Path | None) -> Checkpoint | None:
    if name in TRACKERS:
        return _locate_tracker(name, model_dir)
    return _locate_demo() if name == DEMO else _locate_published(PUBLISHED[name], model_dir)


def _locate_tracker(name: str, model_dir: Path | None) -> Checkpoint | None:
    if model_dir is None:
        return None
    weights, config = (model_dir / file for file in tracker_files(name))
    if not (weights.is_file() and config.is_file()):
        return None
    # No SHA-256 is on record: the version has that of the file that is there.
    found = weights.stat()
    sha256 = _digest(weights, found.st_size, found.st_mtime_ns)
    return Checkpoint(name, weights, sha256, config, architecture=Architecture.TRANSFORMERS)


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed_ns: int) -> str:
    """The SHA-256 of a file, read once for each of its contents. size in bytes, changed_ns: when it was written."""
    return sha256_of(path)


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


def _remedy(name: str) -> str:
    if name in TRACKERS:
        return f"put {' and '.join(tracker_files(name))} there, {TRACKERS[name]}"
    return "reinstall Masklet" if name == DEMO else f"fetch it with `masklet models pull {name}`"


def _folder(name: str, model_dir: Path | None) -> str:
    if name == DEMO:
        return str(SHIPPED_DIR)
    return "any folder (no model folder is set)" if model_dir is None else str(model_dir)
