"""Wiring of `masklet export --format overlay --into-tasks`: exported films, served by Masklet, beside their videos.

A film stays in the export's folder, and its address is signed like an imported video's. The label config is checked
for a place to show the film before the export begins.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.labelstudio.api.overlays import require_overlay_key
from backend.adapters.labelstudio.api.task_changes import TaskChanges
from backend.adapters.machine.clocks import WallClock
from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.index import IndexCache
from backend.adapters.media.serving.addresses import DEFAULT_LIFE_S
from backend.adapters.media.serving.placement import file_leaf
from backend.application.exports.manifest import MANIFEST
from backend.application.imports.model import Source
from backend.bootstrap.container import Container
from backend.bootstrap.export import NAMED_SOURCE, ExportOrder
from backend.domain.errors import InvalidInput

FORMAT = "overlay"


@dataclass(frozen=True, slots=True)
class OverlayPlan:
    """Where an export's films are to be shown. field: of the tasks' data. media_url: of Masklet, empty: as set."""

    container: Container
    project_id: int
    field: str
    media_url: str

    def show(self, out: Path) -> int:
        """Put the films of a finished export into their tasks; returns how many. Raises what Label Studio answers."""
        container, folder = self.container, self.container.folder
        library = DiskLibrary(folder.imported, container.import_records, IndexCache(folder.indices))
        signer = container.media_signer
        until_s = int(WallClock().now_s()) + DEFAULT_LIFE_S
        base = (self.media_url or container.public_url).rstrip("/")
        films = films_of(out)
        with closing(container.label_studio_session()) as session:
            tasks = TaskChanges(session)
            for task_id, film in films.items():
                medium = library.add(Source(film.name, film.absolute()))
                address = base + signer.path(medium.media_id, file_leaf(medium), until_s=until_s)
                tasks.put_fields(task_id, {self.field: address})
        return len(films)


def plan_overlays(order: ExportOrder, media_url: str = "") -> OverlayPlan:
    """Raises InvalidInput if the order is of no overlay, names no project, or the project's page shows none."""
    found = NAMED_SOURCE.fullmatch(order.sources[0]) if len(order.sources) == 1 else None
    if order.format_name != FORMAT or found is None:
        raise InvalidInput(
            "--into-tasks is for --format overlay of tasks: name project:N, project:N/TASK or run:N/TASK as the source"
        )
    container = Container.from_environment()
    client = container.label_studio
    if client is None:
        raise InvalidInput("no Label Studio is set; put its address in LABEL_STUDIO_URL")
    project_id = int(found[2])
    with closing(client):
        field = require_overlay_key(client.label_config(project_id), project_id)
    return OverlayPlan(container, project_id, field, media_url)


def films_of(out: Path) -> dict[int, Path]:
    """The films of a finished export by the number of their task."""
    manifest = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
    # A project's entries are named by the task alone, a stored run's by project/task.
    named = ((str(video["key"]).rpartition("/")[2], out / f"{video['folder']}.mp4") for video in manifest["videos"])
    return {int(task_id): film for task_id, film in named if film.is_file()}
