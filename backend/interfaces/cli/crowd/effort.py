"""`masklet crowd effort`: clicks, edited frames and active time of people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from backend.codecs.csv_table import csv_text
from backend.domain.errors import InvalidInput
from backend.interfaces.cli.progress.command_bar import command_bar
from backend.interfaces.cli.progress.durations import duration_text

if TYPE_CHECKING:
    from backend.application.crowd.effort.report import PersonEffort
    from backend.domain.crowd.effort import Effort

HEADS = ("person", "phase", "size", "tasks", "objects", "clicks", "per frame", "edited", "frames", "time", "s a frame")


def effort(
    project: Annotated[int, typer.Argument(help="The project's number.", min=1)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    delete_user: Annotated[
        str, typer.Option(metavar="USER", help="Delete this person's recorded time in the project, and print nothing.")
    ] = "",
) -> None:
    """Print clicks, edited frames and active time by person, object size and phase."""
    if as_json and as_csv:
        raise InvalidInput("--json and --csv exclude each other; leave one out")
    console = Console(soft_wrap=True, highlight=False, markup=False)
    if delete_user:
        from backend.bootstrap.crowd.effort import forget_effort

        seconds = forget_effort(project, delete_user)
        console.print(
            f"{duration_text(seconds)} of {delete_user} in project {project} are deleted. Clicks and frames are "
            "counted from the prompts, which are the work itself."
        )
        return
    from backend.bootstrap.crowd.effort import read_effort

    with command_bar("crowd effort"):
        people = read_effort(project)
    if as_json:
        typer.echo(json.dumps([person.document() for person in people], indent=2))
    elif as_csv:
        rows = [{"user": person.user, **row.document()} for person in people for row in person.rows]
        typer.echo(csv_text(rows), nl=False)
    else:
        console.print(_table(people))


def _table(people: Sequence[PersonEffort]) -> Table:
    table = Table(box=None, pad_edge=False)
    for place, head in enumerate(HEADS):
        table.add_column(head, justify="left" if place < 3 else "right")
    for person in people:
        table.add_row(person.user or "nobody", "", "all", *_cells(person.effort, person.tasks), style="bold")
        for row in person.rows:
            table.add_row("", row.phase, str(row.size), *_cells(row.effort, row.tasks))
    return table


def _cells(effort: Effort, tasks: int) -> tuple[str, ...]:
    return (
        str(tasks),
        str(effort.objects),
        str(effort.clicks),
        _number(effort.clicks_per_clicked_frame),
        str(effort.edited_frames),
        str(effort.frames),
        duration_text(effort.seconds) if effort.seconds else "–",
        _number(effort.seconds_per_frame),
    )


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
