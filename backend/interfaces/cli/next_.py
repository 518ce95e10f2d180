"""`masklet next`: the frames that a person should look at next."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from backend.domain.diversity import ColdStart
from backend.domain.errors import InvalidInput
from backend.domain.tasks import TaskKey
from backend.interfaces.cli.progress.command_bar import command_bar

if TYPE_CHECKING:
    from backend.application.review.make_corrections import CorrectionTask
    from backend.application.review.next_frames import NextFrame

NO_OBJECT_PICTURE = (
    "note: the label config of project {project} does not show the object on its prompted frame; "
    "the <Markdown> tag with $object_picture in label_config/keyframe.xml does."
)


def next_(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="A project's number, folders of `masklet propagate`, or a video (a file or a folder of pictures).",
        ),
    ],
    *,
    frames: Annotated[int, typer.Option(help="How many frames.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Which frames are drawn as audits.")] = 0,
    into: Annotated[
        int | None, typer.Option(help="A project for correction tasks: make one there for each frame of the list.")
    ] = None,
    method: Annotated[
        ColdStart, typer.Option(help="How to choose frames of a video without masks.")
    ] = ColdStart.MEDOIDS,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the list here.")] = None,
) -> None:
    """List the frames whose correction is expected to save the most, the most useful first.

    With --into, each becomes a task of one picture with the masks that are there; what people submit there is carried
    back into the video's task, which is propagated again. Of a video, which has no masks yet, the frames are such
    as differ from each other.
    """
    console = Console()
    if len(sources) == 1 and _is_video(Path(sources[0])):
        from backend.bootstrap.review.cold_start import cold_start

        with command_bar("next"):
            beginning = cold_start(Path(sources[0]), frames, method, seed=seed)
        console.print(f"Begin with these frames ({method.value}): {', '.join(map(str, beginning))}")
        if json_file is not None:
            listed = [{"video": Path(sources[0]).name, "frame": index, "reason": method.value} for index in beginning]
            json_file.write_text(json.dumps(listed, indent=2) + "\n", encoding="utf-8")
        return
    if into is None:
        from backend.bootstrap.review.next_frames import choose_next

        with command_bar("next"):
            chosen, is_done = choose_next(sources, frames, seed=seed)
        tasks = [frame.video.task for frame in chosen]
    else:
        made = _made(console, sources, into, frames, seed)
        chosen, is_done = tuple(one.frame for one in made), False
        tasks = [TaskKey(into, one.task_id) for one in made]
    _show(console, chosen, is_done=is_done)
    _show_addresses(console, tasks)
    if json_file is not None:
        documents = [frame.document() for frame in chosen]
        json_file.write_text(json.dumps(documents, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _is_video(path: Path) -> bool:
    if not path.is_dir():
        return path.is_file()
    from backend.adapters.media.source_media import is_picture_folder

    return is_picture_folder(path)


def _made(console: Console, sources: list[str], into: int, count: int, seed: int) -> list[CorrectionTask]:
    """Make the correction tasks of one project."""
    from backend.bootstrap.corrections import make_corrections

    if len(sources) != 1 or not sources[0].isdecimal():
        raise InvalidInput("--into takes the frames of one project: name its number")
    with command_bar("next"):
        made, shows_object = make_corrections(int(sources[0]), into, count, seed=seed)
    fresh = sum(one.is_new for one in made)
    console.print(f"Project {into}: {fresh} correction tasks made, {len(made) - fresh} were there already.")
    if not shows_object:
        console.print(NO_OBJECT_PICTURE.format(project=into), markup=False, highlight=False, soft_wrap=True)
    return made


def _show(console: Console, chosen: Sequence[NextFrame], *, is_done: bool) -> None:
    probable = all(frame.video.is_probability for frame in chosen)
    columns = ("uncertainty" if probable else "uncertainty (rank)", "gain", "why")
    table = Table("clip", "page" if _are_tasks(chosen) else "frame", "object", *columns)
    for frame in chosen:
        table.add_row(
            Text(frame.video.name),
            str(frame.page if _are_tasks(chosen) else frame.choice.frame_index),
            Text(frame.object_name),
            f"{frame.uncertainty:.3f}",
            f"{frame.choice.gain:.2f}",
            frame.choice.reason.value,
        )
    console.print(table)
    if not probable:
        console.print("The model has no calibrator: uncertainty is a rank here, good for comparing, not a probability.")
    if is_done:
        console.print("No frame is doubtful any more; what is listed is for checking.")


def _are_tasks(chosen: Sequence[NextFrame]) -> bool:
    """Whether all frames are pages of tasks, counted from 1; those of files are counted from 0."""
    return all(frame.video.task is not None for frame in chosen)


def _show_addresses(console: Console, tasks: Sequence[TaskKey | None]) -> None:
    """A line for each task: its page in Label Studio."""
    from backend.bootstrap.review.next_frames import address_of

    for task in dict.fromkeys(task for task in tasks if task is not None):
        address = address_of(task)
        if address:
            console.print(f"task {task.task_id}: {address}", markup=False, highlight=False, soft_wrap=True)
