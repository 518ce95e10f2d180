"""`masklet train`: learns from what people corrected in a project; follows, cancels and reports trainings."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from backend.codecs.training_json import labels_document, progress_document, request_document, result_document
from backend.domain.errors import InvalidInput
from backend.domain.training import TrainedPart, TrainingResult
from backend.domain.training.rows import IN_USE, Training, TrainingState

if TYPE_CHECKING:
    from backend.application.training.requests import Trainings


class StartsByDefault(TyperGroup):
    """`masklet train project:7` is `masklet train start project:7`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - Typer's own copy of Click
        named = args and args[0].startswith("project:")
        return super().parse_args(ctx, ["start", *args] if named else args)


app = typer.Typer(cls=StartsByDefault, help="Train a checkpoint on what people corrected.", no_args_is_help=True)

WATCH_S = 1.0
NAMED = Annotated[str, typer.Argument(metavar="TRAINING", help="A training's name, or project:N for its newest one.")]
MOST_LEFT_OUT = 10


@app.command()
def start(
    project: Annotated[str, typer.Argument(metavar="PROJECT", help="The project, as project:7.")],
    *,
    base: Annotated[str, typer.Option("--from", help="The checkpoint to start from; auto: the one in use.")] = IN_USE,
    minutes: Annotated[float | None, typer.Option(help="Minutes of training; default: MASKLET_TRAIN_MINUTES.")] = None,
    what: Annotated[TrainedPart | None, typer.Option(help="What is trained; default: MASKLET_TRAIN_WHAT.")] = None,
    verdict: Annotated[str | None, typer.Option(help="As `masklet export --verdict`, of approved objects.")] = None,
    annotator: Annotated[str | None, typer.Option(help="auto, newest, consensus, trusted-consensus or a user.")] = None,
    activate_if_better: Annotated[
        bool | None, typer.Option(help="Use the new checkpoint at once if it is better beyond doubt.")
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait for its end; Ctrl-C leaves it running.")] = True,
) -> None:
    """Train a checkpoint on a project's human frames and approved masklets. Exit code 1 if the training fails."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.training.model_use import find_trainable
    from backend.bootstrap.training.requests import (
        checked_request,
        default_request,
        open_trainings,
        require_label_studio,
    )

    container = Container.from_environment()
    require_label_studio(container)
    wanted = default_request(container, project_number(project))
    given = {
        "minutes": minutes,
        "parts": what,
        "verdicts": verdict,
        "annotator": annotator,
        "activates": activate_if_better,
    }
    changed = {name: value for name, value in given.items() if value is not None}
    request = checked_request(replace(wanted, base=base, **changed))  # type: ignore[arg-type]
    find_trainable(container, base)  # refuses one that is not there
    trainings = open_trainings(container)
    training, is_new = trainings.start(request)
    if not is_new:
        raise InvalidInput(
            f"training {training.name} of project {request.project_id} is {training.state}; wait for it, or cancel it: "
            f"masklet train cancel {training.name}"
        )
    console = _console()
    console.print(f"Training {training.name} is queued.")
    if not wait:
        return
    ended = _followed(trainings, training)
    _print_end(ended, console)
    if ended.state is not TrainingState.DONE:
        raise typer.Exit(1)


@app.command()
def status(
    project: Annotated[str, typer.Argument(metavar="[PROJECT]", help="As project:7; default: all.")] = "",
    *,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write everything here.")] = None,
) -> None:
    """List trainings, the newest first."""
    from backend.bootstrap.container import Container

    ledger = Container.from_environment().ledger
    found = ledger.trainings(project_id=project_number(project) if project else None)
    if json_file is not None:
        documents = [training_document(each) for each in found]
        json_file.write_text(json.dumps(documents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    table = Table("training", "project", "state", "from", "progress", "gain (95 %)", "checkpoint")
    for each in found:
        table.add_row(*_cells(each))
    Console().print(table if found else "No training yet.")
    for each in found:
        if each.reason and each.state is not TrainingState.RUNNING:
            _console().print(f"{each.name}: {each.reason}")


@app.command()
def cancel(name: NAMED) -> None:
    """Cancel a training; a running one ends at its next step."""
    trainings = _open()
    training = trainings.cancel(trainings.find(name))
    if training.state is TrainingState.RUNNING:
        _console().print(f"Training {training.name} ends at its next step.")
    else:
        _console().print(f"Training {training.name} is {training.state}.")


@app.command()
def report(
    name: NAMED,
    out: Annotated[Path, typer.Option(help="Where to write the page.")] = Path("training.html"),
) -> None:
    """Write the report of an ended training: figures, curves, pictures, labels."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.training.reports import report_of

    container = Container.from_environment()
    training = _open().find(name)
    page = report_of(container, training)
    try:
        out.write_bytes(page)
    except OSError as error:
        raise InvalidInput(f"{out} cannot be written: {error.strerror}") from error
    _console().print(f"The report is in {out}.")


def project_number(text: str) -> int:
    """Raises InvalidInput unless it is project:N."""
    found = re.fullmatch(r"project:([0-9]{1,18})", text)
    if found is None or not int(found[1]):
        raise InvalidInput(f"name the project as project:N, as in project:7, not {text!r}")
    return int(found[1])


def training_document(training: Training) -> dict[str, object]:
    """A training as JSON."""
    return {
        "id": training.training_id,
        "name": training.name,
        "state": training.state.value,
        "request": request_document(training.request),
        "from": training.base,
        "attempt": training.attempt,
        "progress": progress_document(training.progress),
        "result": None if training.result is None else result_document(training.result),
        "labels": labels_document(training.labels),
        "reason": training.reason,
        "note": training.note,
    }


def _open() -> Trainings:
    from backend.bootstrap.container import Container
    from backend.bootstrap.training.requests import open_trainings

    return open_trainings(Container.from_environment())


def _followed(trainings: Trainings, training: Training) -> Training:
    """Shows progress until the training ends."""
    current = training
    with Live(Text(""), console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        while not current.state.is_final:
            live.update(Text(_progress_text(current)), refresh=True)
            time.sleep(WATCH_S)
            current = trainings.ledger.training(training.training_id)
    return current


def _progress_text(training: Training) -> str:
    progress = training.progress
    figures = ", ".join(f"{name} {value:.3g}" for name, value in progress.figures.items())
    return f"{training.name}: {progress.share:.0%} {progress.phase}{f' ({figures})' if figures else ''}"


def _cells(training: Training) -> tuple[str, ...]:
    result, is_open = training.result, not training.state.is_final
    progress = f"{training.progress.share:.0%} {training.progress.phase}" if is_open else ""
    gain = "" if result is None else _gain_text(result)
    return (
        training.name,
        str(training.request.project_id),
        training.state.value,
        training.base or training.request.base,
        progress,
        gain,
        "" if result is None else result.checkpoint,
    )


def _gain_text(result: TrainingResult) -> str:
    """The gain with its 95 % interval."""
    return f"{result.gain:+.3f} ({result.gain_low:+.3f} to {result.gain_high:+.3f})"


def _print_end(training: Training, console: Console) -> None:
    labels = training.labels
    for video in labels.left_out[:MOST_LEFT_OUT]:
        console.print(f"Left out: task {video.task}, {video.name}: {video.reason}")
    if len(labels.left_out) > MOST_LEFT_OUT:
        console.print(f"And {len(labels.left_out) - MOST_LEFT_OUT} more videos are left out; the report has them.")
    result = training.result
    if result is None:
        console.print(f"Training {training.name} is {training.state}. {training.reason}".rstrip())
        return
    console.print(
        f"J&F {result.before.j_and_f:.3f} before, {result.after.j_and_f:.3f} after on held-out videos; gain "
        f"{_gain_text(result)}. {result.reason} {training.note}"
    )


def _console() -> Console:
    return Console(soft_wrap=True, highlight=False, markup=False)
