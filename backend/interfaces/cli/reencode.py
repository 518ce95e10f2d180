"""`masklet reencode`: a copy of a video that all browsers play, frame by frame."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from backend.domain.selection import range_text
from backend.interfaces.cli.progress.command_bar import command_bar


def reencode(
    video: Annotated[Path, typer.Argument(help="The video file, or a folder of pictures.", exists=True)],
    out: Annotated[Path, typer.Option(help="The MP4 file to write; it must not exist.")],
) -> None:
    """Write a copy of VIDEO that all browsers play (H.264 at a constant rate), each frame with the same number.

    OUT.frames.json has the times of the frames in VIDEO.
    """
    from backend.adapters.media.reencode import reencode_to

    with command_bar("reencode"):
        copy = reencode_to(video, out)
    console = Console(stderr=True)
    console.print(
        f"{copy.frame_count} frames in {out}; their times in {copy.frame_map}.", highlight=False, markup=False
    )
    if copy.undecodable:
        held = range_text(copy.undecodable)
        console.print(f"These frames do not decode; they show the picture before them: {held}.", highlight=False)
