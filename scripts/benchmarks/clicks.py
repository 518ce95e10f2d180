"""Measures how many clicks a second `masklet up` answers: people with a task of pages each, who pause between clicks.

    ./scripts/bench clicks [--json FILE] [--people N] [--seconds N] [--pause N] [--propagate] [--model NAME] [--port N]

A person clicks the next page's object when the answer to the last click is there and the pause is over. The pages are
decoded and encoded before the measurement, as far as the caches hold them. People, web process, queue server and
workers share the machine's cores. `clicks_per_s`: answers with a mask. `cpu_ms_…`: processor time of a click by
process; `people` is the benchmark's own. --propagate: each click also starts the propagation of its task, as by
default; without it the workers answer clicks alone. The exit status is 1 if an answer had no mask.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from backend.codecs.proc_stat import children, cpu_seconds
from backend.domain.tasks import TaskKey
from scripts.benchmarks.interactive_stack import click_body, masklet_up, serving, write_pages
from scripts.benchmarks.percentiles import percentile

PAGES = 12
GOAL_PER_S = 30.0
WARM_UP_S = 8.0
REPLY_TIMEOUT_S = 100.0
LABEL = "Object 1"
MASK = b'"rle":['
"""In an answer with a brush mask."""


@dataclass(slots=True)
class Answers:
    """Seconds of the answers with a mask, and the others by status. Safe to share between threads."""

    seconds: list[float] = field(default_factory=list)
    others: Counter[int] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, status: int, body: bytes, seconds: float) -> None:
        """body: of the reply; a mask is looked for without reading all of it, since people share the cores."""
        with self._lock:
            if status == http.client.OK and MASK in body:
                self.seconds.append(seconds)
            else:
                self.others[status] += 1


@dataclass(frozen=True, slots=True)
class People:
    """People who click without end, each in a task of their own."""

    url: str
    addresses: Sequence[str]
    count: int
    pause_s: float

    def click_for(self, seconds: float) -> Answers:
        """The answers of so many seconds; a click that was sent before their end counts."""
        answers, until_s = Answers(), time.monotonic() + seconds
        with ThreadPoolExecutor(self.count) as pool:
            for done in [pool.submit(self._click, person, answers, until_s) for person in range(self.count)]:
                done.result()
        return answers

    def _click(self, person: int, answers: Answers, until_s: float) -> None:
        task, user = TaskKey(1, person + 1), f"person{person}@example.com"
        # People begin one after the other, not at one moment.
        time.sleep(self.pause_s * person / self.count)
        address = self.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(address, timeout=REPLY_TIMEOUT_S)) as connection:
            for number in count():
                began_s = time.monotonic()
                if began_s >= until_s:
                    return
                shift_px = 7 * (number // PAGES % 6)
                content = click_body(task, self.addresses, number % PAGES, user=user, label=LABEL, shift_px=shift_px)
                connection.request("POST", "/predict", content, {"content-type": "application/json"})
                reply = connection.getresponse()
                answers.take(reply.status, reply.read(), time.monotonic() - began_s)
                time.sleep(self.pause_s)


def cpu_seconds_by_kind() -> dict[str, float]:
    """Processor time so far, in seconds, by kind of process: people (this process), web, queue, workers."""
    spent = {"people": time.process_time(), "web": 0.0, "queue": 0.0, "workers": 0.0}
    left = children(os.getpid())
    while left:
        pid = left.pop()
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            own_s = cpu_seconds(pid)
        except OSError:
            continue  # it has ended
        kind = "web" if " serve " in command else "queue" if "valkey" in command else "workers"
        spent[kind] += own_s
        left += children(pid)
    return spent


def measured(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    """The figures of one run."""
    pages, data_dir = folder / "pages", folder / "data"
    pages.mkdir()
    data_dir.mkdir()
    names = write_pages(pages, PAGES)
    settings = {
        "MASKLET_MODEL": options.model,
        "MASKLET_PREWARM_FRAMES": "0",
        "MASKLET_PROPAGATE_ON_PROMPT": str(options.propagate).lower(),
    }
    with serving(pages) as media_url, masklet_up(data_dir, port=options.port, media=media_url, **settings) as url:
        people = People(url, [f"{media_url}/{name}" for name in names], options.people, options.pause)
        people.click_for(WARM_UP_S)
        before, began_s = cpu_seconds_by_kind(), time.monotonic()
        answers = people.click_for(options.seconds)
        elapsed_s, after = time.monotonic() - began_s, cpu_seconds_by_kind()
    return figures(answers, elapsed_s, {kind: after[kind] - before[kind] for kind in after})


def figures(answers: Answers, elapsed_s: float, spent_s: Mapping[str, float]) -> dict[str, object]:
    """The report. Raises SystemExit if no answer had a mask."""
    number = len(answers.seconds)
    if not number:
        raise SystemExit(f"no answer had a mask: {dict(answers.others)}")
    return {
        "clicks_per_s": round(number / elapsed_s, 1),
        "click_p50_ms": round(percentile(answers.seconds, 0.5) * 1e3),
        "click_p95_ms": round(percentile(answers.seconds, 0.95) * 1e3),
        "without_mask": sum(answers.others.values()),
        "without_mask_by_status": {str(status): number for status, number in sorted(answers.others.items())},
        **{f"cpu_ms_{kind}": round(seconds / number * 1e3, 1) for kind, seconds in spent_s.items()},
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="bench clicks", description="How many clicks a second are answered?")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    parser.add_argument("--people", type=int, default=40, help="default 40")
    parser.add_argument("--seconds", type=float, default=20.0, help="of the measurement; default 20")
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between an answer and the next click")
    parser.add_argument("--propagate", action="store_true", help="each click starts a propagation")
    parser.add_argument("--model", default="demo", help="checkpoint; default demo")
    parser.add_argument("--port", type=int, default=19392)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="masklet-bench-") as folder:
        report = measured(options, Path(folder))
    for key, value in report.items():
        print(f"{key:16} {value}" + (f" (goal {GOAL_PER_S:g})" if key == "clicks_per_s" else ""))
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return 1 if report["without_mask"] else 0


if __name__ == "__main__":
    sys.exit(main())
