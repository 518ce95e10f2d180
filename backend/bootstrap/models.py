"""Wiring of `masklet models`: listing and fetching checkpoints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.sam2.weights.checkpoints import DEMO, NAMES, PUBLISHED, find
from backend.adapters.sam2.weights.download import pull
from backend.bootstrap.container import Container
from backend.domain.errors import ModelError

FETCH_A_REAL_ONE = (
    "Fetch a SAM 2.1 checkpoint with `masklet models pull base_plus`, or without a GPU `masklet models pull tiny`, "
    "then start again."
)
"""What a user of the demo model does next."""


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
    container = Container.from_environment()
    folder = container.model_folder
    chosen = _found(container.settings.model, folder)
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


def pull_model(name: str, on_progress: Callable[[int, int], None], *, data_dir: Path | None = None) -> Path:
    """Fetch a checkpoint into the model folder. on_progress gets bytes so far and bytes in all (0: unknown).

    data_dir: the data folder; None: the settings'. Raises ModelError, or IntegrityError for other content.
    """
    container = Container.from_environment(data_dir=data_dir)
    return pull(name, container.settings.model_base_url, container.model_folder, on_progress)


def model_path(name: str) -> Path:
    """The path of a checkpoint's weights. Raises ModelError if they are missing."""
    return find(name, Container.from_environment().model_folder).weights


def chosen_model(name: str | None, *, data_dir: Path | None = None) -> str:
    """The checkpoint that `name` chooses, or the settings without one; `auto` becomes the name of the best one present.

    Raises ModelError if it is missing or unknown.
    """
    container = Container.from_environment(model=name, data_dir=data_dir)
    return find(container.settings.model, container.model_folder).name


def _found(name: str, folder: Path) -> tuple[str, Path] | None:
    try:
        checkpoint = find(name, folder)
    except ModelError:
        return None
    return checkpoint.name, checkpoint.weights
