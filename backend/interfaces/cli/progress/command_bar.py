"""The bar of a command that may take long, on standard error: standard output stays for what the command prints.

The work counts what it does with `counted`; nothing is handed through to it. Without a terminal nothing is shown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from backend.application.ports.progress import subscribed_to_counts

SHOWN_AFTER_S = 2.0
"""Quicker commands show no bar."""


@contextmanager
def command_bar(what: str) -> Iterator[None]:
    """Shows a bar while the block runs, from its third second on. It has a count where the work reports one.

    what: the bar's text before the first count.
    """
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    from backend.interfaces.cli.progress.bars import progress_bars

    bars = progress_bars(console, vanishes=True)
    bar = bars.add_task(what, total=None)

    def show(counted: str, done: int, total: int | None) -> None:
        bars.update(bar, description=counted, completed=done, total=total)

    beginning = threading.Timer(SHOWN_AFTER_S, bars.start)
    beginning.daemon = True
    beginning.start()
    try:
        with subscribed_to_counts(show):
            yield
    finally:
        beginning.cancel()
        beginning.join()
        bars.stop()
