"""What `masklet import` shows while it works: a bar of sources, a bar of the open clip, and an estimate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich.console import Console

from backend.application.imports.model import ItemState, Outcome
from backend.interfaces.cli.progress.durations import duration_text

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

ESTIMATED_FROM = 0.05
"""The share of the first clip after which the estimate is printed."""


@dataclass(slots=True)
class ImportProgress:
    """Shows one import. write: gets every outcome. bars: without a terminal they are off; sentences are printed."""

    console: Console
    bars: Progress
    write: Callable[[Outcome], None]
    sources: int = 0
    clock_s: Callable[[], float] = time.monotonic
    _told: set[str] = field(default_factory=set)
    _sources_bar: TaskID | None = None
    _clip_bar: TaskID | None = None
    _clip: str = ""
    _began_s: float = 0.0
    _is_estimated: bool = False

    def begin(self, sources: int) -> None:
        self.sources = sources
        self._sources_bar = self.bars.add_task("import", total=sources)

    def outcome(self, outcome: Outcome) -> None:
        """Counts a source, and prints the reason of a failure, and once what became of the source."""
        self.write(outcome)
        if outcome.note and outcome.source not in self._told:
            self.console.print(f"{outcome.source}: {outcome.note}", markup=False, highlight=False, soft_wrap=True)
        self._told.add(outcome.source)
        if self._sources_bar is not None:
            self.bars.update(self._sources_bar, completed=len(self._told))
        if outcome.state is ItemState.FAILED:
            self.console.print(f"{outcome.name or outcome.source}: {outcome.reason}", markup=False, highlight=False)

    def frame(self) -> None:
        """Counts a frame of a video that is encoded anew."""
        self._show("frames encoded anew")
        if self._clip_bar is not None:
            self.bars.advance(self._clip_bar)

    def search(self, clip: str, done: int, total: int) -> None:
        """Shows the search for objects in a clip, in steps; in the first clip, prints how long a clip takes."""
        if clip != self._clip:
            self._clip, self._began_s = clip, self.clock_s()
        self._show(f"objects in {clip}")
        if self._clip_bar is not None:
            self.bars.update(self._clip_bar, completed=done, total=total)
        if not self._is_estimated and done >= ESTIMATED_FROM * total:
            self._is_estimated = True
            self._print_estimate((self.clock_s() - self._began_s) / done * total)

    def _show(self, description: str) -> None:
        if self._clip_bar is not None and self.bars.tasks[-1].description == description:
            return
        if self._clip_bar is not None:
            self.bars.remove_task(self._clip_bar)
        self._clip_bar = self.bars.add_task(description, total=None)

    def _print_estimate(self, seconds: float) -> None:
        text = f"automatic segmentation takes about {duration_text(seconds)} for a clip of this length"
        if self.sources > 1:
            text += f", {duration_text(seconds * self.sources)} for {self.sources} of them"
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
