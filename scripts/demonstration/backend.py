"""Runs `masklet up` for the demo in a separate process and reads its HTTP answers.

Masklet may restart a part at any time: `get` returns None without an answer, and the caller retries.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from backend.adapters.queue.child_process import tied_to_parent

READY_S = 300.0
STOP_S = 20.0
POLL_S = 0.1

Json = dict[str, Any]


class MaskletFailed(Exception):
    """Masklet did not start or stopped by itself; the message has its last log line."""


@dataclass(frozen=True, slots=True)
class Model:
    """The model as /health reports it. version: the model version of every prediction."""

    name: str
    version: str
    notice: str


class MaskletProcess:
    """A `masklet up` process on a data folder, connected to a Label Studio."""

    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log = data_dir / "masklet.log"
        self.url = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._http = httpx.Client(timeout=30.0)

    def launch(self, *, label_studio_url: str, token: str, settings: Mapping[str, str] | None = None) -> None:
        """Starts the process; does not wait. settings: more environment variables, over those of this process."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        # The model announcement of an earlier run may be wrong for this one.
        (self.data_dir / "model.json").unlink(missing_ok=True)
        environment = {
            **_environment_without_passwords(os.environ),
            **(settings or {}),
            "MASKLET_DATA_DIR": str(self.data_dir),
            "LABEL_STUDIO_URL": label_studio_url,
            "LABEL_STUDIO_API_KEY": token,
        }
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                tied_to_parent([sys.executable, "-m", "backend.interfaces.cli", "up"], death_signal=signal.SIGTERM),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self, tick: Callable[[], None] = lambda: None) -> Model:
        """Waits until Masklet answers and its workers have announced their model. Raises MaskletFailed."""
        deadline = time.monotonic() + READY_S
        while True:
            self.require_alive()
            model = self._model()
            if model is not None:
                return model
            if time.monotonic() > deadline:
                raise MaskletFailed(f"Masklet was not ready within {READY_S:.0f} s; see {self.log}")
            tick()
            time.sleep(POLL_S)

    def require_alive(self) -> None:
        """Raises MaskletFailed with the last log line if the process ended."""
        if self._process is None or self._process.poll() is not None:
            lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
            raise MaskletFailed(f"Masklet stopped: {lines[-1] if lines else 'the log is empty'} (log: {self.log})")

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json | None:
        """The JSON answer, or None without one."""
        try:
            reply = self._http.get(f"{self.url}{path}", params=params)
            reply.raise_for_status()
            document: Json = reply.json()
        except (httpx.HTTPError, ValueError):
            return None
        return document

    def stop(self) -> None:
        """Stops the process and its children."""
        self._http.close()
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _model(self) -> Model | None:
        """The model; None until run.json is this process's and /health has the model."""
        with suppress(FileNotFoundError, ValueError):
            run = json.loads((self.data_dir / "run.json").read_text())
            if self._process is not None and run["supervisor"] == self._process.pid:
                self.url = run["url"]
        health = self.get("/health") if self.url else None
        if health is None or health["model_version"].endswith("-starting"):
            return None
        return Model(health["model"], health["model_version"], health["notice"])


def _environment_without_passwords(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings without host and passwords: the demo listens on loopback and Label Studio has no password."""
    excluded = ("MASKLET_HOST", "MASKLET_BASIC_AUTH_USER", "MASKLET_BASIC_AUTH_PASS", "MASKLET_WEBHOOK_SECRET")
    return {name: value for name, value in environment.items() if name not in excluded}
