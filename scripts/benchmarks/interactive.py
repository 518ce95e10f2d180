"""From click to mask, through the real web process, queue and worker, with the time split up.

    ./scripts/bench interactive [--json FILE] [--rounds N] [--model NAME] [--port N]

Each round is three clicks on a task of pages: on a page that nothing has looked at (cold), on the page after it, which
was encoded ahead because of the first click (prewarmed), and on the first page once more (warm). The background
propagation that every click starts runs as it does for an annotator, who takes a moment from one click to the next.
Figures are median and 95th percentile in
milliseconds; `overhead` is everything but the worker's own work: HTTP, ledger, queue, waking up, the reply.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import httpx

from backend.adapters.queue.signals import RedisPrewarmChannel
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.bootstrap.container import DataFolder, SystemClock
from backend.domain.jobs import Job, JobKind
from backend.domain.tasks import MediaRef, TaskKey
from scripts.benchmarks.interactive_stack import SIZE, disc_at, masklet_up, serving, write_pages

STRIDE = 10
"""Pages from one round to the next: farther than looking ahead reaches."""

REACH = 3
PREWARM_PATIENCE_S = 20.0
PAUSE_S = 1.0
"""From one click to the next: nobody is faster for long."""

SYNCS_TIMED = 20
TASK = TaskKey(1, 1)
CONFIG = (Path(__file__).parents[2] / "label_config" / "frames.xml").read_text(encoding="utf-8")
DRAFT = {"id": 1, "user": "ann@example.com", "updated_at": "2026-01-01T00:00:00Z", "result": []}
"""Label Studio has saved one, and so names the user, from five seconds after an annotator's first change on."""

OBJECT, RESET = "Object 1", "✕ reset"
GOAL_MS = 30.0
OWN_WORK = ("fetch", "decode", "encode", "prompt", "mask", "store")
PARTS = ("http", "queue", *OWN_WORK, "finish", "reply", "overhead", "total")

Split = dict[str, float]
"""Milliseconds by part."""


@dataclass(frozen=True, slots=True)
class Annotator:
    """Clicks as the page does, and reads in the ledger where the time went."""

    http: httpx.Client
    ledger: SqlLedger
    board: RedisPrewarmChannel
    media: MediaRef

    def click(self, page: int, *, label: str = OBJECT, shift: int = 0) -> Split:
        x, y = disc_at(page)
        region = {
            "id": f"r{page}-{shift}-{label[0]}",
            "type": "keypointlabels",
            "from_name": "point",
            "to_name": "frames",
            "item_index": page,
            "original_width": SIZE.width,
            "original_height": SIZE.height,
            "is_positive": True,
            "value": {"x": 100 * (x + shift) / SIZE.width, "y": 100 * y / SIZE.height, "keypointlabels": [label]},
        }
        task = {
            "id": TASK.task_id,
            "project": TASK.project_id,
            "data": {"frames": list(self.media.addresses)},
            "drafts": [DRAFT],
        }
        body = {
            "tasks": [task],
            "project": f"{TASK.project_id}.1700000000",
            "label_config": CONFIG,
            "params": {"context": {"result": [region]}},
        }
        content = json.dumps(body).encode()
        time.sleep(PAUSE_S)
        sent_s = time.time()
        reply = self.http.post("/predict", content=content, headers={"content-type": "application/json"})
        got_s = time.time()
        reply.raise_for_status()
        if label == RESET:
            return {}
        if not reply.json()["results"][0]["result"]:
            raise SystemExit(f"page {page}: the reply has no mask")
        return split(self._newest(), sent_s=sent_s, got_s=got_s)

    def wait_for(self, page: int) -> None:
        """Until a page is encoded ahead."""
        give_up_s = time.monotonic() + PREWARM_PATIENCE_S
        while time.monotonic() < give_up_s:
            sight = self.board.status(self.media)
            if sight is not None and page in sight.ready:
                return
            time.sleep(0.02)
        raise SystemExit(f"page {page} was not encoded ahead within {PREWARM_PATIENCE_S:g} s")

    def _newest(self) -> Job:
        return self.ledger.jobs(task=TASK, kind=JobKind.INTERACTIVE, limit=1)[0]


