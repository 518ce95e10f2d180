"""`masklet jobs`: failed jobs and refused files, and their retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from backend.interfaces.cli.progress.command_bar import command_bar

if TYPE_CHECKING:
    from backend.adapters.media.quarantine import Suspect

app = typer.Typer(help="Jobs that failed or are tried again later, and files that are refused.", no_args_is_help=True)


@app.callback()
def jobs() -> None:
    """Jobs that failed or are tried again later, and files that are refused."""


@app.command()
def retry(
    target: Annotated[str, typer.Argument(help="A project's number or PROJECT/TASK; default: everything.")] = "",
    *,
    file: Annotated[
        str, typer.Option(help="Also open a refused file again: its name, the beginning of its content hash, or all.")
    ] = "",
) -> None:
    """Retry at once what failed: propagations, pushes of predictions, and submitted annotations."""
    from backend.bootstrap.retries import retry_jobs

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if file:
        for suspect in _released("" if file == "all" else file):
            console.print(f"{_named(suspect)}: opened again")
    with command_bar("jobs retry"):
        done = retry_jobs(target)
    sentence = (
        f"{done.jobs} failed jobs are opened again; "
        f"{done.given_up} refused pushes and annotations and {done.waiting} waiting tries are retried"
    )
    console.print(sentence)


@app.command()
def files() -> None:
    """List the files that killed a decoder, with the count of times and whether they are refused."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.media import open_quarantine

    for suspect in open_quarantine(Container.from_environment()).suspects():
        state = "refused" if suspect.is_refused else "tried again"
        times = len(suspect.deaths_s)
        sentence = f"{_named(suspect)}: killed the decoder {times} times, {state}"
        Console().print(sentence, markup=False, highlight=False, soft_wrap=True)


def _named(suspect: Suspect) -> str:
    """The file's name; files of one name differ by their hash."""
    return f"{suspect.name} (SHA-256 {suspect.content_hash[:12]}…)"


def _released(wanted: str) -> list[Suspect]:
    """Releases the files of that name, or whose content hash begins so; empty: all. Raises NotFound for none."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.media import open_quarantine
    from backend.domain.errors import NotFound

    found = open_quarantine(Container.from_environment()).lift(wanted)
    if not found:
        named = f"called {wanted}, or whose content hash begins so, " if wanted else ""
        raise NotFound(f"no file {named}has killed a decoder; `masklet jobs files` lists them")
    return list(found)
