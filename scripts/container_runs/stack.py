"""The containers of docker-compose.yml: built, started, watched, killed, taken away."""

from __future__ import annotations

import os
import secrets
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.container_runs.engine import REPOSITORY, ContainersFailed, Engine, Say
from scripts.label_studio.server import free_port

PROFILE = "cpu"
MEDIA = "/label-studio/files/media"
"""Where docker-compose.yml puts MEDIA_DIR into Label Studio's container."""

START_S = 1800.0
POLL_S = 1.0
EVERY_S = 30.0
"""As in docker-compose.yml."""

CHECK_S = 60.0


@dataclass(frozen=True, slots=True)
class Container:
    """A service's container. pid: of its first process as this machine counts; 0 while it does not run."""

    identity: str
    state: str
    pid: int
    exit_code: int


@dataclass(frozen=True, slots=True)
class Application:
    """A document for Compose. project: its name in the engine. stem: of the files that the state folder keeps of it."""

    document: Path
    project: str
    stem: str


AS_SHIPPED = Application(REPOSITORY / "docker-compose.yml", "masklet-trial", "compose")
"""Not by the name in docker-compose.yml: containers and volumes of a stack in use stay as they are."""


class Stack:
    """The containers of a document in the state folder's engine, with settings and media of their own."""

    def __init__(self, engine: Engine, state: Path, say: Say, application: Application = AS_SHIPPED) -> None:
        self.engine = engine
        self.files = state / "files"
        self.log = state / f"{application.stem}.log"
        self._application = application
        self._env_file = state / f"{application.stem}.env"
        self._say = say

    @property
    def services(self) -> tuple[str, ...]:
        """The services of the profile, those that others wait for first."""
        listed = self._listed()
        return tuple(sorted(
            (name for name, service in listed.items() if PROFILE in service.get("profiles", [PROFILE])),
            key=lambda name: (len(listed[name].get("depends_on", {})), name),
        ))  # fmt: skip

    @property
    def settings(self) -> dict[str, str]:
        """The variables given to docker-compose.yml, as they are in the file that the state folder keeps."""
        lines = self._env_file.read_text().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def configure(self, more: Mapping[str, str]) -> None:
        """Writes the variables: random passwords and free ports, made once; the media folder; and more of them."""
        (self.files / "clips").mkdir(parents=True, exist_ok=True)
        known = self.settings if self._env_file.exists() else _new_settings()
        settings = {**known, "MEDIA_DIR": str(self.files / "clips"), **more}
        draft = self._env_file.with_suffix(".tmp")
        draft.touch(mode=0o600)
        draft.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        draft.replace(self._env_file)

    def build(self) -> None:
        """Builds the images that the document builds, one after the other. Raises ContainersFailed.

        One service for each image: podman-compose would build the same image for each of its services at once.
        """
        listed = self._listed()
        builders = {listed[name]["image"]: name for name in reversed(self.services) if "build" in listed[name]}
        for service in sorted(builders.values(), reverse=True):
            self._compose("build", service)

    def up(self) -> None:
        """Starts the containers and returns when all of them are healthy. Raises ContainersFailed."""
        self._compose("up", "-d")
        if not self.engine.runs_checks:
            self._say("podman runs health checks through systemd, which is not here: this command runs them instead")
        self.wait_healthy()

    def down(self) -> None:
        """Removes containers, networks and volumes. Raises ContainersFailed."""
        if self._env_file.exists():
            self._compose("down", "--volumes")

    def wait_healthy(self, services: Sequence[str] = ()) -> None:
        """Returns when the services, or all, are healthy. Raises ContainersFailed with the last lines of one."""
        waiting = list(services or self.services)
        deadline = time.monotonic() + START_S
        while waiting:
            waiting = [service for service in waiting if not self.is_healthy(service)]
            if waiting and time.monotonic() > deadline:
                raise ContainersFailed(
                    f"{', '.join(waiting)} did not become healthy within {START_S:.0f} s: {self.last_lines(waiting[0])}"
                )
            time.sleep(POLL_S if waiting else 0)

    def is_healthy(self, service: str) -> bool:
        """Whether the service's container runs and its health check passes."""
        found = self.container(service)
        if found is None or found.state != "running":
            return False
        if self.engine.runs_checks:
            status = self.engine.run("inspect", "--format", "{{.State.Health.Status}}", found.identity)
            return status == "healthy"
        return self.engine.succeeds("healthcheck", "run", found.identity, timeout_s=CHECK_S)

    def container(self, service: str) -> Container | None:
        """The service's container, running or not; None without one."""
        labels = (f"com.docker.compose.project={self._application.project}", f"com.docker.compose.service={service}")
        options = [part for label in labels for part in ("--filter", f"label={label}")]
        listed = self.engine.run("ps", "--all", "--quiet", "--no-trunc", *options).split()
        if not listed:
            return None
        shape = "{{.State.Status}} {{.State.Pid}} {{.State.ExitCode}}"
        with suppress(ContainersFailed, ValueError):
            state, pid, exit_code = self.engine.run("inspect", "--format", shape, listed[0]).split()
            return Container(listed[0], state, int(pid), int(exit_code))
        return None

    def crash(self, service: str) -> None:
        """Kills the container's first process, and with it all others, from outside: as a crash, not as a stop.

        The restart policy starts it again. On a machine whose processes are not the containers' own, the engine kills
        and starts. Raises ContainersFailed unless it runs.
        """
        found = self.container(service)
        if found is None or not found.pid:
            raise ContainersFailed(f"{service} does not run: {self.last_lines(service)}")
        if os.geteuid() == 0 and Path(f"/proc/{found.pid}").exists():
            os.kill(found.pid, signal.SIGKILL)
            return
        self.engine.run("kill", found.identity)
        self.engine.run("start", found.identity)

    def stop(self, service: str) -> int:
        """Stops a service as an upgrade does; returns its exit status, 137 if it was killed."""
        self._compose("stop", service)
        return self._require(service).exit_code

    def start(self, service: str) -> None:
        """Starts a service that was stopped."""
        self.engine.run("start", self._require(service).identity)

    def execute(self, service: str, *argv: str) -> str:
        """The output of a command inside the service's container. Raises ContainersFailed."""
        return self.engine.run("exec", self._require(service).identity, *argv)

    def command(self, command: str, service: str) -> None:
        """Runs a command of the engine on the service's container, such as pause. Raises ContainersFailed."""
        self.engine.run(command, self._require(service).identity)

    def disconnect(self, service: str, network: str) -> None:
        """Takes the service's host out of a network of the document: open connections get no answers."""
        self.engine.run("network", "disconnect", self._network(network), self._require(service).identity)

    def connect(self, service: str, network: str) -> None:
        """Puts the host back, by the service's name."""
        identity = self._require(service).identity
        self.engine.run("network", "connect", "--alias", service, self._network(network), identity)

    def last_lines(self, service: str) -> str:
        """The end of a container's log, on one line."""
        found = self.container(service)
        if found is None:
            return "it has no container"
        with suppress(ContainersFailed):
            return f"{found.state}; " + " · ".join(self.engine.logs(found.identity)[-8:])[-1500:]
        return found.state

    def image_mb(self, image: str) -> int:
        """An image's size, in MB of 1,000,000 bytes."""
        return round(int(self.engine.run("image", "inspect", "--format", "{{.Size}}", image)) / 1e6)

    def keep_checking(self) -> _HealthChecks:
        """Runs the health checks beside the caller where the engine does not: what hangs is killed by them."""
        return _HealthChecks(self)

    def _require(self, service: str) -> Container:
        found = self.container(service)
        if found is None:
            raise ContainersFailed(f"{service} has no container")
        return found

    def _network(self, name: str) -> str:
        """A network's name in the engine."""
        return f"{self._application.project}_{name}"

    def _listed(self) -> dict[str, dict[str, Any]]:
        services: dict[str, dict[str, Any]] = yaml.safe_load(self._application.document.read_text())["services"]
        return services

    def _compose(self, *argv: str) -> None:
        application = self._application
        options = ("-f", str(application.document), "--env-file", str(self._env_file), "--profile", PROFILE)
        self.engine.compose(*options, "-p", application.project, *argv, log=self.log)


class _HealthChecks:
    """A thread that checks every service again and again; a context manager."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        if not self._stack.engine.runs_checks:
            self._thread.start()

    def __exit__(self, *error: object) -> None:
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._is_over.wait(EVERY_S):
            for service in self._stack.services:
                with suppress(ContainersFailed):
                    self._stack.is_healthy(service)


def _new_settings() -> dict[str, str]:
    label_studio, masklet = free_port(18080), free_port(19090)
    return {
        "LABEL_STUDIO_PASSWORD": secrets.token_urlsafe(16),
        "LABEL_STUDIO_API_KEY": secrets.token_hex(20),
        "POSTGRES_PASSWORD": secrets.token_hex(20),
        "MASKLET_BASIC_AUTH_PASS": secrets.token_hex(20),
        "LABEL_STUDIO_PORT": str(label_studio),
        "LABEL_STUDIO_HOST": f"http://localhost:{label_studio}",
        "MASKLET_PORT": str(masklet),
        "MASKLET_PUBLIC_URL": f"http://localhost:{masklet}",
        "MASKLET_MODEL": "demo",
    }
