"""The `masklet` command: one module a subcommand. Heavy libraries are imported by the subcommand that needs them."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from backend import __version__
from backend.domain.errors import Cancelled, InvalidInput, MaskletError, NotAllowed, NotFound
from backend.interfaces.cli import (
    connect,
    doctor,
    evaluate,
    export,
    frames,
    import_,
    jobs,
    models,
    next_,
    probe,
    project,
    propagate,
    reencode,
    renew,
    report,
    serve,
    status,
    train,
    up,
    worker,
)
from backend.interfaces.cli.crowd import commands as crowd

LEFT_OUT = {"sam2", "torch", "torchvision"}
"""Packages that the image of the web process does not have (docker/select-lock)."""

app = typer.Typer(help="Masklet: video segmentation for Label Studio with SAM 2.", no_args_is_help=True)
app.command()(up.up)
app.command()(serve.serve)
app.command()(worker.worker)
app.command()(propagate.propagate)
app.command()(connect.connect)
app.command(name="import")(import_.import_batch)
app.command()(export.export)
app.command()(frames.frames)
app.command()(reencode.reencode)
app.command(name="next")(next_.next_)
app.command()(renew.renew)
app.command()(report.report)
app.command()(status.status)
app.command()(doctor.doctor)
app.command()(probe.probe)
app.command(name="eval")(evaluate.evaluate)
app.add_typer(project.app, name="project")
app.add_typer(models.app, name="models")
app.add_typer(train.app, name="train")
app.add_typer(jobs.app, name="jobs")
app.add_typer(crowd.app, name="crowd")


@app.callback(invoke_without_command=True)
def version(
    context: typer.Context, *, show: bool = typer.Option(False, "--version", help="Print the version and stop.")
) -> None:
    """Masklet: video segmentation for Label Studio with SAM 2."""
    if show:
        Console().print(f"masklet {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command. An error that Masklet raised on purpose is one line on stderr, not a traceback.

    Exit codes: 0 done, 1 failed, 2 the caller can mend it, 130 interrupted.
    """
    try:
        app(import_.with_reencode_value(sys.argv[1:]))
    except (InvalidInput, NotAllowed, NotFound) as error:
        _complain(error)
        sys.exit(2)
    except Cancelled as error:
        _complain(error)
        sys.exit(130)
    except MaskletError as error:
        _complain(error)
        sys.exit(1)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in LEFT_OUT:
            raise
        _complain(
            f"this command needs {package}, which is not installed. The web process's image has no model: "
            "run it in a worker's container (`docker compose exec propagate …`)"
        )
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _complain(error: MaskletError | str) -> None:
    Console(stderr=True).print(f"masklet: {error}", markup=False, highlight=False, soft_wrap=True)
