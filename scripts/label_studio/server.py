"""A real Label Studio on SQLite, started and stopped by us, with everything it keeps in one folder.

Owns the process, its address and its login. The login is made up at the first start and kept in the folder, readable
by its owner alone; a second start finds database, user and projects in place. It listens on loopback only.
"""

from __future__ import annotations

import json
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
HOST = "127.0.0.1"
PREFERRED_PORT = 8080
PORTS_TO_TRY = 100
START_S = 1800.0
"""The first start makes the database, which takes half a minute on an idle machine and much longer on a busy one."""
STOP_S = 10.0
POLL_S = 0.5


class LabelStudioFailed(Exception):
    """Label Studio did not start; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Login:
    """Who may use this Label Studio."""

    username: str
    password: str
    token: str


class LabelStudioServer:
    """Label Studio with its data in a folder. Use as a context manager, or call start and stop."""

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
        """Whether there is no database yet: making it takes a while."""
        return not self._whole.exists()

    def start(self) -> None:
        """Start and wait until it answers. Raises LabelStudioFailed."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it; does not wait. Raises LabelStudioFailed if it is not installed."""
        if not PROGRAM.exists():
            raise LabelStudioFailed("Label Studio is not installed: run ./scripts/setup --label-studio")
        self.files.mkdir(parents=True, exist_ok=True)
        self._discard_half_made()
        port = free_port(self._preferred_port)
        self.url = f"http://{HOST}:{port}"
        argv = [str(PROGRAM), "start", "--no-browser", "--internal-host", HOST, "--port", str(port)]
        environment = label_studio_environment(folder=self.folder, files=self.files, url=self.url, **asdict(self.login))
        with self.log.open("ab") as log:
            # In a session of its own: Ctrl-C is for the one who started it, which then stops it in order.
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
        """Wait until it answers. Raises LabelStudioFailed."""
        deadline = time.monotonic() + START_S
        try:
            while not _answers(self.url, self.login.token):
                self.require_alive()
                if time.monotonic() > deadline:
                    raise LabelStudioFailed(f"Label Studio did not answer within {START_S:.0f} s; see {self.log}")
                time.sleep(POLL_S)
            self._whole.touch()
        except BaseException:
            self.stop()
            raise

    def require_alive(self) -> None:
        """Raises LabelStudioFailed if the process is gone."""
        if self._process is None or self._process.poll() is not None:
            raise LabelStudioFailed(f"Label Studio stopped; its last words are in {self.log}")

    def stop(self) -> None:
        """End the process. Nothing is lost: every answered request is in the database."""
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

    def _discard_half_made(self) -> None:
        """A database whose making was interrupted cannot be taken up again by Label Studio; it holds nothing yet."""
        if not self._whole.exists():
            for part in self.folder.glob("label_studio.sqlite3*"):
                part.unlink()

    @property
    def _whole(self) -> Path:
        """Says that the database was made to the end."""
        return self.folder / "database-is-whole"


def free_port(wanted: int) -> int:
    """The wanted port, or the next one that nobody listens on. Raises LabelStudioFailed past all of them."""
    for port in range(wanted, wanted + PORTS_TO_TRY):
        with closing(socket.socket()) as probe, suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((HOST, port))
            return port
    raise LabelStudioFailed(f"no port from {wanted} to {wanted + PORTS_TO_TRY - 1} is free")


def _answers(url: str, token: str) -> bool:
    """Whether it serves, with our user in place: the user is made some time after the server starts to listen."""
    try:
        reply = httpx.get(f"{url}/api/current-user/whoami", headers={"Authorization": f"Token {token}"}, timeout=5)
    except httpx.HTTPError:
        return False
    return reply.status_code == httpx.codes.OK


def _login_of(folder: Path) -> Login:
    """The login kept in the folder, made up if there is none."""
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
