"""`masklet report`: a propagated video's uncertainty and its verdicts, or a project's verdicts, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from backend.domain.verdicts import ObjectState, counts_text
from backend.interfaces.cli.progress.command_bar import command_bar

if TYPE_CHECKING:
    from backend.adapters.report.verdicts import VerdictRow

MOST_LINES = 20


def report(
    source: Annotated[
        str, typer.Argument(help="A folder of `masklet propagate`, PROJECT/TASK, or PROJECT for its verdicts.")
    ],
    *,
    out: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report.html"),
    video: Annotated[
        Path | None,
        typer.Option(help="The folder's video, for its pictures: a file or a folder of pictures.", exists=True),
    ] = None,
    frames: Annotated[int, typer.Option(help="How many frames to look at next.", min=0)] = 12,
    seed: Annotated[int, typer.Option(help="Which frames are drawn as audits.")] = 0,
) -> None:
    """Write one self-contained page: a curve an object, human frames, and the frames to look at next with masks.

    Verdicts that people gave in the player come first, what is to be redone at their head. Of a project the page has
    the verdicts on all of its tasks.
    """
    console = Console(stderr=True)
    with command_bar("report"):
        rows = _write(source, out, video, frames, seed)
    for line in _verdict_lines(rows):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    console.print(f"The report is in {out}.", highlight=False, markup=False, soft_wrap=True)


def _write(source: str, out: Path, video: Path | None, frames: int, seed: int) -> Sequence[VerdictRow]:
    if source.isascii() and source.isdecimal() and not Path(source).is_dir():
        from backend.bootstrap.verdicts import write_verdicts

        return write_verdicts(int(source), out)
    from backend.bootstrap.review.reports import write_report

    return write_report(source, out, video=video, count=frames, seed=seed)


def _verdict_lines(rows: Sequence[VerdictRow]) -> list[str]:
    """The counts, and what is to be redone."""
    from backend.application.player.project_verdicts import counts_of

    if not rows:
        return []
    redo = [row for row in rows if row.verdict.state is ObjectState.REDO]
    lines = [f"Verdicts: {counts_text(counts_of(row.verdict for row in rows))}."]
    lines += [_redo_line(row) for row in redo[:MOST_LINES]]
    if len(redo) > MOST_LINES:
        lines.append(f"  and {len(redo) - MOST_LINES} more to redo, on the page")
    return lines


def _redo_line(row: VerdictRow) -> str:
    comment = f": {row.verdict.shown.given.comment}" if row.verdict.shown.given.comment else ""
    return f"  redo {row.verdict.subject} of {row.task}, says {row.verdict.user}{comment}"
