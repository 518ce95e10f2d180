"""Checkpoints that a training made: folders of `trained/` in the model folder. Does not import torch.

A folder has the weights (safetensors), the parent's config, the card, and a calibrator if one was fitted. The card
names the weights' SHA-256. A folder from another machine is not trusted: see `require_safe_config`.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import yaml

from backend.adapters.sam2.weights.checkpoint_files import DEMO, Checkpoint, is_image_size, require_hash
from backend.codecs.atomic_file import sync_path
from backend.codecs.full_disk import full_disk_told
from backend.codecs.json_file import read_json
from backend.domain.errors import IntegrityError, InvalidInput, MaskletError

logger = logging.getLogger(__name__)

FOLDER = "trained"
WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.yaml", "card.json"
CARD_FORMAT = 1
RESERVED = ("auto", DEMO, "tiny", "small", "base_plus", "large", "edgetam", "sam3")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_MOST_TEXT_BYTES = 2**20
_MOST_VALUES = 4096
"""Of a config. YAML's aliases can make a few bytes into any number of values."""

_CLASSES = frozenset(
    f"sam2.modeling.{name}"
    for name in (
        "sam2_base.SAM2Base",
        "backbones.image_encoder.ImageEncoder",
        "backbones.image_encoder.FpnNeck",
        "backbones.hieradet.Hiera",
        "position_encoding.PositionEmbeddingSine",
        "memory_attention.MemoryAttention",
        "memory_attention.MemoryAttentionLayer",
        "sam.transformer.RoPEAttention",
        "memory_encoder.MemoryEncoder",
        "memory_encoder.MaskDownSampler",
        "memory_encoder.Fuser",
        "memory_encoder.CXBlock",
    )
)
"""What a config may build. A config names Python classes, so that another one could run any code."""


@dataclass(frozen=True, slots=True)
class TrainedCheckpoint:
    """A trained checkpoint whose files are present. card: the content of its card."""

    name: str
    folder: Path
    card: Mapping[str, object]

    @property
    def sha256(self) -> str:
        """Of the weights, as the card says."""
        return str(self.card["sha256"])

    @property
    def checkpoint(self) -> Checkpoint:
        files = (self.folder / WEIGHTS, self.sha256, self.folder / CONFIG)
        return Checkpoint(self.name, *files, trained_size=_image_size_of(self.card))

    @property
    def calibrator(self) -> Path:
        """The path of the calibrator; there may be no file."""
        return self.folder / calibrator_name(self.name)


def calibrator_name(name: str) -> str:
    return f"{name}.calibrator.json"


def trained_folder(model_dir: Path) -> Path:
    """The folder of the trained checkpoints, one folder each."""
    return model_dir / FOLDER


