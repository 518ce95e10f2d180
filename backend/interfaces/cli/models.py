"""`masklet models`: which checkpoints there are, getting them, moving trained ones, and the one in use."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

app = typer.Typer(help="The checkpoints: list, fetch, use, export, import.", no_args_is_help=True)


@app.command(name="list")
def list_models() -> None:
    """Every checkpoint, whether it is here, and which one is in use; of trained ones the parent and the gain."""
    from backend.bootstrap.models import listed_models

    table = Table("name", "here", "in use", "file", "for", "parent", "gain (95 %)")
    for model in listed_models():
        here, chosen = ("yes" if flag else "" for flag in (model.present, model.is_chosen))
        table.add_row(model.name, here, chosen, model.file_name, model.use, model.parent, model.gain)
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
def path(name: Annotated[str, typer.Argument(help="A checkpoint's name, or auto: the one in use.")] = "auto") -> None:
    """Print where a checkpoint's file lies."""
    from backend.bootstrap.models import model_path

    Console().print(str(model_path(name)), soft_wrap=True, highlight=False)


@app.command()
def use(name: Annotated[str, typer.Argument(help="A checkpoint's name, such as a trained one's.")]) -> None:
    """Make a checkpoint the model in use, for all workers: each loads it when it has no job."""
    from backend.bootstrap.models import activate_model

    _say(f"{activate_model(name)} is in use. Workers load it once they have no job; back: masklet models rollback")


@app.command()
def rollback() -> None:
    """Go back to the model that was in use before."""
    from backend.bootstrap.models import roll_back_model

    taken_back, before = roll_back_model()
    _say(f"{taken_back} is not in use any more; {'the best one present is' if before == 'auto' else f'{before} is'}.")


@app.command(name="export")
def export_model(
    name: Annotated[str, typer.Argument(help="A trained checkpoint's name.")],
    file: Annotated[Path, typer.Argument(help="The .zip to write.")],
) -> None:
    """Write a trained checkpoint as a .zip, for another machine."""
    from backend.bootstrap import models

    models.export_model(name, file)
    _say(f"{name} is in {file}.")


@app.command(name="import")
def import_model(file: Annotated[Path, typer.Argument(help="A .zip that `masklet models export` wrote.")]) -> None:
    """Add a trained checkpoint of another machine. It is not in use before `masklet models use`."""
    from backend.bootstrap import models

    name = models.import_model(file)
    _say(f"{name} is here. Use it: masklet models use {name}")


def _say(sentence: str) -> None:
    Console(soft_wrap=True, highlight=False, markup=False).print(sentence)
