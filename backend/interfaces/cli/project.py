"""`masklet project`: makes projects of Label Studio that are connected to Masklet."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from backend.application.projects.plan import ConfigChoice
from backend.domain.errors import InvalidInput
from backend.interfaces.cli.connect import PublicUrl, Url, print_notes
from backend.interfaces.cli.progress.command_bar import command_bar

app = typer.Typer(help="Make Label Studio projects.", no_args_is_help=True)


@app.callback()
def project() -> None:
    """Make Label Studio projects."""


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="The project's title.")],
    *,
    config: Annotated[ConfigChoice, typer.Option(help="The label config: player, frames or video.")],
    url: Url = "",
    public_url: PublicUrl = "",
) -> None:
    """Make a project with a label config of Masklet, connected to Masklet. Prints its address."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.projects import open_connector

    if config is ConfigChoice.KEEP:
        raise InvalidInput("a new project has no label config to keep: choose --config player, frames or video")
    container = Container.from_environment()
    console = Console(soft_wrap=True, highlight=False)
    with command_bar("project create"), open_connector(container, url=url, public_url=public_url) as connector:
        plan, notes = connector.create(name, config)
    print_notes((*plan.notes, *notes), console)
    number = plan.project.project_id
    console.print(
        f"Project {number} is connected: {container.label_studio_public_url}/projects/{number}/data", markup=False
    )
