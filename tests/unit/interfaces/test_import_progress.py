"""What `masklet import` prints while it works, with and without a terminal."""

from __future__ import annotations

import io

from rich.console import Console

from backend.application.imports.model import ItemState, Outcome
from backend.interfaces.cli.progress.bars import progress_bars
from backend.interfaces.cli.progress.durations import duration_text
from backend.interfaces.cli.progress.import_progress import ImportProgress


class Shown:
    """A progress on a console of 100 columns, with a clock that stands still until it is set."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.text = io.StringIO()
        self.outcomes: list[Outcome] = []
        self.now_s = 0.0
        console = Console(file=self.text, force_terminal=is_terminal, width=100)
        self.bars = progress_bars(console)
        self.progress = ImportProgress(console, self.bars, self.outcomes.append, clock_s=lambda: self.now_s)

    def search_two_clips(self) -> None:
        with self.bars:
            self.progress.begin(2)
            for clip in ("a.mp4", "b.mp4"):
                for done in (0, 100, 500, 1000):
                    self.progress.search(clip, done, 1000)
                    self.now_s += 3.0
                self.progress.outcome(Outcome(clip, ItemState.CREATED, clip))


def test_the_first_clip_gives_one_estimate_for_all() -> None:
    shown = Shown(is_terminal=False)
    shown.search_two_clips()
    assert shown.text.getvalue() == (
        "automatic segmentation takes about 30 s for a clip of this length, 60 s for 2 of them\n"
    )
    assert [outcome.source for outcome in shown.outcomes] == ["a.mp4", "b.mp4"]


def test_a_terminal_shows_the_clip_and_the_sources() -> None:
    shown = Shown(is_terminal=True)
    shown.search_two_clips()
    text = shown.text.getvalue()
    assert "objects in b.mp4" in text
    assert "1000/1000" in text
    assert "2/2" in text


def test_a_failure_is_named_with_its_reason() -> None:
    shown = Shown(is_terminal=False)
    shown.progress.begin(1)
    shown.progress.outcome(Outcome("a.mp4", ItemState.FAILED, reason="a.mp4: the file is empty"))
    assert shown.text.getvalue() == "a.mp4: a.mp4: the file is empty\n"


def test_what_became_of_a_source_is_said_once() -> None:
    shown = Shown(is_terminal=False)
    shown.progress.begin(1)
    for segment in (1, 2):
        made = Outcome("a.avi", ItemState.CREATED, f"a.avi [{segment}/2]", segment, note="re-encoded")
        shown.progress.outcome(made)
        assert made.document()["note"] == "re-encoded"
    assert shown.text.getvalue() == "a.avi: re-encoded\n"


def test_durations_are_rounded() -> None:
    assert [duration_text(s) for s in (0.2, 59.7, 240, 9000)] == ["1 s", "60 s", "4 min", "2.5 h"]
