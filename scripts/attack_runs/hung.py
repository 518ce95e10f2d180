"""Parts of a stack are stopped (SIGSTOP): how long until each is replaced, and whether a job is lost or done twice."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import tempfile
import time
import urllib.request
from pathlib import Path

from scripts.benchmarks.interactive_stack import masklet_up, serving, write_pages
from tests.fakes.web import FRAMES

PORT = 19390
PAGES = 12
BOUND_S = 20.0
PARTS = ("interactive", "propagate", "web", "queue")
QUICK_STAGES, STAGES = 3, 20
LONGEST_WAIT_S = 180.0
LONGEST_S = 1800.0


def run(quick: bool) -> dict[str, object]:
    """Stops parts one after another, at random moments of a running propagation.

    Figures: `replaced_s`, the seconds from the stop to another process, by part; `replaced_max_s`; `bound_s`;
    `not_replaced`; `lost`: jobs that did not end; `doubled`: tasks with more than one propagation.
    """
    stages = list(itertools.islice(itertools.cycle(PARTS), QUICK_STAGES if quick else STAGES))
    with tempfile.TemporaryDirectory(prefix="masklet-hung-") as folder:
        media, data_dir = Path(folder, "media"), Path(folder, "data")
        media.mkdir()
        data_dir.mkdir()
        pages = write_pages(media, PAGES)
        with (
            serving(media) as address,
            masklet_up(
                data_dir, port=PORT, media=address, MASKLET_MODEL="demo", MASKLET_HANG_TIMEOUT_S=str(BOUND_S)
            ) as url,
        ):
            return _attacked(data_dir, url, [f"{address}/{page}" for page in pages], stages)


def _attacked(data_dir: Path, url: str, pages: list[str], stages: list[str]) -> dict[str, object]:
    rng = random.Random(14)
    replaced_s: dict[str, list[float]] = {part: [] for part in PARTS}
    not_replaced: list[str] = []
    jobs: list[str] = []
    started_s = time.monotonic()
    for task_id, part in enumerate(stages, start=1):
        if time.monotonic() - started_s > LONGEST_S:
            break
        jobs.append(_submitted(url, task_id, pages))
        time.sleep(rng.uniform(0.0, 2.0))
        first = _pids(data_dir)[part]
        os.kill(first, signal.SIGSTOP)
        taken_s = _seconds_until_replaced(data_dir, part, first)
        if taken_s is None:
            not_replaced.append(part)
        else:
            replaced_s[part].append(round(taken_s, 1))
    states = [_final_state(url, job_id) for job_id in jobs]
    tasks = [job["task"] for job in _get(f"{url}/jobs?kind=propagate&limit=1000")["jobs"]]
    return {
        "stages": len(jobs),
        "bound_s": BOUND_S,
        "replaced_s": replaced_s,
        "replaced_max_s": max(itertools.chain.from_iterable(replaced_s.values()), default=None),
        "not_replaced": not_replaced,
        "lost": sum(state != "done" for state in states),
        "doubled": len(tasks) - len(set(tasks)),
        "health": _get(f"{url}/health")["status"],
    }


def _submitted(url: str, task_id: int, pages: list[str]) -> str:
    prompt = {"frame": 0, "points": [[0.25, 0.5, 1]]}
    body = {
        "project": 1,
        "task": task_id,
        "label_config": FRAMES,
        "data": {"frames": pages},
        "prompts": {"objects": [{"id": "c", "label": "Cat", "prompts": [prompt]}]},
    }
    request = urllib.request.Request(
        f"{url}/jobs", json.dumps(body).encode(), {"Content-Type": "application/json"}, method="POST"
    )
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as reply:
                return str(json.load(reply)["job_id"])
        except OSError:  # the web process of the stage before is being replaced
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.5)


def _seconds_until_replaced(data_dir: Path, part: str, first: int) -> float | None:
    started_s = time.monotonic()
    while time.monotonic() - started_s < LONGEST_WAIT_S:
        if _pids(data_dir).get(part, first) != first:
            return time.monotonic() - started_s
        time.sleep(0.1)
    os.kill(first, signal.SIGCONT)
    return None


def _final_state(url: str, job_id: str) -> str:
    deadline_s = time.monotonic() + LONGEST_WAIT_S
    state = ""
    while time.monotonic() < deadline_s:
        try:
            state = str(_get(f"{url}/jobs/{job_id}?project=1")["state"])
        except OSError:
            state = "no answer"
        if state in ("done", "failed", "cancelled", "superseded"):
            break
        time.sleep(0.5)
    return state


def _pids(data_dir: Path) -> dict[str, int]:
    found: dict[str, int] = json.loads((data_dir / "run.json").read_text())["pids"]
    return found


def _get(address: str) -> dict[str, list[dict[str, str]]]:
    with urllib.request.urlopen(address, timeout=30) as reply:
        found: dict[str, list[dict[str, str]]] = json.load(reply)
    return found
