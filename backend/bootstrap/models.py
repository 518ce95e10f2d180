"""Wiring of `masklet models`: listing, fetching and moving checkpoints, and the one in use."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.sam2.weights.checkpoint_files import DEMO
from backend.adapters.sam2.weights.checkpoints import NAMES, file_name, find
from backend.adapters.sam2.weights.download import pull
from backend.adapters.sam2.weights.trained import WEIGHTS, trained_checkpoints
from backend.adapters.sam2.weights.trained_archive import export_trained, import_trained
from backend.bootstrap.container import Container
from backend.bootstrap.training.model_use import chosen_model, find_checkpoint, model_uses, roll_back, use_model
from backend.domain.errors import IntegrityError, ModelError


@dataclass(frozen=True, slots=True)
class ListedModel:
    """One line of the list. parent, gain: of a trained one; empty otherwise."""

    name: str
    present: bool
    is_chosen: bool
    file_name: str
    use: str
    parent: str = ""
    gain: str = ""


def listed_models() -> list[ListedModel]:
    """Every checkpoint Masklet knows, in order of size, then the trained ones; the one in use is marked."""
    container = Container.from_environment()
    folder = container.model_folder
    chosen = _found(chosen_model(container), folder)
    shipped = [
        ListedModel(
            name,
            present=_found(name, folder) is not None,
            is_chosen=chosen is not None and chosen[0] == name,
            file_name=file_name(name),
            use="shows how Masklet works; not for real work" if name == DEMO else "real work",
        )
        for name in NAMES
    ]
    trained = [
        ListedModel(
            each.name,
            present=True,
            is_chosen=chosen is not None and chosen[0] == each.name,
            file_name=f"{each.folder.relative_to(folder)}/{WEIGHTS}",
            use="trained",
            parent=parent_of(each.card),
            gain=gain_of(each.card),
        )
        for each in trained_checkpoints(folder)
    ]
    return shipped + trained


def pull_model(name: str, on_progress: Callable[[int, int], None], *, data_dir: Path | None = None) -> Path:
    """Fetch a checkpoint into the model folder. on_progress gets bytes so far and bytes in all (0: unknown).

    data_dir: the data folder; None: the settings'. Raises ModelError, or IntegrityError for other content.
    """
    container = Container.from_environment(data_dir=data_dir)
    return pull(name, container.settings.model_base_url, container.model_folder, on_progress)


def model_path(name: str) -> Path:
    """The path of a checkpoint's weights; auto: of the one in use. Raises ModelError if they are missing."""
    return find_checkpoint(Container.from_environment(), name).weights


def activate_model(name: str) -> str:
    """Makes a checkpoint the model in use; its name. Raises as use_model."""
    return use_model(Container.from_environment(), name).name


def roll_back_model() -> tuple[str, str]:
    """Goes back to the model before: the names of the one that was in use, and of that one. Raises NotFound."""
    container = Container.from_environment()
    active = model_uses(container).active()
    before = roll_back(container)
    return "" if active is None else active.name, before


def export_model(name: str, archive: Path) -> None:
    """See export_trained."""
    export_trained(name, Container.from_environment().model_folder, archive)


def import_model(archive: Path) -> str:
    """The name of the imported checkpoint. See import_trained."""
    return import_trained(archive, Container.from_environment().model_folder).name


def parent_of(card: Mapping[str, object]) -> str:
    """The name of the checkpoint that a trained one started from, as its card says; empty if it does not."""
    parent = card.get("parent", "")
    return str(parent.get("name", "") if isinstance(parent, dict) else parent)


def gain_of(card: Mapping[str, object]) -> str:
    """The gain in J&F on held-out videos with its interval, as the card says; empty if it does not."""
    given = card.get("gain")
    numbers = [value for value in given if isinstance(value, int | float)] if isinstance(given, list) else []
    return "{:+.3f} ({:+.3f} to {:+.3f})".format(*numbers) if len(numbers) == 3 else ""


def present_model(name: str | None, *, data_dir: Path | None = None) -> str:
    """The checkpoint that `name` chooses, or the one in use; `auto` becomes the name of the best one present.

    Raises ModelError if it is missing or unknown.
    """
    container = Container.from_environment(model=name, data_dir=data_dir)
    return find_checkpoint(container, container.settings.model).name


def _found(name: str, folder: Path) -> tuple[str, Path] | None:
    try:
        checkpoint = find(name, folder)
    except (ModelError, IntegrityError):
        return None
    return checkpoint.name, checkpoint.weights
