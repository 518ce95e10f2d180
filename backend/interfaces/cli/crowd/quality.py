"""`masklet crowd agreement | trust | consensus`: how far people agree, are trusted, and what they say together."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.domain.crowd.agreement import (
    AgreementFigures,
    ObjectAgreement,
    figures,
    pairs_of,
    presence_alpha,
    worst_frames,
)
from backend.domain.crowd.estimates import Estimate, PersonQuality
from backend.domain.crowd.trust import check_share, is_sent_back
from backend.domain.crowd.trust_agreement import MOST_PEOPLE
from backend.interfaces.cli.progress.command_bar import command_bar

if TYPE_CHECKING:
    from backend.application.crowd.quality.write_consensus import TaskConsensus
    from backend.application.review.make_corrections import CorrectionTask
    from backend.domain.crowd.agreement_measured import MeasuredTask

WORST = 10
Project = Annotated[int, typer.Argument(help="The project's number.", min=1)]
OneTask = Annotated[int | None, typer.Option(help="Only this task.", min=1)]
Json = Annotated[Path | None, typer.Option("--json", help="Also write everything here.")]


def add_to(app: typer.Typer) -> None:
    """Adds the subcommands."""
    app.command()(agreement)
    app.command()(trust)
    app.command()(consensus)


def agreement(project: Project, *, task: OneTask = None, json_file: Json = None) -> None:
    """Say how far people's annotations agree: region (J), boundary (F), presence; by task and by pair of people.

    Tasks with one person are left out. What was measured before and did not change is not read again.
    """
    from backend.bootstrap.container import Container
    from backend.bootstrap.crowd.quality import open_quality

    console = Console(soft_wrap=True, highlight=False)
    with command_bar("crowd agreement"), open_quality(Container.from_environment()) as quality:
        faults = quality.measuring.refresh(project, task).faults
        found = [each for each in quality.service.tasks(project) if task in (None, each.task.task_id)]
    print_faults(console, faults)
    several = [each for each in found if len(each.people) > 1]
    if not several:
        console.print("No task has annotations of two people yet; there is nothing to compare.")
    else:
        console.print(_agreement_table(several))
        console.print(_pairs_table(several))
        for line in _worst_lines(several):
            console.print(line, markup=False)
    _write(json_file, [_agreement_document(each) for each in several])


def trust(project: Project, *, json_file: Json = None) -> None:
    """Say how far each person of a project is trusted, with the 95 % interval and the number of observations.

    For people who lead others: the person does not see it. Work is sent back if the whole interval is below the
    required share of right masks.
    """
    from backend.bootstrap.container import Container
    from backend.bootstrap.crowd.quality import open_quality

    console = Console(soft_wrap=True, highlight=False)
    with command_bar("crowd trust"), open_quality(Container.from_environment()) as quality:
        faults = quality.measuring.refresh(project).faults
        people = quality.service.people(project)
        policy = quality.service.policy
    print_faults(console, faults)
    if not people:
        console.print("Nobody has submitted an annotation in this project yet.")
    else:
        table = Table("person", "trust", "observations", "agreement (IoU)", "gold", "verdicts", "checks", "")
        for name, each in sorted(people.items(), key=lambda entry: entry[1].trust.mean):
            back = "send work back" if is_sent_back(each.trust, policy) else ""
            table.add_row(*_person_cells(name, each), f"{check_share(each.trust):.2f}", back)
        console.print(table)
    _write(
        json_file,
        [{**_person_document(each), "send_back": is_sent_back(each.trust, policy)} for each in people.values()],
    )


def consensus(
    project: Project,
    *,
    task: OneTask = None,
    write: Annotated[bool, typer.Option("--write", help="Write it into Label Studio, as predictions.")] = False,
    adjudicate: Annotated[
        int | None,
        typer.Option(help="A project for correction tasks: make one there for each frame on which people differ."),
    ] = None,
    frames: Annotated[int, typer.Option(help="How many correction tasks at most, worst first.", min=1)] = 20,
    json_file: Json = None,
) -> None:
    """Say what people say together, weighted by trust, and on which frames they differ too far.

    With --write each task gets one prediction of the model version `consensus`, however often the command runs.
    """
    from backend.bootstrap.container import Container
    from backend.bootstrap.corrections import open_corrections
    from backend.bootstrap.crowd.quality import open_quality

    container = Container.from_environment()
    console = Console(soft_wrap=True, highlight=False)
    with command_bar("crowd consensus"), open_quality(container) as quality:
        listed = quality.measuring.refresh(project, task).listed
        weights = quality.service.trust(project)
        found = quality.consensus.run(listed, weights, write=write)
        made = []
        if adjudicate is not None:
            with open_corrections(container, project, adjudicate) as maker:
                made = quality.consensus.adjudicate(listed, weights, maker, adjudicate, frames)
    _show_consensus(console, found, write=write)
    for each in made:
        state = "made" if each.is_new else "there already"
        console.print(f"correction task {each.task_id}: {each.frame.video.name}, page {each.frame.page}: {state}")
    _write(json_file, [_consensus_document(each, made) for each in found])
    if any(each.refused for each in found):
        raise typer.Exit(1)


def print_faults(console: Console, faults: Mapping[int, str]) -> None:
    """The tasks that cannot be measured, and why."""
    for number, reason in faults.items():
        console.print(f"task {number} is left out: {reason}", markup=False)


def _agreement_table(tasks: Sequence[MeasuredTask]) -> Table:
    table = Table("task", "people", "J", "F", "presence", "IoU", "worst tenth", "alpha of presence")
    for each in tasks:
        alpha = presence_alpha(each.objects)
        cells = _figure_cells(figures(each.objects))
        table.add_row(str(each.task.task_id), str(len(each.people)), *cells, "" if alpha is None else f"{alpha:.2f}")
    everything = figures([one for each in tasks for one in each.objects])
    table.add_row("all", "", *_figure_cells(everything), "")
    return table


def _pairs_table(tasks: Sequence[MeasuredTask]) -> Table:
    """The figures of each pair of people, over the tasks that both annotated."""
    table = Table("person", "person", "J", "F", "presence", "IoU", "worst tenth")
    for pair, found in _by_pair(tasks).items():
        table.add_row(*map(Text, pair), *_figure_cells(found))
    return table


def _by_pair(tasks: Sequence[MeasuredTask]) -> Mapping[tuple[str, str], AgreementFigures]:
    objects: dict[tuple[str, str], list[ObjectAgreement]] = {}
    for task in tasks:
        for column, (one, other) in enumerate(pairs_of(len(task.people))):
            first, second = sorted((task.people[one].user, task.people[other].user))
            objects.setdefault((first, second), []).extend(each.of_pair(column) for each in task.objects)
    return {pair: figures(found) for pair, found in sorted(objects.items())}


def _worst_lines(tasks: Sequence[MeasuredTask]) -> list[str]:
    listed = [(each.task.task_id, one) for each in tasks for one in worst_frames(each.objects, WORST)]
    listed.sort(key=lambda entry: entry[1].overall)
    return [
        f"task {task_id}, page {one.frame_index + 1}, {one.label}: IoU {one.overall:.2f}"
        + (", some have it and some have not" if one.has_presence_conflict else "")
        for task_id, one in listed[:WORST]
    ]


def _figure_cells(found: AgreementFigures) -> list[str]:
    values = (found.j, found.f, found.presence, found.overall, found.worst_decile)
    return ["" if value is None else f"{value:.3f}" for value in values]


def _agreement_document(task: MeasuredTask) -> dict[str, object]:
    people = [each.user for each in task.people]
    pairs = {
        f"{people[one]} {people[other]}": figures(task.objects, column).document()
        for column, (one, other) in enumerate(pairs_of(len(people)))
    }
    worst = worst_frames(task.objects, WORST)
    return {
        "task": task.task.task_id,
        "people": people,
        **figures(task.objects).document(),
        "alpha_of_presence": presence_alpha(task.objects),
        "pairs_of_people": pairs,
        "objects": [
            {"label": each.label, **figures([each]).document(), "by_frame": _frames_document(each)}
            for each in task.objects
        ],
        "worst_frames": [
            {
                "frame": each.frame_index,
                "label": each.label,
                "overall": round(each.overall, 4),
                "presence_conflict": each.has_presence_conflict,
            }
            for each in worst
        ],
    }


def _frames_document(each: ObjectAgreement) -> list[dict[str, object]]:
    """J and F of each pair, in the order of pairs_of_people, and who has the object, in the order of people."""
    return [
        {
            "frame": frame,
            "iou": [None if math.isnan(value) else round(float(value), 4) for value in ious],
            "boundary_f": [None if math.isnan(value) else round(float(value), 4) for value in edges],
            "present": present.tolist(),
        }
        for frame, ious, edges, present in zip(each.frames, each.iou, each.boundary_f, each.present, strict=True)
    ]


def _person_cells(name: str, each: PersonQuality) -> list[Text | str]:
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(each.verdicts.items()))
    observations = f"{each.trust.observations:.0f}"
    return [Text(name), _interval(each.trust), observations, _interval(each.agreement), _interval(each.gold), verdicts]


def _interval(estimate: Estimate | None) -> str:
    return "" if estimate is None else f"{estimate.mean:.2f} ({estimate.low:.2f} to {estimate.high:.2f})"


def _person_document(each: PersonQuality) -> dict[str, object]:
    return {
        "user": each.user,
        "trust": each.trust.document(),
        "agreement": each.agreement.document() if each.agreement else None,
        "gold": each.gold.document() if each.gold else None,
        "verdicts": {str(verdict): count for verdict, count in each.verdicts.items()},
        "checks": round(check_share(each.trust), 4),
    }


def _show_consensus(console: Console, found: Sequence[TaskConsensus], *, write: bool) -> None:
    if not found:
        console.print("No task has annotations of two people yet; there is no consensus.")
        return
    table = Table("task", "people", "largest uncertainty", "frames to decide", "state")
    for each in found:
        state = each.refused or ("written" if each.is_new else "as it was" if write else "not written")
        uncertainty = "" if each.uncertainty is None else f"{each.uncertainty:.3f}"
        cells = (
            str(each.listed.task.task_id),
            str(each.people),
            uncertainty,
            str(len(each.disagreements)),
            Text(state),
        )
        table.add_row(*cells)
    console.print(table)
    crowded = [each for each in found if each.people > MOST_PEOPLE]
    for each in crowded:
        console.print(f"task {each.listed.task.task_id}: of {each.people} people the newest {MOST_PEOPLE} count")


def _consensus_document(each: TaskConsensus, made: Sequence[CorrectionTask]) -> dict[str, object]:
    return {
        "task": each.listed.task.task_id,
        "people": each.people,
        "uncertainty": each.uncertainty,
        "written": each.is_new,
        "refused": each.refused or None,
        "disagreements": [
            {"frame": one.frame_index, "doubt": round(one.doubt, 4), "conflicts": [str(why) for why in one.conflicts]}
            for one in each.disagreements
        ],
        "correction_tasks": [one.task_id for one in made if one.frame.video.task == each.listed.task],
    }


def _write(path: Path | None, document: object) -> None:
    if path is not None:
        path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
