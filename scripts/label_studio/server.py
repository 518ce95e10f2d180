"""Starts and stops a real Label Studio on SQLite, with all of its data in one folder.

Owns the process, its address and its login. The login is generated at the first start and stored in the folder,
readable by its owner alone. Later starts reuse database, user and projects. The server listens on loopback only.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import time
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

from backend.adapters.queue.child_process import tied_to_parent
from scripts.label_studio.environment import label_studio_environment

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAM = REPOSITORY / ".venv-label-studio" / "bin" / "label-studio"
OTHER_PROGRAM = "MASKLET_LABEL_STUDIO_PROGRAM"
"""The environment variable with another program: of another release (scripts/compat)."""

HOST = "127.0.0.1"
PREFERRED_PORT = 8080
PORTS_TO_TRY = 100
START_S = 1800.0
"""The first start makes the database: half a minute on an idle machine, much longer on a busy one."""
STOP_S = 10.0
POLL_S = 0.5


class LabelStudioFailed(Exception):
    """Label Studio did not start or stopped; the message has the remedy or the log."""


@dataclass(frozen=True, slots=True)
class Login:
    """The user of this Label Studio."""

    username: str
    password: str
    token: str


class LabelStudioServer:
    """A Label Studio process with its data in a folder. Use as a context manager, or call start and stop."""

    def __init__(self, folder: Path, *, port: int = PREFERRED_PORT) -> None:
        self.folder = folder.resolve()
        self.files = self.folder / "files"
        """Root of the media: files/x/y.jpg is /data/local-files/?d=x/y.jpg for projects that have files/x."""
        self.log = self.folder / "label-studio.log"
        self.login = _login_of(self.folder)
        self.url = ""
        self._preferred_port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return None if self._process is None else self._process.pid

    @property
    def is_first_start(self) -> bool:
        """Whether the database is not made yet."""
        return not self._complete_marker.exists()

    def start(self) -> None:
        """Starts the process and waits until it answers. Raises LabelStudioFailed."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Starts the process without waiting. Raises LabelStudioFailed if Label Studio is not installed."""
        program = Path(os.environ.get(OTHER_PROGRAM) or PROGRAM)
        if not program.exists():
            raise LabelStudioFailed(f"{program} is not there: run ./scripts/setup --label-studio")
        self.files.mkdir(parents=True, exist_ok=True)
        self._discard_incomplete_database()
        port = free_port(self._preferred_port)
        self.url = f"http://{HOST}:{port}"
        argv = [str(program), "start", "--no-browser", "--internal-host", HOST, "--port", str(port)]
        environment = label_studio_environment(folder=self.folder, files=self.files, url=self.url, **asdict(self.login))
        with self.log.open("ab") as log:
            # In a separate session: Ctrl-C reaches only the parent, which stops this process in order.
            self._process = subprocess.Popen(
                tied_to_parent(argv),
                env=environment,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Waits until the server answers. Raises LabelStudioFailed."""
        deadline = time.monotonic() + START_S
        try:
            while not _answers(self.url, self.login.token):
                self.require_alive()
                if time.monotonic() > deadline:
                    raise LabelStudioFailed(f"Label Studio did not answer within {START_S:.0f} s; see {self.log}")
                time.sleep(POLL_S)
            self._complete_marker.touch()
        except BaseException:
            self.stop()
            raise

    def require_alive(self) -> None:
        """Raises LabelStudioFailed if the process ended."""
        if self._process is None or self._process.poll() is not None:
            raise LabelStudioFailed(f"Label Studio stopped; see {self.log}")

    def stop(self) -> None:
        """Stops the process. Every answered request is in the database."""
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _discard_incomplete_database(self) -> None:
        """Removes an incomplete database, which Label Studio cannot migrate further; it has no data yet."""
        if not self._complete_marker.exists():
            for part in self.folder.glob("label_studio.sqlite3*"):
                part.unlink()

    @property
    def _complete_marker(self) -> Path:
        """The file that marks a complete database."""
        return self.folder / "database-is-whole"


def free_port(wanted: int) -> int:
    """The wanted port, or the next free one. Raises LabelStudioFailed if none of PORTS_TO_TRY is free."""
    for port in range(wanted, wanted + PORTS_TO_TRY):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port
    raise LabelStudioFailed(f"no port from {wanted} to {wanted + PORTS_TO_TRY - 1} is free")


def _answers(url: str, token: str) -> bool:
    """Whether the server answers our user, who is made some time after the server starts to listen."""
    try:
        reply = httpx.get(f"{url}/api/current-user/whoami", headers={"Authorization": f"Token {token}"}, timeout=5)
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.OK


def _login_of(folder: Path) -> Login:
    """The login stored in the folder, generated if missing."""
    path = folder / "login.json"
    with suppress(FileNotFoundError):
        return Login(**json.loads(path.read_text()))
    login = Login("masklet@localhost.local", secrets.token_urlsafe(12), secrets.token_hex(20))
    folder.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".tmp")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(asdict(login)))
    draft.replace(path)
    return login
