"""Makes the demo's projects: the player's first, then one per other file in label_config/ but a crowd's, each with the
clip.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend.application.projects.connect import Connector
from backend.application.projects.plan import ConfigChoice
from backend.application.projects.table_columns import new_columns_hidden
from backend.bootstrap.container import Container
from backend.bootstrap.projects import open_connector
from backend.codecs.atomic_file import write_atomically
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip
from scripts.demonstration.prediction_wait import retry_until_accepted
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer

CONFIGS = Path(__file__).resolve().parents[2] / "label_config"
PLAYER = "player"
CLICKED_CONFIG = "frames"
"""The label config (and project) in which the demo clicks."""

OF_CROWDS = "crowd_"
"""The beginning of the names of the files from which `masklet crowd init` makes projects."""

TITLE_SUFFIXES = {"video_vector": " (Enterprise only)"}
"""Additions to a project's title, for label configs that the open-source page cannot show."""


@dataclass(frozen=True, slots=True)
class DemoTask:
    """A project with the clip's task in it."""

    project_id: int
    task_id: int


@dataclass(frozen=True, slots=True)
class DemoProjects:
    """The tasks for a person, of the player and of pages, and the task and backend with which the demo clicks."""

    player: DemoTask
    pages: DemoTask
    clicked: DemoTask
    backend_id: int


@contextmanager
def connector_of(label_studio: LabelStudioServer, masklet: MaskletProcess) -> Iterator[Connector]:
    """What `masklet connect` uses, for the demo's servers. Both have started."""
    container = Container.from_environment(
        data_dir=masklet.data_dir,
        label_studio_url=label_studio.url,
        label_studio_token=label_studio.login.token,
        public_url="",
        basic_auth_user="",
        basic_auth_pass="",
        webhook_secret="",
    )
    with open_connector(container) as connector:
        yield connector


def make_projects(api: LabelStudioApi, connector: Connector, clip: Clip, masklet: MaskletProcess) -> DemoProjects:
    """Makes the projects and tasks that are missing, and connects them."""
    tasks = {PLAYER: _with_clip(api, connector, clip, _make_player(connector, masklet))}
    for path in sorted(CONFIGS.glob("*.xml")):
        if path.stem != PLAYER and not path.stem.startswith(OF_CROWDS):
            project_id = api.ensure_project(_title(path.stem), path.read_text())
            _connect(connector, masklet, project_id, ConfigChoice.KEEP)
            tasks[path.stem] = _with_clip(api, connector, clip, project_id)
    clicked = tasks[CLICKED_CONFIG]
    # The demo fills its own task with masks: a person who tries the clicks needs one without.
    data = {**clip.addresses(), "clip": f"{clip.name}, without masks"}
    pages = DemoTask(clicked.project_id, api.ensure_task(clicked.project_id, data))
    backend_id = connector.projects.backends(clicked.project_id)[0].backend_id
    return DemoProjects(tasks[PLAYER], pages, clicked, backend_id)


def write_environment(label_studio: LabelStudioServer, masklet: MaskletProcess) -> Path:
    """Writes demo.env, which lets `masklet` commands of other terminals use the demo's servers; for its owner alone."""
    path = masklet.data_dir / "demo.env"
    settings = {
        "MASKLET_DATA_DIR": str(masklet.data_dir),
        "LABEL_STUDIO_URL": label_studio.url,
        "LABEL_STUDIO_API_KEY": label_studio.login.token,
    }
    lines = (f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())
    write_atomically(path, "".join(lines).encode(), mode=0o600)
    return path


def _title(name: str) -> str:
    return f"Masklet {name}{TITLE_SUFFIXES.get(name, '')}"


def _make_player(connector: Connector, masklet: MaskletProcess) -> int:
    project_id = connector.projects.project_titled(_title(PLAYER))
    if project_id is None:
        project_id = connector.projects.create_project(_title(PLAYER), "<View></View>")
    _connect(connector, masklet, project_id, ConfigChoice.PLAYER)
    return project_id


def _connect(connector: Connector, masklet: MaskletProcess, project_id: int, choice: ConfigChoice) -> None:
    def connect() -> None:
        connector.apply(connector.plan(project_id, choice))

    retry_until_accepted(connect, masklet)


def _with_clip(api: LabelStudioApi, connector: Connector, clip: Clip, project_id: int) -> DemoTask:
    api.ensure_local_files(project_id, clip.folder.parent)
    with new_columns_hidden(connector.table, project_id):
        return DemoTask(project_id, api.ensure_task(project_id, clip.addresses()))
