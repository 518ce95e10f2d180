"""`masklet renew`: a later end for the signed media addresses in a project's tasks."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from backend.interfaces.cli.progress.command_bar import command_bar


def renew(
    project: Annotated[int, typer.Argument(help="The project's number.")],
    *,
    expire: Annotated[int, typer.Option(help="Days until the addresses end; 0: never.", min=0)] = 365,
) -> None:
    """Give the signed media addresses in a project's tasks a later end, also those that have ended."""
    from backend.bootstrap.imports.renewal import renew_project

    with command_bar(f"renew {project}"):
        renewed = renew_project(project, expire_days=expire)
    Console().print(f"project {project}: {renewed.addresses} addresses in {renewed.tasks} tasks renewed")
