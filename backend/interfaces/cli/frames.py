"""`masklet frames`: chosen frames of a video as a zip in Lightning Pose's layout."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from backend.domain.selection import parse_portion, parse_selection, range_text
from backend.interfaces.cli.progress.command_bar import command_bar


def frames(
    video: Annotated[Path, typer.Argument(help="The video file, or a folder of pictures.", exists=True)],
    out: Annotated[Path, typer.Option(help="The zip to write; name it like the video.")],
    *,
    select: Annotated[str, typer.Option(help="all, every:N, diverse:N or range:A-B.")] = "diverse:20",
    portion: Annotated[str, typer.Option(help="Part of the video, as shares of its length.")] = "0-1",
    context: Annotated[bool, typer.Option(help="With the two frames before and after each.")] = True,
) -> None:
    """Write chosen frames of VIDEO as img%08d.png with selected_frames.csv; `masklet import` reads such zips."""
    from backend.adapters.media.frames_zip_command import write_frames

    console = Console(stderr=True)
    selection, part = parse_selection(select), parse_portion(portion)
    with command_bar("frames"):
        chosen = write_frames(video, out, selection=selection, portion=part, context=context)
    console.print(f"{len(chosen)} frames ({range_text(chosen)}) in {out}.", highlight=False, soft_wrap=True)
