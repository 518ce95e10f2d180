"""The parts of `masklet models`: which checkpoints there are, where, and fetching them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.sam2.weights.checkpoints import DEMO, NAMES, PUBLISHED, find
from backend.adapters.sam2.weights.download import pull
from backend.bootstrap.container import load_settings, model_folder
from backend.domain.errors import ModelError


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One line of the list."""

    name: str
    present: bool
    is_chosen: bool
    file_name: str
    use: str


def listed_models() -> list[ListedModel]:
    """Every checkpoint Masklet knows, in order of size, with the one that the settings choose marked."""
    settings = load_settings()
    folder = model_folder(settings)
    chosen = _found(settings.model, folder)
    return [
        ListedModel(
            name,
            present=_found(name, folder) is not None,
            is_chosen=chosen is not None and chosen[0] == name,
            file_name="demo.safetensors" if name == DEMO else PUBLISHED[name].file_name,
            use="shows how Masklet works; not for real work" if name == DEMO else "real work",
        )
        for name in NAMES
    ]


def pull_model(name: str, on_progress: Callable[[int, int], None]) -> Path:
    """Fetch a checkpoint into the model folder. on_progress gets bytes so far and bytes in all (0: unknown)."""
    settings = load_settings()
    return pull(name, settings.model_base_url, model_folder(settings), on_progress)


def model_path(name: str) -> Path:
    """Where a checkpoint's weights lie. Raises ModelError if it is not here."""
    return find(name, model_folder(load_settings())).weights


def _found(name: str, folder: Path) -> tuple[str, Path] | None:
    try:
        checkpoint = find(name, folder)
    except ModelError:
        return None
    return checkpoint.name, checkpoint.weights
