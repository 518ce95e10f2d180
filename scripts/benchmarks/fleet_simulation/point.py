"""One point of the fleet benchmark: so many workers, watched for some seconds while more jobs than workers wait."""

from __future__ import annotations

import multiprocessing
import os
import random
import statistics
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from multiprocessing.process import BaseProcess
from pathlib import Path

from backend.application.jobs.submit import Submitter
from backend.bootstrap.container import Container
from backend.domain.jobs import JobKind, JobState, PropagationRequest
from backend.domain.tasks import TaskKey
from scripts.benchmarks.fleet_simulation.machine import Processor, processor
from scripts.benchmarks.fleet_simulation.services import Latencies, Services, probing, services
from scripts.benchmarks.fleet_simulation.stand_in import media_of, prompts
from scripts.benchmarks.fleet_simulation.worker import WorkLog, log_path, work
from scripts.benchmarks.percentiles import percentile

PATIENCE_S = 180.0
WARM_UP_S = 2.0
"""The workers begin at the same time; after this time the first jobs run."""

START_S = 0.4
"""Of one worker."""

FRAMES_A_JOB = (12, 20)
"""Few: jobs begin and end more often than with videos of minutes."""

Figures = dict[str, object]


@dataclass(frozen=True, slots=True)
class Load:
    """frame_s: of the stand-in for the engine. seconds: how long a point is watched at least."""

    frame_s: float
    seconds: float

    def jobs(self, workers: int) -> int:
        """More than the workers can end, of whom the first ones work while the others start."""
        frames = workers * (self.seconds + WARM_UP_S + 5 + START_S * workers) / self.frame_s
        return workers * 2 + int(frames / FRAMES_A_JOB[0])


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen between two times of the machine's clock. machine_busy_share: of all processors, by all processes.

    transactions: of the ledger's server, those of the probe included.
    """

    start_s: float
    stop_s: float
    processor: Processor
    transactions: int
    connections: int
    latencies: Latencies
    machine_busy_share: float
    waiting: int
    """Jobs in the queue at the end: with none the workers were idle."""


def measure_point(root: Path, store: str, workers: int, load: Load) -> Figures:
    """Starts services and workers of their own, and ends them. Raises SystemExit if they do not start."""
    with services(root, store) as running:
        container = running.container("producer")
        _submit(container, load.jobs(workers))
        processes = [_start(running, number, load.frame_s) for number in range(workers)]
        try:
            _wait_for(partial(_all_work, container, workers), processes, "the simulated workers did not start")
            watched = _watch(running, container, processes, load)
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.join(PATIENCE_S)
        logs = [WorkLog.read(log_path(running.root / f"worker-{number}")) for number in range(workers)]
        checked = _checked(container)
        container.ledger.close()
    return {"workers": workers, **figures_of(watched, logs), **checked}


def _start(running: Services, number: int, frame_s: float) -> BaseProcess:
    """Forked from a process that has imported the worker: starting 64 interpreters takes minutes of processor."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["scripts.benchmarks.fleet_simulation.worker"])
    name = f"worker-{number}"
    arguments = (running.of(name), dict(running.environment), f"fleet-{number}", frame_s)
    process = context.Process(target=work, args=arguments, daemon=True)
    process.start()
    return process


def _wait_for(is_so: Callable[[], bool], processes: Sequence[BaseProcess], failure: str) -> None:
    """Raises SystemExit with the failure after PATIENCE_S, or if a worker ends."""
    give_up_s = time.monotonic() + PATIENCE_S
    while not is_so():
        if time.monotonic() > give_up_s or not all(process.is_alive() for process in processes):
            raise SystemExit(f"{failure}; their messages are above")
        time.sleep(0.1)


def _all_work(container: Container, workers: int) -> bool:
    return container.queue.workers()[JobKind.PROPAGATE] >= workers


def _enough_is_done(container: Container, workers: int) -> bool:
    """Whether as many jobs are done as there are workers: on a slow machine the seconds of a point may be too few."""
    return container.ledger.counts().get((JobKind.PROPAGATE, JobState.DONE), 0) >= workers


