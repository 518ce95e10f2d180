"""What breaks while the batch runs: in a random order, at random shares of it, some at the same time."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from scripts.container_runs.engine import ContainersFailed, Say
from scripts.container_runs.hosts.layout import HEARTBEAT_TTL_S, WEBS
from scripts.container_runs.stack import Stack

EARLIEST, LATEST = 0.03, 0.7
"""Shares of the batch at which faults begin."""

PAUSE_S = 2.0 * HEARTBEAT_TTL_S
CUT_S = 60.0
UNAVAILABLE_S = 60.0
UNAVAILABLE = "/tmp/unavailable"
"""stand_ins/s3/server.py answers 503 while this file is there."""


@dataclass(slots=True)
class Fault:
    """begin, end: what makes and mends it. at: the share of the batch at which it begins. began_s: monotonic."""

    name: str
    service: str
    begin: Callable[[], object]
    end: Callable[[], object] = lambda: None
    hold_s: float = 0.0
    at: float = 0.0
    began_s: float | None = None
    ended_s: float | None = None
    error: str = ""

    @property
    def is_of_worker(self) -> bool:
        """Whether it befalls a worker, whose job has to go on elsewhere, or anew."""
        return self.service.startswith("worker")


def planned_faults(stack: Stack, workers: Sequence[str], rng: random.Random) -> list[Fault]:
    """Every kind once, two workers killed; by the share at which they begin."""
    killed, killed_too, paused, cut_from_store, cut_from_ledger = (rng.choice(workers) for _ in range(5))
    web = rng.choice(WEBS)
    faults = [
        Fault("killed", killed, lambda: stack.crash(killed)),
        Fault("killed", killed_too, lambda: stack.crash(killed_too)),
        Fault(
            "paused",
            paused,
            lambda: stack.command("pause", paused),
            lambda: stack.command("unpause", paused),
            PAUSE_S,
        ),
        _cut(stack, cut_from_store, "store"),
        _cut(stack, cut_from_ledger, "ledger"),
        Fault("emptied and killed", "valkey", lambda: _empty_queue(stack)),
        Fault("restarted", "postgres", lambda: stack.command("restart", "postgres")),
        Fault(
            "answers 503",
            "s3",
            lambda: stack.execute("s3", "touch", UNAVAILABLE),
            lambda: stack.execute("s3", "rm", "-f", UNAVAILABLE),
            UNAVAILABLE_S,
        ),
        Fault("killed", web, lambda: stack.crash(web)),
    ]
    for fault in faults:
        fault.at = rng.uniform(EARLIEST, LATEST)
    return sorted(faults, key=lambda fault: fault.at)


def _cut(stack: Stack, worker: str, network: str) -> Fault:
    return Fault(
        f"cut off from the {network}",
        worker,
        lambda: stack.disconnect(worker, network),
        lambda: stack.connect(worker, network),
        CUT_S,
    )


def _empty_queue(stack: Stack) -> None:
    """As a server that lost its disk: what it kept is gone before the crash, and it starts without it."""
    stack.execute("valkey", "valkey-cli", "FLUSHALL")
    stack.crash("valkey")


@dataclass
class FaultRunner:
    """Begins each fault in a thread of its own when the batch has its share, one at a time for a service."""

    faults: list[Fault]
    say: Say
    on_begin: Callable[[Fault], None]
    _threads: list[threading.Thread] = field(default_factory=list)
    _is_over: threading.Event = field(default_factory=threading.Event)

    def advance(self, share: float) -> None:
        """Begins what is due. share: 0..1 of the batch that is done."""
        held = {fault.service for fault in self.faults if fault.began_s is not None and fault.ended_s is None}
        for fault in self.faults:
            if fault.began_s is None and fault.at <= share and fault.service not in held:
                held.add(fault.service)
                self.on_begin(fault)
                fault.began_s = time.monotonic()
                lasting = f" for {fault.hold_s:.0f} s" if fault.hold_s else ""
                self.say(f"{share:.0%} done: {fault.service} {fault.name}{lasting}")
                thread = threading.Thread(target=self._run, args=(fault,), daemon=True)
                thread.start()
                self._threads.append(thread)

    def end(self) -> None:
        """Mends what is still broken. Raises ContainersFailed if a fault was not made or not mended."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        failed = [f"{fault.service} {fault.name}: {fault.error}" for fault in self.faults if fault.error]
        failed += [
            f"{fault.service} was not {fault.name}: the batch ended" for fault in self.faults if fault.began_s is None
        ]
        if failed:
            raise ContainersFailed("; ".join(failed))

    def _run(self, fault: Fault) -> None:
        try:
            fault.begin()
            self._is_over.wait(fault.hold_s)
        except ContainersFailed as error:
            fault.error = str(error)
        finally:
            try:
                fault.end()
            except ContainersFailed as error:
                fault.error = fault.error or str(error)
            fault.ended_s = time.monotonic()