def split(job: Job, *, sent_s: float, got_s: float) -> Split:
    """Where a click's time went. All clocks are this machine's."""
    spent = job.timings_s
    decode, look = spent.get("decode", 0.0), spent.get("look", 0.0)
    seconds = {
        "http": job.created_s - sent_s,
        "queue": spent["wait"],
        "fetch": spent["fetch"],
        "decode": decode,
        "encode": max(look - decode, 0.0),
        "prompt": spent["model"] - look,
        "mask": spent["encode"],
        "store": spent["store"],
        "reply": got_s - job.updated_s,
        "total": got_s - sent_s,
    }
    seconds["finish"] = job.updated_s - job.created_s - sum(seconds[name] for name in ("queue", *OWN_WORK))
    seconds["overhead"] = seconds["total"] - sum(seconds[name] for name in OWN_WORK)
    return {name: seconds[name] * 1e3 for name in PARTS}


def disk_sync_ms(folder: Path) -> float:
    """What one sync of the disk costs here, median: a click is on disk before it is handed on."""
    spent_ms = []
    for _ in range(SYNCS_TIMED):
        with (folder / "probe").open("wb") as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            started_s = time.perf_counter()
            os.fsync(probe.fileno())
            spent_ms.append((time.perf_counter() - started_s) * 1e3)
    return statistics.median(spent_ms)


def rounds(annotator: Annotator, count: int) -> Iterator[tuple[str, Split]]:
    for number in range(count):
        page = STRIDE * (number + 1)
        yield "cold", annotator.click(page)
        annotator.wait_for(page + 1)
        yield "prewarmed", annotator.click(page + 1)
        yield "warm", annotator.click(page, shift=8)
        annotator.click(page, label=RESET)


def summary(splits: Sequence[Split]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of each part."""
    figures = {}
    for name in PARTS:
        values = sorted(split[name] for split in splits)
        high = values[min(len(values) - 1, round(0.95 * (len(values) - 1)))]
        figures[name] = {"median_ms": round(statistics.median(values), 2), "p95_ms": round(high, 2)}
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench interactive", description="From click to mask, split up.")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--rounds", type=int, default=20, help="rounds of three clicks; default 20")
    parser.add_argument("--model", default="demo", help="checkpoint; default demo")
    parser.add_argument("--port", type=int, default=19390)
    options = parser.parse_args(arguments)
    collected: dict[str, list[Split]] = {"cold": [], "prewarmed": [], "warm": []}
    with tempfile.TemporaryDirectory(prefix="masklet-bench-") as folder:
        sync_ms = disk_sync_ms(Path(folder))
        for state, parts in measured(Path(folder), options):
            collected[state].append(parts)
    figures = {state: summary(splits) for state, splits in collected.items()}
    print(table(figures))
    overhead = figures["warm"]["overhead"]["median_ms"]
    print(f"overhead, warm: {overhead:.1f} ms (goal {GOAL_MS:g} ms); one sync of this disk: {sync_ms:.1f} ms")
    if options.json:
        report = {
            "machine": platform.machine(),
            "cores": os.cpu_count(),
            "model": options.model,
            "rounds": options.rounds,
            "goal_ms": GOAL_MS,
            "disk_sync_ms": round(sync_ms, 2),
            "figures": figures,
        }
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 0 if overhead <= GOAL_MS else 1


def measured(folder: Path, options: argparse.Namespace) -> Iterator[tuple[str, Split]]:
    pages, data_dir = folder / "pages", folder / "data"
    pages.mkdir()
    data_dir.mkdir()
    names = write_pages(pages, STRIDE * (options.rounds + 2))
    settings = {"MASKLET_MODEL": options.model, "MASKLET_PREWARM_FRAMES": str(REACH)}
    with serving(pages) as media_url, masklet_up(data_dir, port=options.port, media=media_url, **settings) as url:
        media = MediaRef(tuple(f"{media_url}/{name}" for name in names), is_pages=True)
        ledger = open_ledger(DataFolder(data_dir).ledger_url, SystemClock())
        board = RedisPrewarmChannel(EmbeddedValkey(data_dir).url)
        with closing(ledger), httpx.Client(base_url=url, timeout=100.0) as http:
            annotator = Annotator(http, ledger, board, media)
            annotator.click(0)  # the first click of all loads what is loaded once
            annotator.click(0, label=RESET)
            yield from rounds(annotator, options.rounds)


def table(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    """One line a part, median / p95 for each state."""
    states = list(figures)
    lines = [f"{'ms, median / p95':18}" + "".join(f"{state:>18}" for state in states)]
    for name in PARTS:
        cells = (figures[state][name] for state in states)
        lines.append(f"{name:18}" + "".join(f"{c['median_ms']:9.1f} /{c['p95_ms']:7.1f}" for c in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
