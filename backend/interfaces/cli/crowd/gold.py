"""`masklet crowd gold`: tasks whose truth is known, mixed in among ordinary ones; for people who lead others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.domain.crowd.estimates import PersonQuality
from backend.domain.crowd.gold import DEFAULT_GOLD, GoldPolicy
from backend.domain.errors import NotFound
from backend.domain.tasks import TaskKey
from backend.interfaces.cli.crowd.quality import print_faults
from backend.interfaces.cli.progress.command_bar import command_bar

if TYPE_CHECKING:
    from backend.domain.crowd.agreement_measured import MeasuredTask
    from backend.domain.crowd.gold_truth import GoldTask

app = typer.Typer(help="Tasks whose truth is known, mixed in among ordinary ones.", no_args_is_help=True)
Project = Annotated[int, typer.Argument(help="The project's number.", min=1)]
Json = Annotated[Path | None, typer.Option("--json", help="Also write the list here.")]


@app.callback()
def gold() -> None:
    """Tasks whose truth is known, mixed in among ordinary ones."""


@app.command()
def add(
    project: Project,
    task: Annotated[
        int | None, typer.Argument(help="The task; default: all whose annotation is marked as ground truth.", min=1)
    ] = None,
    *,
    annotation: Annotated[int | None, typer.Option(help="The true annotation's number.", min=1)] = None,
) -> None:
    """Keep an expert's annotation as the truth of its task. Again: the annotation as it is now."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.crowd.quality import open_quality

    with command_bar("crowd gold add"), open_quality(Container.from_environment()) as quality:
        added = quality.keeper.add(project, task, annotation)
    for each in added:
        frames = ", ".join(str(index + 1) for index in each.truth.frames)
        Console(highlight=False, soft_wrap=True).print(
            f"task {each.task.task_id} is gold: annotation {each.annotation_id}, compared on pages {frames}"
        )


@app.command()
def mix(
    project: Project,
    *,
    into: Annotated[
        int | None, typer.Option(help="The project that gets the copies; default: the same.", min=1)
    ] = None,
    share: Annotated[float, typer.Option(help="Of the tasks that people meet, 0 to 0.5.", min=0, max=0.5)] = (
        DEFAULT_GOLD.share
    ),
    newcomers: Annotated[float, typer.Option(help="The same for newcomers.", min=0, max=0.5)] = DEFAULT_GOLD.newcomers,
    lost: Annotated[
        float, typer.Option(help="Share of the objects that a copy's pre-label loses.", min=0, max=1)
    ] = DEFAULT_GOLD.lost,
) -> None:
    """Copy gold tasks among the tasks that nobody has annotated yet, up to a share of them.

    Again when tasks were added or done: it tops the copies up. Nothing in Label Studio says which tasks they are.
    """
    from backend.bootstrap.container import Container
    from backend.bootstrap.crowd.quality import open_quality

    policy, target = GoldPolicy(share=share, newcomers=newcomers, lost=lost), into or project
    with command_bar("crowd gold mix"), open_quality(Container.from_environment()) as quality:
        people = quality.service.people(target)
        observed = {name: each.gold.observations if each.gold else 0.0 for name, each in people.items()}
        made, wanted = quality.mixer.mix(project, target, observed, policy)
    sentence = f"project {target}: {len(made)} gold copies made; gold is to be {wanted:.0%} of the open tasks"
    Console(highlight=False, soft_wrap=True).print(sentence)


@app.command(name="list")
def list_(project: Project, *, json_file: Json = None) -> None:
    """List the gold tasks of a project, and how each person did on them."""
    from backend.bootstrap.container import Container
    from backend.bootstrap.crowd.quality import open_quality

    console = Console(highlight=False, soft_wrap=True)
    with command_bar("crowd gold list"), open_quality(Container.from_environment()) as quality:
        faults = quality.measuring.refresh(project).faults
        listed = quality.service.ledger.gold(project)
        measured = {each.task: each for each in quality.service.tasks(project)}
        people = quality.service.people(project)
    print_faults(console, faults)
    table = Table("task", "copy of", "pages", "people")
    for each in listed:
        source = f"{each.source}" if each.is_copy else ""
        pages = ", ".join(str(index + 1) for index in each.truth.frames)
        table.add_row(str(each.task.task_id or "not made yet"), source, pages, Text(_results(each, measured)))
    console.print(table if listed else f"Project {project} has no gold task.")
    for line in _people_lines(people):
        console.print(line, markup=False)
    if json_file is not None:
        documents = [_document(each, measured) for each in listed]
        json_file.write_text(json.dumps(documents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@app.command()
def remove(project: Project, task: Annotated[int, typer.Argument(help="The gold task.", min=1)]) -> None:
    """Forget that a task is gold, and its copies. The tasks stay in Label Studio as ordinary ones."""
    from backend.bootstrap.container import Container

    ledger = Container.from_environment().ledger
    source = TaskKey(project, task)
    if all(each.task != source or each.is_copy for each in ledger.gold(project)):
        raise NotFound(f"task {task} of project {project} is not gold; `masklet crowd gold list {project}` lists them")
    copies = ledger.remove_gold(source)
    named = ", ".join(str(each) for each in copies) or "none"
    Console(highlight=False, soft_wrap=True).print(
        f"task {source} is not gold any more; ordinary copies of it: {named}"
    )


def _results(gold: GoldTask, measured: Mapping[TaskKey, MeasuredTask]) -> str:
    found = measured.get(gold.task)
    return "; ".join(
        f"{user}: {sum(mask.is_right for mask in masks)} of {len(masks)} masks right"
        for user, masks in (found.gold.items() if found else ())
    )


def _people_lines(people: Mapping[str, PersonQuality]) -> Sequence[str]:
    return [
        f"{name}: {each.gold.mean:.2f} of gold masks right ({each.gold.low:.2f} to {each.gold.high:.2f}, "
        f"{each.gold.observations:.0f} masks)"
        for name, each in people.items()
        if each.gold is not None
    ]


def _document(gold: GoldTask, measured: Mapping[TaskKey, MeasuredTask]) -> dict[str, object]:
    found = measured.get(gold.task)
    results = found.gold.items() if found else ()
    return {
        "project": gold.task.project_id,
        "task": gold.task.task_id or None,
        "copy_of": str(gold.source) if gold.is_copy else None,
        "annotation": gold.annotation_id,
        "frames": list(gold.truth.frames),
        "people": {
            user: [{"frame": mask.frame_index, "label": mask.label, "iou": round(mask.iou, 4)} for mask in masks]
            for user, masks in results
        },
    }
