"""`masklet connect`: puts the player into a project's label config and connects the project to Masklet."""

from __future__ import annotations

import difflib
import sys
from collections.abc import Iterable, Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from backend.application.projects.plan import ConfigChoice, ConnectPlan
from backend.domain.errors import InvalidInput
from backend.interfaces.cli.progress.command_bar import command_bar

DIFF_STYLES = {"+": "green", "-": "red"}

Url = Annotated[
    str, typer.Option(help="Masklet's address as Label Studio's server reaches it; default: as it listens.")
]
PublicUrl = Annotated[str, typer.Option(help="Masklet's address for browsers; default: MASKLET_PUBLIC_URL.")]


def connect(
    project: Annotated[int, typer.Argument(help="The Label Studio project's number.", min=1)],
    *,
    config: Annotated[
        ConfigChoice,
        typer.Option(
            help="player: puts the player into the label config and keeps what is there. keep: leaves the label config "
            "as it is. frames, video: for a project without a label config."
        ),
    ] = ConfigChoice.PLAYER,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    url: Url = "",
    public_url: PublicUrl = "",
) -> None:
    """Connect a project: the player in its label config, the ML backend, the webhook, the predictions, the data table.

    Shows what it would change and asks first. A project that is connected stays as it is.
    """
    from backend.bootstrap.container import Container
    from backend.bootstrap.projects import open_connector

    console = Console(soft_wrap=True, highlight=False)
    with open_connector(Container.from_environment(), url=url, public_url=public_url) as connector:
        with command_bar("connect"):
            plan = connector.plan(project, config)
        show_plan(plan, console)
        if plan.changes_nothing:
            console.print(f"Project {project} is connected; nothing changes.")
            return
        if not yes:
            _ask()
        with command_bar("connect"):
            notes = connector.apply(plan)
        print_notes(notes, console)
        console.print(f"Project {project} is connected.")


def show_plan(plan: ConnectPlan, console: Console) -> None:
    """Prints the changes of a plan and its notes."""
    if plan.label_config is not None:
        for line in _diff(plan.project.label_config, plan.label_config):
            console.print(Text(line, style=DIFF_STYLES.get(line[:1], "")))
    for sentence in plan.sentences():
        console.print(sentence, markup=False)
    print_notes(plan.notes, console)


def print_notes(notes: Iterable[str], console: Console) -> None:
    for note in notes:
        console.print(f"note: {note}", markup=False)


def _diff(before: str, after: str) -> Iterator[str]:
    titles = ("label config now", "label config then")
    return difflib.unified_diff(before.splitlines(), after.splitlines(), *titles, n=1, lineterm="")


def _ask() -> None:
    """Returns if a person agrees. Raises InvalidInput without a terminal, typer.Exit if the person does not agree."""
    if not sys.stdin.isatty():
        raise InvalidInput("nothing was changed: there is no terminal to ask on; --yes makes these changes")
    if not typer.confirm("Make these changes?"):
        print("Nothing was changed.")  # noqa: T201
        raise typer.Exit(1)
