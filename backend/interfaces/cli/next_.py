"""`masklet next`: the frames that a person should look at next."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table


def next_(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE", help="A project's number, or folders of `masklet propagate`.")
    ],
    *,
    frames: Annotated[int, typer.Option(help="How many frames.", min=1)] = 20,
    seed: Annotated[int, typer.Option(help="Which frames are drawn as audits.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the list here.")] = None,
) -> None:
    """List the frames whose correction is expected to save the most, the most useful first."""
    from backend.bootstrap.review import choose_next

    chosen, is_done = choose_next(sources, frames, seed=seed)
    console = Console()
    probable = all(frame.video.is_probability for frame in chosen)
    table = Table("video", "frame", "object", "uncertainty" if probable else "uncertainty (rank)", "gain", "why")
    for frame in chosen:
        table.add_row(
            frame.video.name,
            str(frame.choice.frame_index),
            str(frame.object_id),
            f"{frame.uncertainty:.3f}",
            f"{frame.choice.gain:.2f}",
            frame.choice.reason.value,
        )
    console.print(table)
    if not probable:
        console.print("The model has no calibrator: uncertainty is a rank here, good for comparing, not a probability.")
    if is_done:
        console.print("No frame is doubtful any more; what is listed is for checking.")
    if json_file is not None:
        listed = [frame.document() for frame in chosen]
        json_file.write_text(json.dumps(listed, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
