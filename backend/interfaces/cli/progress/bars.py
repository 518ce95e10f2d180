"""Progress bars of the command line: on standard error, and only on a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


def progress_bars(console: Console, *, vanishes: bool = False) -> Progress:
    """Bars with a count and the time that is left. Prints nothing where the console is not a terminal.

    vanishes: the bars are gone when they end.
    """
    return _bars(console, MofNCompleteColumn(), vanishes=vanishes)


def download_bar(console: Console) -> Progress:
    """A bar with bytes and speed. Prints nothing where the console is not a terminal."""
    return _bars(console, DownloadColumn(), TransferSpeedColumn(), vanishes=False)


def _bars(console: Console, *counts: ProgressColumn, vanishes: bool) -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *counts,
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        redirect_stdout=False,
        transient=vanishes,
    )
