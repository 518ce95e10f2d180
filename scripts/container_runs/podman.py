"""Podman for a machine without a Docker engine: installed, and told to keep everything in the state folder."""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
from pathlib import Path

from scripts.container_runs.engine import ContainersFailed, Engine, Say

PACKAGES = ("podman", "buildah", "runc", "netavark", "aardvark-dns", "iptables", "debootstrap", "catatonit")
PROGRAMS = ("podman", "runc", "iptables", "debootstrap")
COMPOSE = "podman-compose==1.6.0"
SUBNETS = "172.29.0.0/16"
"""Inside Docker's own range: in docker-compose.yml Label Studio refuses backends in every other private one."""

PROCESSES = 4096
"""Of one user; podman lowers its own limit, and a container cannot get more than it."""

SYSTEMD = Path("/run/systemd/system")


def podman_engine(state: Path, say: Say) -> Engine:
    """Podman and podman-compose with their images, containers and networks below the state folder.

    Raises ContainersFailed with a way out if it is missing and cannot be installed.
    """
    if os.geteuid() != 0:
        raise ContainersFailed(
            "no Docker engine answers, and podman is used by root alone here: start Docker, or run this command as root"
        )
    _install(say)
    folder = state / "engine"
    # Layers are packed there while images are built.
    (folder / "layers").mkdir(parents=True, exist_ok=True)
    has_timers = SYSTEMD.exists()
    environment = {
        "CONTAINERS_STORAGE_CONF": str(_write(folder / "storage.conf", _storage(folder))),
        "CONTAINERS_CONF": str(_write(folder / "containers.conf", _containers(folder, has_timers))),
        "BUILDAH_ISOLATION": "chroot",
        "TMPDIR": str(folder / "layers"),
    }
    build = "--podman-build-args=--network=host"
    return Engine("podman", ("podman",), (str(_compose(state, say)), build), environment, has_timers)


def _install(say: Say) -> None:
    if all(shutil.which(program) for program in PROGRAMS):
        return
    if shutil.which("apt-get") is None:
        raise ContainersFailed(f"no Docker engine answers: start Docker, or install podman ({', '.join(PACKAGES)})")
    say(f"installing Debian's {', '.join(PACKAGES)}")
    apt = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for argv in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *PACKAGES]):
        done = subprocess.run(["apt-get", *argv], env=apt, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ContainersFailed(f"apt-get {argv[0]} failed: {done.stderr.strip()[-500:]}")


def _compose(state: Path, say: Say) -> Path:
    """The program podman-compose in an environment of its own."""
    folder = state / "compose"
    stamp = folder / ".stamp"
    if not stamp.exists() or stamp.read_text() != COMPOSE:
        say(f"installing {COMPOSE}")
        for command in (
            [sys.executable, "-m", "venv", "--clear", str(folder)],
            [str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", COMPOSE],
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                raise ContainersFailed(f"{COMPOSE} was not installed: {done.stderr.strip()[-500:]}")
        stamp.write_text(COMPOSE)
    return folder / "bin" / "podman-compose"


def _storage(folder: Path) -> str:
    return (
        f'[storage]\ndriver = "overlay"\ngraphroot = {json.dumps(str(folder / "storage"))}\n'
        f"runroot = {json.dumps(str(folder / 'run'))}\n"
    )


def _containers(folder: Path, has_timers: bool) -> str:
    """crun fails on machines with both kinds of cgroups; podman's own limits may be above the machine's.

    Its list of containers and its volumes stay where it puts them, in the folder of images: what starts a container
    again after its end is told of that folder alone.
    Health checks are systemd's timers: without systemd, podman would refuse to start a container that has one. In the
    file, because what starts a container again after its end gets no other variables.
    """
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    _, processes = resource.getrlimit(resource.RLIMIT_NPROC)
    processes = PROCESSES if processes == resource.RLIM_INFINITY else min(processes, PROCESSES)
    return f"""\
[containers]
default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
env = [{"" if has_timers else '"DISABLE_HC_SYSTEMD=true"'}]
tmp_dir = {json.dumps(str(folder / "tmp"))}
[network]
network_backend = "netavark"
network_config_dir = {json.dumps(str(folder / "networks"))}
default_subnet_pools = [{{"base" = "{SUBNETS}", "size" = 24}}]
"""


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path
