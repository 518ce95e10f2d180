"""`masklet jobs`: what can be done with jobs that failed."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer(help="Jobs that failed or are tried again later.", no_args_is_help=True)


@app.callback()
def jobs() -> None:
    """Jobs that failed or are tried again later."""


@app.command()
def retry(
    target: Annotated[str, typer.Argument(help="A project's number or PROJECT/TASK; default: everything.")] = "",
) -> None:
    """Retry at once what failed: propagations, pushes of predictions, and submitted annotations."""
    from backend.bootstrap.batch import retry_jobs

    done = retry_jobs(target)
    sentence = (
        f"{done.jobs} failed jobs are opened again; "
        f"{done.given_up} refused pushes and annotations and {done.waiting} waiting tries are retried"
    )
    Console().print(sentence, markup=False, highlight=False, soft_wrap=True)
