"""The container engine: Docker where its engine answers, else podman with all of its data in the state folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

ANSWER_S = 20.0
REPOSITORY = Path(__file__).resolve().parents[2]

Say = Callable[[str], None]


class ContainersFailed(Exception):
    """A command of the engine failed, or the stack did not do what it should; the message has the reason."""


@dataclass(frozen=True, slots=True)
class Engine:
    """A container engine and its Compose. runs_checks: whether it runs health checks by itself."""

    name: str
    program: tuple[str, ...]
    compose_program: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    runs_checks: bool = True

    def run(self, *argv: str, timeout_s: float | None = None, input_file: Path | None = None) -> str:
        """The output of a command. Raises ContainersFailed with the end of its errors."""
        done = self._started([*self.program, *argv], timeout_s=timeout_s, input_file=input_file)
        if done.returncode:
            raise ContainersFailed(f"{self.name} {' '.join(argv[:3])}: {_last(done.stderr or done.stdout)}")
        return done.stdout.strip()

    def succeeds(self, *argv: str, timeout_s: float | None = None) -> bool:
        """Whether a command ends with status 0 in time."""
        try:
            return self._started([*self.program, *argv], timeout_s=timeout_s).returncode == 0
        except ContainersFailed:
            return False

    def compose(self, *argv: str, log: Path) -> None:
        """Runs Compose in the repository; its output goes to the log. Raises ContainersFailed with the log's end."""
        command = [*self.compose_program, *argv]
        with log.open("ab") as stream:
            stream.write(f"$ {' '.join(command)}\n".encode())
            stream.flush()
            done = subprocess.run(
                command, cwd=REPOSITORY, env=self._environment(), stdin=subprocess.DEVNULL, stdout=stream,
                stderr=subprocess.STDOUT, check=False,
            )  # fmt: skip
        if done.returncode:
            raise ContainersFailed(f"compose {argv[-1]} failed (log: {log}): {_last(log.read_text(errors='replace'))}")

    def logs(self, identity: str) -> list[str]:
        """The lines of a container's output and errors."""
        done = self._started([*self.program, "logs", "--tail", "40", identity])
        return (done.stdout + done.stderr).splitlines()

    def has_image(self, name: str) -> bool:
        return self.succeeds("image", "inspect", name)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, **self.environment}

    def _started(
        self, command: list[str], *, timeout_s: float | None = None, input_file: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        stdin = subprocess.DEVNULL if input_file is None else input_file.open("rb")
        try:
            return subprocess.run(
                command, env=self._environment(), cwd=REPOSITORY, stdin=stdin, capture_output=True, text=True,
                errors="replace", timeout=timeout_s, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ContainersFailed(f"{' '.join(command[:3])} did not end within {timeout_s} s") from error
        finally:
            if not isinstance(stdin, int):
                stdin.close()


def docker_engine() -> Engine | None:
    """Docker with its Compose, if an engine answers its client; a client alone is none."""
    if shutil.which("docker") is None:
        return None
    docker = Engine("docker", ("docker",), ("docker", "compose"))
    answers = docker.succeeds("version", "--format", "{{.Server.Version}}", timeout_s=ANSWER_S)
    return docker if answers and docker.succeeds("compose", "version", timeout_s=ANSWER_S) else None


def say(sentence: str) -> None:
    """Tells a person what happens."""
    print(f"containers: {sentence}", file=sys.stderr, flush=True)


def _last(text: str) -> str:
    """The end of an output, on one line."""
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    return " · ".join(lines[-6:])[-900:] or "no output"
