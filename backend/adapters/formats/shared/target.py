"""The folder of an export: written under a temporary name in the same parent folder, renamed when it is complete.

The export's folder is complete or absent. An existing folder is replaced only with --overwrite, and only if an earlier
export made it: --overwrite cannot remove other files. A killed process may leave a hidden folder; the next export to
the same path removes it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from backend.application.ports.datasets import ManifestEntry
from backend.domain.errors import InvalidInput, NotAllowed, ServiceUnavailable

LIST = "files.sha256"
MANIFEST = "manifest.json"
BLOCK = 1 << 20
WRITE_ERRORS = frozenset(
    (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
        errno.EROFS,
        errno.EIO,
        errno.EACCES,
        errno.EPERM,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
        errno.EMFILE,
    )
)

Opener = Callable[[Path], BinaryIO]
"""Opens a new file for writing and reading."""


def open_new(path: Path) -> BinaryIO:
    """Create a file. An existing one is an error of the format."""
    return path.open("x+b")


class TargetFolder:
    """A Target. root: the temporary folder. shown: the final path, for messages."""

    def __init__(self, root: Path, shown: Path, opener: Opener = open_new) -> None:
        self._root = root
        self._shown = shown
        self._opener = opener
        self._spools: list[BinaryIO] = []
        self._lines = self.spool()
        self._made: set[PurePosixPath] = set()
        self._count = 0
        self._bytes = 0

    def write(self, path: str, body: bytes) -> None:
        with self._translated(path):
            target = self._place(path)
            with self._opener(target) as file:
                file.write(body)
            self._list(path, hashlib.sha256(body).hexdigest(), len(body))

    @contextmanager
    def open(self, path: str) -> Iterator[BinaryIO]:
        """A seekable file, to write in parts."""
        with self._translated(path):
            target = self._place(path)
            with self._opener(target) as file:
                yield file
            with target.open("rb") as written:
                digest = hashlib.file_digest(written, "sha256").hexdigest()
            self._list(path, digest, target.stat().st_size)

    def spool(self) -> BinaryIO:
        """A temporary file on the same disk; `close` closes it at the latest."""
        self._spools = [spool for spool in self._spools if not spool.closed]
        with self._translated(""):
            spool: BinaryIO = tempfile.TemporaryFile(dir=self._root)  # noqa: SIM115
        self._spools.append(spool)
        return spool

    def finish(self) -> ManifestEntry:
        """Write the list of files in the form of sha256sum; returns its entry in the manifest."""
        files = {"list": LIST, "count": self._count, "bytes": self._bytes}
        digest = hashlib.sha256()
        with self._translated(LIST):
            self._lines.seek(0)
            with self._opener(self._place(LIST)) as file:
                while block := self._lines.read(BLOCK):
                    digest.update(block)
                    file.write(block)
        return {**files, "sha256": digest.hexdigest()}

    def close(self) -> None:
        for spool in self._spools:
            # Closing flushes a buffer that is no longer needed and may not fit on the disk.
            with suppress(OSError):
                spool.close()

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Translates write errors within the block, also of spools, to ServiceUnavailable."""
        with self._translated(""):
            yield

    def _list(self, path: str, digest: str, size: int) -> None:
        self._lines.write(f"{digest}  {path}\n".encode())
        self._count += 1
        self._bytes += size

    def _place(self, path: str) -> Path:
        """The full path of a file; creates its folder. Raises ValueError for a path outside the export."""
        relative = PurePosixPath(path)
        if relative.is_absolute() or ".." in relative.parts or "\0" in path or not relative.parts:
            raise ValueError(f"{path!r} is not a path within an export")
        if relative.parent not in self._made:
            (self._root / relative.parent).mkdir(parents=True, exist_ok=True)
            self._made.add(relative.parent)
        return self._root / relative

    @contextmanager
    def _translated(self, path: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in WRITE_ERRORS:
                raise
            raise _unwritable(self._shown / path, error) from error


def _unwritable(path: Path, error: OSError) -> ServiceUnavailable:
    return ServiceUnavailable(
        f"{path} cannot be written: {error.strerror or error}; nothing was left behind, so make room or name another "
        "folder and export again"
    )


@contextmanager
def target_folder(out: Path, *, overwrite: bool = False, opener: Opener = open_new) -> Iterator[TargetFolder]:
    """Build a temporary folder beside OUT and rename it to OUT when the block succeeds; if it fails, remove it.

    Raises NotAllowed if OUT is not empty and overwrite is False, or if OUT holds other files than an export.
    """
    out = out.absolute()
    _require_free(out, overwrite=overwrite)
    building = _building(out)
    try:
        building.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    target = TargetFolder(building, out, opener)
    try:
        with target.translated_errors():
            yield target
            target.close()
            _swap(building, out)
    finally:
        target.close()
        shutil.rmtree(building, ignore_errors=True)


def _require_free(out: Path, *, overwrite: bool) -> None:
    if not out.name:
        raise InvalidInput(f"{out} cannot be an export's folder; name a folder in it")
    if not out.exists() and not out.is_symlink():
        return
    if not out.is_dir() or out.is_symlink():
        raise NotAllowed(f"{out} is not a folder; name another one with --out")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise NotAllowed(f"{out} is not empty; name another folder or pass --overwrite")
    if not _is_export(out):
        raise NotAllowed(
            f"{out} is not empty and not an export, and --overwrite replaces exports only; name another folder, or "
            "empty it yourself"
        )


def _is_export(folder: Path) -> bool:
    try:
        document = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and "manifest_version" in document and (folder / LIST).is_file()


def _building(out: Path) -> Path:
    """The hidden folder of this process beside OUT. Removes the hidden folders of killed exports to OUT."""
    tag = hashlib.sha256(f"{socket.gethostname()}\0{out.name}".encode("utf-8", "surrogatepass")).hexdigest()[:12]
    for left in out.parent.glob(f".masklet-export-{tag}-*"):
        process = left.name.rpartition("-")[2]
        if process.isdigit() and not _is_alive(int(process)):
            shutil.rmtree(left, ignore_errors=True)
    return out.parent / f".masklet-export-{tag}-{os.getpid()}"


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _swap(building: Path, out: Path) -> None:
    """Move the new folder to OUT. Removes the old folder after the move, restores it if the move fails."""
    if not out.exists():
        building.rename(out)
        return
    replaced = building.with_name(f"{building.name}.old")
    out.rename(replaced)
    try:
        building.rename(out)
    except BaseException:
        replaced.rename(out)
        raise
    shutil.rmtree(replaced, ignore_errors=True)
