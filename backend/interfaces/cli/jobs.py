"""`masklet jobs`: failed jobs and refused files, and their retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

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
        str, typer.Option(help="Also open a refused file again: the beginning of its content hash, or all.")
    ] = "",
) -> None:
    """Retry at once what failed: propagations, pushes of predictions, and submitted annotations."""
    from backend.bootstrap.retries import retry_jobs

    console = Console(highlight=False, soft_wrap=True, markup=False)
    if file:
        for suspect in _released("" if file == "all" else file):
            console.print(f"{suspect.content_hash[:12]} {suspect.name}: opened again")
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
        sentence = f"{suspect.content_hash[:12]} {suspect.name}: killed the decoder {times} times, {state}"
        Console().print(sentence, markup=False, highlight=False, soft_wrap=True)


def _released(beginning: str) -> list[Suspect]:
    """Releases the files whose content hash begins so; empty: all. Raises NotFound if there is none."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.media import open_quarantine
    from backend.domain.errors import NotFound

    found = open_quarantine(Container.from_environment()).lift(beginning)
    if not found:
        named = f"whose content hash begins with {beginning} " if beginning else ""
        raise NotFound(f"no file {named}has killed a decoder; `masklet jobs files` lists them")
    return list(found)
