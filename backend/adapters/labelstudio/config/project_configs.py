"""The label config of a project by choice: the files of label_config/, or the project's own with the player in it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from backend.adapters.labelstudio.config.config_text import tags_of
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.config.player_tags import filled_in, with_player
from backend.application.projects.plan import ConfigChoice
from backend.domain.errors import LabelConfigError
from backend.domain.jobs import OutputMode

FOLDERS = (Path(__file__).parents[4] / "label_config", Path(sys.prefix) / "share" / "masklet" / "label_config")
"""Of the repository, and of an installed package."""

MODES: Mapping[ConfigChoice, tuple[OutputMode, ...]] = {
    ConfigChoice.FRAMES: (OutputMode.PAGES,),
    ConfigChoice.VIDEO: (OutputMode.VIDEO, OutputMode.VIDEO_VECTOR),
}


def config_for(
    label_config: str, choice: ConfigChoice, *, public_url: str, project_id: int, data_fields: Iterable[str]
) -> str:
    """The label config of a choice; the same text if nothing is missing. What is there stays.

    Raises LabelConfigError if the choice does not fit what is there, or if Masklet cannot answer the config.
    """
    if choice is ConfigChoice.KEEP:
        read_binding(label_config)
        return label_config
    if is_empty(label_config):
        template = template_of(choice)
        return filled_in(template, public_url, project_id) if choice is ConfigChoice.PLAYER else template
    if choice is ConfigChoice.PLAYER:
        template = template_of(choice)
        return with_player(
            label_config, template, public_url=public_url, project_id=project_id, data_fields=data_fields
        )
    _require_mode(label_config, choice)
    return label_config


def is_empty(label_config: str) -> bool:
    """Whether a config is that of a new project, which has one tag."""
    return not label_config.strip() or len(tags_of(label_config)) == 1


def template_of(choice: ConfigChoice) -> str:
    """The file in label_config/ for a choice."""
    return template_named(choice.value)


def template_named(name: str) -> str:
    """A file in label_config/, without its ending."""
    folder = next(folder for folder in FOLDERS if folder.is_dir())
    return (folder / f"{name}.xml").read_text(encoding="utf-8")


def _require_mode(label_config: str, choice: ConfigChoice) -> None:
    mode = read_binding(label_config).mode
    if mode not in MODES[choice]:
        raise LabelConfigError(
            f"the project's label config is for {mode.value}, not for {choice.value}, and is not replaced: connect it "
            f"as it is with --config keep, or make a project: masklet project create NAME --config {choice.value}"
        )
