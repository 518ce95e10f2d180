"""`masklet models list | pull | path`: which checkpoints there are, and getting them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="The checkpoints: list, fetch, find.", no_args_is_help=True)


@app.command(name="list")
def list_models() -> None:
    """Every checkpoint, whether it is here, and which one `auto` takes."""
    from backend.bootstrap.models import listed_models

    table = Table("name", "here", "in use", "file", "for")
    for model in listed_models():
        here, chosen = ("yes" if flag else "" for flag in (model.present, model.is_chosen))
        table.add_row(model.name, here, chosen, model.file_name, model.use)
    Console().print(table)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="tiny, small, base_plus or large.")],
    *,
    data_dir: Annotated[Path | None, typer.Option(help="The data folder; default: MASKLET_DATA_DIR.")] = None,
) -> None:
    """Fetch a checkpoint, or the rest of it, check its SHA-256 and put it in place."""
    from backend.bootstrap.models import pull_model
    from backend.interfaces.cli.progress.bars import download_bar

    with download_bar(Console(stderr=True)) as progress:
        task = progress.add_task(name, total=None)
        target = pull_model(
            name, lambda done, total: progress.update(task, completed=done, total=total or None), data_dir=data_dir
        )
    Console().print(str(target), soft_wrap=True, highlight=False)


@app.command()
def path(name: Annotated[str, typer.Argument(help="A checkpoint's name, or auto.")] = "auto") -> None:
    """Print where a checkpoint's file lies."""
    from backend.bootstrap.models import model_path

    Console().print(str(model_path(name)), soft_wrap=True, highlight=False)
