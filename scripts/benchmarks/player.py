"""Measures the player in real Chromium with all of Masklet's processes, and beside it the same work in pages.

    ./scripts/bench player [--json FILE] [--quick] [--only PART,...] [--template DIR]

The player runs alone in a tab, signed in by a real Label Studio; clicks and seconds of a person's whole work are
measured inside Label Studio's task page. Times end when the browser has taken over what was painted. --quick: fewer
rounds, the same parts. --template: the folder of a Label Studio that was started before; default:
MASKLET_TEST_LABEL_STUDIO. The exit status is 1 if something did not happen at all; times decide nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.store.ledger.sql_ledger import open_ledger
from backend.bootstrap.container import DataFolder
from backend.domain.tasks import TaskKey
from scripts.benchmarks.percentiles import percentile
from scripts.benchmarks.player_page import measures
from scripts.benchmarks.player_page.figures import table, with_ratios
from scripts.benchmarks.player_page.persons import pages_person, player_person
from scripts.benchmarks.player_page.stack import Stack, running
from scripts.benchmarks.player_page.tab import Json, NotHappened, PlayerTab, chromium, log_in
from scripts.benchmarks.player_page.videos import OBJECTS, RATE
from scripts.demonstration.clip import LABELS
from scripts.demonstration.demo_clip import DEMO_FRAME_RATE

LONG, SHORT = 20_000, 100
PLAY_S = 5.0


@dataclass(frozen=True, slots=True)
class Counts:
    """How often each thing is done. frames: of the video that is propagated and played."""

    clicks: int = 40
    hovers: int = 40
    seeks: int = 40
    opens: int = 5
    frames: int = 300


QUICK = Counts(clicks=10, hovers=10, seeks=10, opens=3, frames=60)


@dataclass(slots=True)
class Bench:
    """One run over the parts; each makes tasks of its own."""

    stack: Stack
    counts: Counts
    project: int

    def pointing(self) -> Json:
        """Clicks and hovers on frames that are encoded already."""
        with chromium() as browser, log_in(browser, self.stack.label_studio) as context:
            tab = PlayerTab(context.new_page())
            tab.open(self.stack.player_address(self.stack.disc_task(self.project, self.counts.frames)))
            frames = [1 + number * 7 % (self.counts.frames - 2) for number in range(self.counts.clicks)]
            clicked = measures.clicks(tab, frames)
            hovered = measures.hovers(tab, self.counts.frames - 1, self.counts.hovers)
        return {
            "click_to_mask_p50_ms": round(statistics.median(clicked)),
            "click_to_mask_p95_ms": round(percentile(clicked, 0.95)),
            "hover_p50_ms": round(statistics.median(hovered)),
            "hover_p95_ms": round(percentile(hovered, 0.95)),
            "hover_missing": self.counts.hovers - len(hovered),
        }

    def watching(self) -> Json:
        """A propagation of five objects that is watched, then played and sought in."""
        data = DataFolder(self.stack.masklet.data_dir)
        with chromium() as browser, log_in(browser, self.stack.label_studio) as context:
            tab = PlayerTab(context.new_page())
            tab.open(self.stack.player_address(self.stack.disc_task(self.project, self.counts.frames)))
            measures.clicks(tab, [0] * len(OBJECTS))
            with closing(open_ledger(data.ledger_url, SystemClock())) as ledger:
                started_s = time.monotonic()
                lags = measures.live_lag(tab, ledger)
                spent_s = time.monotonic() - started_s
            played = measures.play(tab, self.counts.frames)
            sought = measures.seeks(tab, measures.spread(self.counts.seeks, self.counts.frames))
        return {
            "propagated_fps": round(self.counts.frames / spent_s, 1),
            "live_lag_p50_frames": round(statistics.median(lags)),
            "live_lag_p95_frames": round(percentile(lags, 0.95)),
            "play_rate_fps": RATE,
            **played,
            "seek_p50_ms": round(statistics.median(sought)),
            "seek_p95_ms": round(percentile(sought, 0.95)),
        }

    def long_video(self) -> Json:
        """Opening 100 and 20,000 frames with masks of five objects, and a tab's memory after work on the long one."""
        tasks = {frames: self.stack.disc_task(self.project, frames) for frames in (SHORT, LONG)}
        for frames, task in tasks.items():
            self.stack.store_masks(task, frames)
        figures: Json = {}
        with chromium() as browser, log_in(browser, self.stack.label_studio) as context:
            for frames, task in tasks.items():  # the first time a worker fetches and indexes the file
                figures[f"first_open_ms_{frames}"] = round(self._open(context, task))
            opened: dict[int, list[float]] = {frames: [] for frames in tasks}
            for _ in range(self.counts.opens):
                for frames, task in tasks.items():
                    opened[frames].append(self._open(context, task))
            figures |= {f"open_ms_{frames}": round(statistics.median(spent)) for frames, spent in opened.items()}
        with chromium() as browser, log_in(browser, self.stack.label_studio) as context:
            tab = PlayerTab(context.new_page())
            tab.open(self.stack.player_address(tasks[LONG]))
            sought = measures.seeks(tab, measures.spread(self.counts.seeks, LONG))
            tab.press("Space")
            time.sleep(PLAY_S)
            tab.press("Space")
            resident = dict(measures.memory(browser))
            figures |= {
                f"seek_p95_ms_{LONG}": round(percentile(sought, 0.95)),
                f"heap_mib_{LONG}": round(resident["private"]),
                f"resident_mib_{LONG}": round(resident["resident"]),
                f"js_heap_mib_{LONG}": round(measures.js_heap_mib(tab)),
            }
        return figures

    def persons(self) -> Json:
        """Three objects over the demo's 72 frames, by the same person in the player and in pages."""
        player = self.stack.player_project("Bench player", LABELS, DEMO_FRAME_RATE)
        pages = self.stack.pages_project()
        figures: Json = {}
        with chromium() as browser:
            for work, project in ((player_person, player), (pages_person, pages)):
                with log_in(browser, self.stack.label_studio) as context:
                    figures |= work(context, self.stack, project)
        return figures

    def _open(self, context: BrowserContext, task: TaskKey) -> float:
        """Milliseconds until the first picture, in a new page without the browser's cache."""
        page = context.new_page()
        context.new_cdp_session(page).send("Network.setCacheDisabled", {"cacheDisabled": True})
        spent = PlayerTab(page).open(self.stack.player_address(task))
        page.close()
        return spent


