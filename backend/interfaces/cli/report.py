"""`masklet report`: a propagated video's uncertainty on one page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def report(
    source: Annotated[str, typer.Argument(help="A folder of `masklet propagate`, or PROJECT/TASK.")],
    *,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    video: Annotated[
        Path | None, typer.Option(help="The folder's video file, for its pictures.", exists=True, dir_okay=False)
    ] = None,
    frames: Annotated[int, typer.Option(help="How many frames to look at next.", min=0)] = 12,
    seed: Annotated[int, typer.Option(help="Which frames are drawn as audits.")] = 0,
) -> None:
    """Write one self-contained page: a curve an object, human frames, and the frames to look at next with masks."""
    from backend.bootstrap.review import write_report

    written = write_report(source, out, video=video, count=frames, seed=seed)
    Console(stderr=True).print(f"The report is in {written}.", highlight=False, soft_wrap=True)