def _submit(container: Container, jobs: int) -> None:
    submitter, rng = Submitter(container.ledger, container.queue), random.Random(0)
    for number in range(1, jobs + 1):
        media = media_of(number, rng.randint(*FRAMES_A_JOB))
        submitter.submit(PropagationRequest(TaskKey(1, number), media, prompts(), label_config="<View/>"))


def _watch(running: Services, container: Container, processes: Sequence[BaseProcess], load: Load) -> Watched:
    parts = {**running.pids, "workers": [process.pid for process in processes if process.pid is not None]}
    latencies = Latencies()
    with probing(container, latencies):
        time.sleep(WARM_UP_S)
        latencies.clear()
        start_s, before, transactions = time.monotonic(), processor(parts), running.transactions()
        time.sleep(load.seconds)
        is_enough = partial(_enough_is_done, container, len(processes))
        _wait_for(is_enough, processes, "the simulated workers end no jobs")
        stop_s, used = time.monotonic(), processor(parts).since(before)
        waiting = container.queue.depths()[JobKind.PROPAGATE]
        transactions, connections = running.transactions() - transactions, running.connections()
    busy = used.busy_s / (stop_s - start_s) / (os.cpu_count() or 1)
    return Watched(start_s, stop_s, used, transactions, connections, latencies, busy, waiting)


def figures_of(watched: Watched, logs: Sequence[WorkLog]) -> Figures:
    """Times in milliseconds. Everything a frame is of the frames that were made while it was watched."""
    start_s, stop_s = watched.start_s, watched.stop_s
    frames = sum(start_s <= each < stop_s for log in logs for each in log.frames_s)
    statements = Counter(name for log in logs for at_s, name in log.statements if start_s <= at_s < stop_s)
    pauses_ms = [(1000 * pause_s) for log in logs for pause_s in pauses(log, start_s, stop_s)]
    a_frame = max(frames, 1)
    latencies = watched.latencies
    return {
        "frames_per_s": round(frames / (stop_s - start_s), 2),
        "statements_per_frame": round(statements.total() / a_frame, 2),
        "statements_by_kind": {name: round(count / a_frame, 3) for name, count in statements.most_common(12)},
        "transactions_per_frame": round(watched.transactions / a_frame, 2),
        "jobs_waiting": watched.waiting,
        "connections": watched.connections,
        "queue_ms_per_job": _spread(pauses_ms),
        "ledger_ms": _spread(latencies.ledger),
        "queue_ms": _spread(latencies.queue),
        "store_put_ms": _spread(latencies.store_put),
        "store_get_ms": _spread(latencies.store_get),
        "cpu_ms_per_frame": {name: round(1000 * used_s / a_frame, 2) for name, used_s in watched.processor.of.items()},
        "cpu_busy": round(watched.machine_busy_share, 2),
        "cpu_own": round(sum(watched.processor.of.values()) / (stop_s - start_s) / (os.cpu_count() or 1), 2),
    }


def pauses(log: WorkLog, start_s: float, stop_s: float) -> list[float]:
    """Seconds between the end of an attempt and the beginning of the next one, which waited in the queue."""
    jobs = sorted(log.jobs)
    return [after[0] - before[1] for before, after in pairwise(jobs) if start_s <= before[1] and after[0] < stop_s]


def _spread(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    return {"p50": round(statistics.median(values), 2), "p95": round(percentile(values, 0.95), 2)}


def _checked(container: Container) -> Figures:
    """Jobs that are done, and how many of them have not exactly the masks of their frames and objects."""
    done = container.ledger.jobs(kind=JobKind.PROPAGATE, states=(JobState.DONE,), limit=100_000)
    wrong = 0
    for job in done:
        run = container.masks.read(job.masks_run)
        wrong += any(len(each.frames) != run.video.frame_count for each in run.masklets)
    failed = container.ledger.jobs(kind=JobKind.PROPAGATE, states=(JobState.FAILED,), limit=100_000)
    return {"jobs": len(done), "jobs_failed": len(failed), "jobs_with_wrong_masks": wrong}
