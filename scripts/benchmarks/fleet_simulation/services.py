"""The services of a fleet on this machine: PostgreSQL, Valkey, and a store; and what a client sees of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg

from backend.adapters.queue.names import connect
from backend.adapters.queue.valkey import EmbeddedValkey
from backend.application.worker.threads import in_thread
from backend.bootstrap.container import Container, load_settings
from backend.bootstrap.masks.opening import open_masks
from backend.codecs.proc_stat import children
from scripts.attack_runs.postgresql import postgresql
from tests.fakes.servers.object_store import BUCKET, client_variables, object_store

MAX_CONNECTIONS = 400
"""Of PostgreSQL: a worker has two or three."""

PROBE_EVERY_S = 0.25
PROBE_BYTES = 50_000
"""About what a chunk of 64 masks has."""

STORES = ("s3", "file")
Settings = dict[str, str]


@dataclass(frozen=True, slots=True)
class Services:
    """settings: of Masklet, by field, without the data folder. environment: of the store's client.

    pids: of the servers, by part; none of a store in files.
    """

    root: Path
    settings: Settings
    environment: Mapping[str, str]
    pids: dict[str, list[int]]

    def container(self, name: str) -> Container:
        return Container(load_settings(**self.of(name)))

    def of(self, name: str) -> Settings:
        """The settings of a process with a data folder of its own, as on a host of its own."""
        folder = self.root / name
        folder.mkdir(mode=0o700, exist_ok=True)
        if "store_url" not in self.settings and not (folder / "masks").exists():
            (folder / "masks").symlink_to(self.root / "masks")
        return {**self.settings, "data_dir": str(folder)}

    def connections(self) -> int:
        return self._asked("SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")

    def transactions(self) -> int:
        """The ended transactions of the ledger's database, as the server counts them."""
        return self._asked(
            "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        )

    def _asked(self, query: LiteralString) -> int:
        with psycopg.connect(self.settings["database_url"]) as connection:
            row = connection.execute(query).fetchone()
        return 0 if row is None else int(row[0])


@contextmanager
def services(root: Path, store: str) -> Iterator[Services]:
    """New ones, empty. store: one of STORES; files lie in a folder that all workers see."""
    for name in ("masks", "queue-server"):
        (root / name).mkdir(parents=True)
    with ExitStack() as running:
        server = running.enter_context(postgresql(max_connections=MAX_CONNECTIONS))
        valkey = EmbeddedValkey(root / "queue-server")
        valkey.start()
        running.callback(valkey.stop)
        assert server.process is not None
        pids = {"ledger": [server.process.pid], "queue": [_server_pid(valkey)], "store": []}
        settings = {"database_url": server.url, "redis_url": valkey.url, "label_studio_url": ""}
        environment = {}
        if store == "s3":
            before = set(children(os.getpid()))
            port = running.enter_context(object_store(root / "store"))
            pids["store"] = sorted(set(children(os.getpid())) - before)
            settings["store_url"] = f"s3://{BUCKET}/fleet"
            environment = client_variables(port)
            os.environ.update(environment)
        yield Services(root, settings, environment, pids)


def _server_pid(valkey: EmbeddedValkey) -> int:
    return int(connect(valkey.url, timeout_s=5.0).info("server")["process_id"])


@dataclass(slots=True)
class Latencies:
    """Milliseconds of single calls of another client while the workers work: by service."""

    ledger: list[float] = field(default_factory=list)
    queue: list[float] = field(default_factory=list)
    store_put: list[float] = field(default_factory=list)
    store_get: list[float] = field(default_factory=list)

    def clear(self) -> None:
        for each in (self.ledger, self.queue, self.store_put, self.store_get):
            each.clear()


@contextmanager
def probing(container: Container, latencies: Latencies) -> Iterator[None]:
    """Inside, a thread makes one call to each service from time to time."""
    store = open_masks(container.folder.root, container.shared_store, None).objects
    body = os.urandom(PROBE_BYTES)

    def probe(ended: threading.Event) -> None:
        while not ended.wait(PROBE_EVERY_S):
            folder = f"probe-{uuid4().hex}"
            latencies.ledger.append(_spent_ms(container.ledger.pending_waits))
            latencies.queue.append(_spent_ms(container.queue.depths))
            store.open(folder)
            latencies.store_put.append(_spent_ms(partial(store.put, f"{folder}/x", body)))
            latencies.store_get.append(_spent_ms(partial(store.get, f"{folder}/x")))
            store.remove(folder, first="x")

    with in_thread("probe", probe):
        yield


def _spent_ms(call: Callable[[], object]) -> float:
    began_s = time.monotonic()
    call()
    return (time.monotonic() - began_s) * 1000
