"""`masklet crowd`: crowds that check each other."""

from __future__ import annotations

import typer

from backend.interfaces.cli import crowd_effort

app = typer.Typer(help="Let people check each other.", no_args_is_help=True)
app.command()(crowd_effort.effort)


@app.callback()
def crowd() -> None:
    """Let people check each other."""
