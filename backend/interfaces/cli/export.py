"""`masklet export`: masks as the data sets that other tools read."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from backend.domain.datasets import FIRST_USE, FormatName, LabelsFrom, kinds_text
from backend.domain.verdicts import counts_text
from backend.interfaces.cli.progress.command_bar import command_bar

if TYPE_CHECKING:
    from backend.bootstrap.export import ExportOrder
    from backend.bootstrap.overlays import OverlayPlan


def export(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="Folders of `masklet propagate`, project:N, project:N/TASK,TASK,... or run:N/TASK.",
        ),
    ],
    format_name: Annotated[FormatName, typer.Option("--format", help="The data set's format.")],
    out: Annotated[Path, typer.Option(help="The folder to write; it must not hold anything yet.")],
    *,
    frames: Annotated[str, typer.Option(help="Which frames: human, all or certain:LIMIT.")] = "all",
    verdict: Annotated[
        str,
        typer.Option(
            help="Which objects, by their verdict: satisfactory, redo, reject, skipped, outdated or none; several "
            "with commas between; all."
        ),
    ] = "all",
    labels: Annotated[
        LabelsFrom,
        typer.Option("--from", help="Of a task; both: predictions for tasks without annotations."),
    ] = LabelsFrom.ANNOTATIONS,
    annotator: Annotated[
        str,
        typer.Option(
            help="Of a task with several annotations: newest, best (agrees most with the others), consensus (what more "
            "than half say), trusted-consensus (weighted by trust), each, or a user's number; one: refuse it."
        ),
    ] = "one",
    video: Annotated[list[Path] | None, typer.Option(help="A video file, or a folder of them; repeatable.")] = None,
    images: Annotated[
        bool | None, typer.Option("--images/--no-images", help="Write the frames; default: if they are at hand.")
    ] = None,
    split: Annotated[str, typer.Option(help="YOLO: shares of train, val and test.")] = "0.8,0.2",
    classes: Annotated[
        Path | None,
        typer.Option(
            help="Formats with class numbers: the classes in order, a name a line, a data.yaml or manifest.json."
        ),
    ] = None,
    background: Annotated[str, typer.Option(help="Green screen: red, green and blue.")] = "0,255,0",
    offset: Annotated[int, typer.Option(help="Green screen: number of the first frame.")] = 0,
    skip_faulty: Annotated[
        bool, typer.Option("--skip-faulty", help="Leave out tasks that cannot be read; the manifest lists them.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an earlier export in OUT.")] = False,
    into_tasks: Annotated[
        bool, typer.Option("--into-tasks", help="Overlay: show each film beside its task's video.")
    ] = False,
    media_url: Annotated[str, typer.Option(help="Where browsers reach Masklet; default: MASKLET_PUBLIC_URL.")] = "",
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the summary here.")] = None,
) -> None:
    """Write the masks of SOURCE to OUT in a format that other tools read."""
    from backend.bootstrap.export import ExportOrder, run_export

    order = ExportOrder(
        sources,
        format_name.value,
        out,
        frames=frames,
        verdicts=verdict,
        labels=labels.value,
        annotator=annotator,
        videos=video or (),
        pictures=images,
        overwrite=overwrite,
        split=split,
        background=background,
        offset=offset,
        skip_faulty=skip_faulty,
        classes=classes,
    )
    console = Console(stderr=True)
    with command_bar(f"export {format_name.value}"):
        films = _plan(order, media_url) if into_tasks else None
        done = run_export(order)
    if json_file is not None:
        json_file.write_text(json.dumps(asdict(done), indent=2) + "\n", encoding="utf-8")
    text = f"{done.masks} masks on {done.kept} of {done.offered} frames of {_count(done.videos, 'video')}, in {out}."
    if done.left_out:
        left_out = f"{sum(done.left_out.values())} of {_count(done.objects, 'object')}"
        text += f" Left out by --verdict: {left_out} ({counts_text(done.left_out)})."
    if done.not_exported:
        text += f" Drawn and not exported: {kinds_text(done.not_exported)}."
    if done.skipped:
        text += f" {_count(done.skipped, 'video')} could not be read; the manifest says why."
    if done.notes.get("class_order") == FIRST_USE:
        text += (
            f" The classes are numbered by first use; --classes {out / 'manifest.json'} keeps these numbers next time."
        )
    if films is not None:
        text += f" {_count(films.show(out), 'task')} of project {films.project_id} shows it in {films.field!r}."
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _plan(order: ExportOrder, media_url: str) -> OverlayPlan:
    """Before anything is drawn: can the project show it?"""
    from backend.bootstrap.overlays import plan_overlays

    return plan_overlays(order, media_url)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"
