"""A PostgreSQL server from the binaries inside the pgserver wheel, which can be killed and started again."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from backend.codecs.proc_stat import children

START_S = 120.0
ORPHANS_S = 3.0
"""How long children may outlive the first process before they are killed, too: they hold the shared memory."""

OTHER_USER = "nobody"
"""PostgreSQL refuses to run as root."""


@dataclass(slots=True)
class PostgresqlServer:
    """A server whose binaries, data and socket are in a folder."""

    folder: Path
    process: subprocess.Popen[bytes] | None = None
    is_durable: bool = True
    """False: a crash of the machine may damage the data; kills of the server do not."""
    max_connections: int = 100

    @property
    def url(self) -> str:
        """The address of the database `postgres` as the superuser."""
        return f"postgresql://postgres:@/postgres?host={self.folder}"

    def create(self) -> None:
        """Makes the data folder. Raises CalledProcessError with the output of initdb."""
        self._run("initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "--no-sync")

    def start(self) -> None:
        """Starts the server and waits until it answers. Raises TimeoutError with the end of its log."""
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            if self.process is None or self.process.poll() is not None:
                self.process = self._process()
            with suppress(psycopg.OperationalError), psycopg.connect(self.url, connect_timeout=5):
                return
            time.sleep(0.2)
        raise TimeoutError(f"PostgreSQL did not answer within {START_S:.0f} s: {self._log.read_text()[-2000:]}")

    def kill(self) -> None:
        """kill -9 of the server's first process; returns when it and its children are gone."""
        if self.process is None:
            return
        children = self._children()
        self.process.kill()
        self.process.wait()
        deadline_s = time.monotonic() + ORPHANS_S
        while children := [pid for pid in children if Path(f"/proc/{pid}").exists()]:
            if time.monotonic() > deadline_s:
                for pid in children:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.05)

    def kill_child(self, rng: random.Random) -> None:
        """kill -9 of one of the server's other processes: it ends every session and recovers by itself."""
        if children := self._children():
            with suppress(ProcessLookupError):
                os.kill(rng.choice(children), signal.SIGKILL)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)  # ends every session
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(timeout=10.0)
            self.kill()

    @property
    def _log(self) -> Path:
        return self.folder / "log"

    def _children(self) -> list[int]:
        assert self.process is not None, "started"
        return children(self.process.pid)

    def _process(self) -> subprocess.Popen[bytes]:
        command = [self._program("postgres"), "-D", str(self.folder / "data"), "-k", str(self.folder), "-h", ""]
        command += ["-c", f"max_connections={self.max_connections}"]
        if not self.is_durable:
            command += ["-c", "fsync=off", "-c", "full_page_writes=off"]
        with self._log.open("ab") as log:
            return subprocess.Popen(command, stdout=log, stderr=log, user=_user())

    def _run(self, program: str, *arguments: str) -> None:
        command = [self._program(program), "-D", str(self.folder / "data"), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, user=_user(), check=False)
        if done.returncode:
            raise RuntimeError(f"{program} ended with status {done.returncode}: {done.stderr[-2000:]}")

    def _program(self, name: str) -> str:
        return str(self.folder / "programs" / "pgserver" / "pginstall" / "bin" / name)


@contextmanager
def postgresql(*, is_durable: bool = True, max_connections: int = 100) -> Iterator[PostgresqlServer]:
    """A running server with empty databases inside the block."""
    # A folder of its own, not pytest's: each run of pytest that starts beside this one takes away the access of others.
    folder = Path(tempfile.mkdtemp(prefix="masklet-postgresql-"))
    try:
        wheel = importlib.util.find_spec("pgserver")
        if wheel is None or wheel.origin is None:
            raise RuntimeError("PostgreSQL comes from the package pgserver, which ./scripts/setup installs")
        # Copied: another user may have no access to the environment's folder. Libraries are found beside the package.
        packages = Path(wheel.origin).parents[1]
        for name in ("pgserver/pginstall", "pgserver.libs"):
            shutil.copytree(packages / name, folder / "programs" / name, symlinks=True)
        if (user := _user()) is not None:
            for made in (folder, folder / "programs", folder / "programs" / "pgserver"):
                shutil.chown(made, user)
        server = PostgresqlServer(folder, is_durable=is_durable, max_connections=max_connections)
        server.create()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _user() -> str | None:
    return OTHER_USER if os.geteuid() == 0 else None
