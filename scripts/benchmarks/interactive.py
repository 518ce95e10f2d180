"""Measures the time from a click to its mask through the real web process, queue and worker, by part.

    ./scripts/bench interactive [--json FILE] [--rounds N] [--model NAME] [--port N]

Each round has three clicks on a task of pages: on a page without cached features (cold), on the next page, prewarmed
after the first click (prewarmed), and on the first page again (warm). Every click starts a background propagation, and
PAUSE_S lie between clicks, as for an annotator. Figures are median and 95th percentile in milliseconds. `overhead` is
the total without the worker's own work: HTTP, ledger, queue, wake-up, reply.
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

from backend.adapters.machine.clocks import SystemClock
from backend.adapters.queue.signals import RedisPrewarmChannel
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.adapters.store.ledger.sql_ledger import SqlLedger, open_ledger
from backend.bootstrap.container import DataFolder
from backend.domain.jobs import Job, JobKind
from backend.domain.tasks import MediaRef, TaskKey
from scripts.benchmarks.interactive_stack import click_body, masklet_up, serving, write_pages

STRIDE = 10
"""Pages between rounds; larger than the number of prewarmed pages."""

PREWARM_FRAMES = 3
PREWARM_TIMEOUT_S = 20.0
PAUSE_S = 1.0
"""Pause before each click; an annotator is not faster for long."""

SYNCS_TIMED = 20
TASK = TaskKey(1, 1)
USER = "ann@example.com"

OBJECT, RESET = "Object 1", "✕ reset"
GOAL_MS = 30.0
WORKER_PARTS = ("fetch", "decode", "encode", "prompt", "mask", "store")
PARTS = ("http", "queue", *WORKER_PARTS, "finish", "reply", "overhead", "total")

Split = dict[str, float]
"""Milliseconds by part."""


@dataclass(frozen=True, slots=True)
class ClickClient:
    """Sends clicks as the page does, and reads the time of each part from the ledger."""

    http: httpx.Client
    ledger: SqlLedger
    channel: RedisPrewarmChannel
    media: MediaRef

    def click(self, page: int, *, label: str = OBJECT, shift: int = 0) -> Split:
        content = click_body(TASK, self.media.addresses, page, user=USER, label=label, shift_px=shift)
        time.sleep(PAUSE_S)
        sent_s = time.time()
        reply = self.http.post("/predict", content=content, headers={"content-type": "application/json"})
        received_s = time.time()
        reply.raise_for_status()
        if label == RESET:
            return {}
        if not reply.json()["results"][0]["result"]:
            raise SystemExit(f"page {page}: the reply has no mask")
        return split(self._newest(), sent_s=sent_s, received_s=received_s)

    def wait_until_prewarmed(self, page: int) -> None:
        """Waits until a page is prewarmed."""
        deadline_s = time.monotonic() + PREWARM_TIMEOUT_S
        while time.monotonic() < deadline_s:
            status = self.channel.status(self.media)
            if status is not None and page in status.ready:
                return
            time.sleep(0.02)
        raise SystemExit(f"page {page} was not prewarmed within {PREWARM_TIMEOUT_S:g} s")

    def _newest(self) -> Job:
        return self.ledger.jobs(task=TASK, kind=JobKind.INTERACTIVE, limit=1)[0]


def split(job: Job, *, sent_s: float, received_s: float) -> Split:
    """A click's milliseconds by part. All clocks are this machine's."""
    spent = job.timings_s
    decode, frame_ready = spent.get("decode", 0.0), spent.get("look", 0.0)
    seconds = {
        "http": job.created_s - sent_s,
        "queue": spent["wait"],
        "fetch": spent["fetch"],
        "decode": decode,
        "encode": max(frame_ready - decode, 0.0),
        "prompt": spent["model"] - frame_ready,
        "mask": spent["encode"],
        "store": spent["store"],
        "reply": received_s - job.updated_s,
        "total": received_s - sent_s,
    }
    seconds["finish"] = job.updated_s - job.created_s - sum(seconds[name] for name in ("queue", *WORKER_PARTS))
    seconds["overhead"] = seconds["total"] - sum(seconds[name] for name in WORKER_PARTS)
    return {name: seconds[name] * 1e3 for name in PARTS}


def disk_sync_ms(folder: Path) -> float:
    """Median duration of one disk sync, in milliseconds; a click is synced to disk before it is queued."""
    spent_ms = []
    for _ in range(SYNCS_TIMED):
        with (folder / "probe").open("wb") as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            started_s = time.perf_counter()
            os.fsync(probe.fileno())
            spent_ms.append((time.perf_counter() - started_s) * 1e3)
    return statistics.median(spent_ms)


def rounds(client: ClickClient, count: int) -> Iterator[tuple[str, Split]]:
    for number in range(count):
        page = STRIDE * (number + 1)
        yield "cold", client.click(page)
        client.wait_until_prewarmed(page + 1)
        yield "prewarmed", client.click(page + 1)
        yield "warm", client.click(page, shift=8)
        client.click(page, label=RESET)


def summary(splits: Sequence[Split]) -> dict[str, dict[str, float]]:
    """Median and 95th percentile of each part."""
    figures = {}
    for name in PARTS:
        values = sorted(split[name] for split in splits)
        high = values[min(len(values) - 1, round(0.95 * (len(values) - 1)))]
        figures[name] = {"median_ms": round(statistics.median(values), 2), "p95_ms": round(high, 2)}
    return figures


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench interactive", description="Time from click to mask, by part.")
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
    settings = {"MASKLET_MODEL": options.model, "MASKLET_PREWARM_FRAMES": str(PREWARM_FRAMES)}
    with serving(pages) as media_url, masklet_up(data_dir, port=options.port, media=media_url, **settings) as url:
        media = MediaRef(tuple(f"{media_url}/{name}" for name in names), is_pages=True)
        ledger = open_ledger(DataFolder(data_dir).ledger_url, SystemClock())
        channel = RedisPrewarmChannel(EmbeddedValkey(data_dir).url)
        with closing(ledger), httpx.Client(base_url=url, timeout=100.0) as http:
            client = ClickClient(http, ledger, channel, media)
            client.click(0)  # warm-up: the first click loads the model
            client.click(0, label=RESET)
            yield from rounds(client, options.rounds)


def table(figures: dict[str, dict[str, dict[str, float]]]) -> str:
    """One line per part, median / p95 for each state."""
    states = list(figures)
    lines = [f"{'ms, median / p95':18}" + "".join(f"{state:>18}" for state in states)]
    for name in PARTS:
        cells = (figures[state][name] for state in states)
        lines.append(f"{name:18}" + "".join(f"{c['median_ms']:9.1f} /{c['p95_ms']:7.1f}" for c in cells))
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
