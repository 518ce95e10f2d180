"""`masklet crowd`: people who check each other."""

from __future__ import annotations

import typer

from backend.interfaces.cli import crowd_gold, crowd_quality

app = typer.Typer(help="Let people check each other.", no_args_is_help=True)


@app.callback()
def crowd() -> None:
    """Let people check each other."""


crowd_quality.add_to(app)
app.add_typer(crowd_gold.app, name="gold")