PARTS: dict[str, Callable[[Bench], Json]] = {
    "pointing": Bench.pointing,
    "watching": Bench.watching,
    "long": Bench.long_video,
    "persons": Bench.persons,
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench player", description="The player in Chromium, and the same in pages.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--quick", action="store_true", help="fewer rounds of the same parts")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts of {','.join(PARTS)}; default: all")
    parser.add_argument("--template", type=Path, help="a folder of a Label Studio that was started before")
    options = parser.parse_args(arguments)
    parts = options.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"unknown parts {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    given = os.environ.get("MASKLET_TEST_LABEL_STUDIO")
    template = options.template or (Path(given) if given else None)
    figures, failures = measured(parts, QUICK if options.quick else Counts(), template)
    print(table(figures))
    for failure in failures:
        print(f"did not happen: {failure}", file=sys.stderr)
    if options.json:
        report = {"cores": os.cpu_count(), "load": os.getloadavg(), "quick": options.quick, **figures}
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 1 if failures else 0


def measured(parts: Sequence[str], counts: Counts, template: Path | None) -> tuple[Json, list[str]]:
    """The figures of these parts, and what did not happen; a part that fails leaves the others."""
    figures: Json = {}
    failures: list[str] = []
    with tempfile.TemporaryDirectory(prefix="masklet-bench-") as folder, running(Path(folder), template) as stack:
        bench = Bench(stack, counts, stack.player_project("Bench discs", OBJECTS, RATE))
        for part in parts:
            try:
                figures |= PARTS[part](bench)
            except NotHappened as error:
                failures.append(f"{part}: {error}")
            print(f"{part} is done", file=sys.stderr)
    return with_ratios(figures), failures


if __name__ == "__main__":
    sys.exit(main())