def require_name(name: str) -> str:
    """The name. Raises InvalidInput for one that is no file name everywhere, or is another checkpoint's."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"a trained checkpoint's name has 1 to 64 letters, digits, dashes and underscores, not {name!r}"
        )
    if name in RESERVED:
        raise InvalidInput(f"{name!r} is the name of a checkpoint that was not trained here: choose another")
    return name


def trained_names(model_dir: Path | None) -> tuple[str, ...]:
    """The names of the trained checkpoints, ascending."""
    return tuple(each.name for each in trained_checkpoints(model_dir))


def trained_checkpoints(model_dir: Path | None) -> list[TrainedCheckpoint]:
    """All trained checkpoints, by name. A damaged folder is logged and left out. Reads cards, not weights."""
    if model_dir is None or not trained_folder(model_dir).is_dir():
        return []
    found = []
    for folder in sorted(trained_folder(model_dir).iterdir()):
        if folder.name.startswith(".") or not folder.is_dir():
            continue
        try:
            found.append(read_trained(folder))
        except MaskletError as error:
            logger.warning("the trained checkpoint %s is left out: %s", folder.name, error)
    return found


def find_trained(name: str, model_dir: Path | None) -> TrainedCheckpoint | None:
    """The trained checkpoint of a name; None without one. Raises IntegrityError if its folder is damaged."""
    if model_dir is None or not _NAME.fullmatch(name) or name in RESERVED:
        return None
    folder = trained_folder(model_dir) / name
    return read_trained(folder) if folder.is_dir() else None


def read_trained(folder: Path, name: str | None = None) -> TrainedCheckpoint:
    """The checkpoint in a folder. Checks its parts, card and config, not the weights' bytes: see `verify`.

    name: which the card must have; None: the folder's. Raises IntegrityError that names the part and the fault.
    """
    for part in (WEIGHTS, CONFIG, CARD):
        if not (folder / part).is_file():
            raise IntegrityError(f"{folder} is no trained checkpoint: {part} is missing")
    card = read_card(folder / CARD)
    expected = folder.name if name is None else name
    if card["name"] != expected:
        raise IntegrityError(f"the card in {folder} is of {card['name']!r}, not of {expected!r}")
    require_safe_config(folder / CONFIG)
    return TrainedCheckpoint(expected, folder, card)


def verify(trained: TrainedCheckpoint) -> None:
    """Raises IntegrityError unless the weights are the ones that the card names."""
    try:
        require_hash(trained.folder / WEIGHTS, trained.sha256)
    except IntegrityError as error:
        raise IntegrityError(
            f"the weights of {trained.name!r} are not those of its card (another SHA-256): "
            "import its archive again, or train anew"
        ) from error


def install(folder: Path, model_dir: Path) -> TrainedCheckpoint:
    """Copies a checkpoint folder among the trained ones, verified, by rename: it is there as a whole or not at all.

    The name is the card's. The same checkpoint again changes nothing. Raises InvalidInput if another one has the name,
    IntegrityError, StorageFull.
    """
    name = require_name(str(read_card(folder / CARD)["name"]))
    given = read_trained(folder, name)
    verify(given)
    target = trained_folder(model_dir) / name
    if _is_same(target, given):
        return read_trained(target)
    part = target.with_name(f".{uuid4().hex}.part")
    with full_disk_told(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            part.mkdir()
            for source in (WEIGHTS, CONFIG, CARD, calibrator_name(name)):
                if (folder / source).is_file():
                    shutil.copyfile(folder / source, part / source)
                    sync_path(part / source)
            sync_path(part)
            _rename_new(part, target)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return read_trained(target)


def require_safe_config(path: Path) -> None:
    """Raises IntegrityError for a config that builds anything but SAM 2, or reads files or the environment."""
    try:
        if path.stat().st_size > _MOST_TEXT_BYTES:
            raise IntegrityError(f"{path.name} is no model's config: it is too large")
        body = yaml.safe_load(path.read_text(encoding="utf-8"))
        model = body["model"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, yaml.YAMLError) as error:
        raise IntegrityError(f"{path.name} is no model's config: it has no readable `model:`") from error
    if not isinstance(model, dict) or "_target_" not in model:
        raise IntegrityError(f"{path.name} is no model's config: `model:` names no class")
    waiting: list[object] = [model]
    for _ in range(_MOST_VALUES):
        if not waiting:
            return
        waiting += _checked_values(waiting.pop(), path.name)
    raise IntegrityError(f"{path.name} is no model's config: it is too large")


def _checked_values(value: object, file: str) -> list[object]:
    """The values in a value of a config, which is checked. Raises IntegrityError."""
    if isinstance(value, dict):
        for key, each in value.items():
            if not isinstance(key, str) or (key.startswith("_") and key != "_target_") or key == "weights_path":
                raise IntegrityError(f"{file} has the key {key!r}, which no checkpoint of Masklet has: not loaded")
            if key == "_target_" and each not in _CLASSES:
                raise IntegrityError(f"{file} builds {each!r}, which is no part of SAM 2: not loaded")
        return list(value.values())
    if isinstance(value, str) and "${" in value:
        raise IntegrityError(f"{file} has the reference {value!r}: not loaded")
    return value if isinstance(value, list) else []


def read_card(path: Path) -> Mapping[str, object]:
    """The content of a card. Raises IntegrityError if it is missing, damaged, or of another release."""
    try:
        card = read_json(path)
    except FileNotFoundError as error:
        raise IntegrityError(f"{path.parent} is no trained checkpoint: {path.name} is missing") from error
    except OSError as error:
        raise IntegrityError(f"{path} is no card of a checkpoint: it cannot be read as JSON") from error
    except ValueError as error:
        raise IntegrityError(f"{path} is no card of a checkpoint: {error}") from error
    if not isinstance(card, dict) or card.get("format") != CARD_FORMAT:
        raise IntegrityError(f"{path} is no card of this release's checkpoints (format {CARD_FORMAT})")
    if not _SHA256.fullmatch(str(card.get("sha256"))) or not isinstance(card.get("name"), str):
        raise IntegrityError(f"{path} does not say the checkpoint's name and the weights' sha256")
    size = _image_size_of(card)
    if size and not is_image_size(size):
        raise IntegrityError(f"{path} says {size} px for the image size, which no model can have")
    return card


def _image_size_of(card: Mapping[str, object]) -> int:
    """The image size of a training, in pixels; 0 if the card does not say it: the config's."""
    size = card.get("image_size", 0)
    return size if isinstance(size, int) else -1


def _is_same(target: Path, given: TrainedCheckpoint) -> bool:
    """Whether the checkpoint is there already. Raises InvalidInput if another one has its name."""
    if not target.exists():
        return False
    if read_trained(target).sha256 != given.sha256:
        raise InvalidInput(f"there is another trained checkpoint {given.name!r}: remove it or train under another name")
    return True


def _rename_new(part: Path, target: Path) -> None:
    try:
        os.rename(part, target)
    except OSError as error:
        if not target.exists():
            raise
        raise InvalidInput(f"there is another trained checkpoint {target.name!r} by now") from error
    sync_path(target.parent)
