"""Exports that leads start: `masklet export` in a process of its own, packed into a ZIP file of the data folder.

The web process reads no videos: the command does. One export runs at a time. A folder of an export has its order, and
in the end the ZIP file or the reason of a failure; an export whose process ended without either was interrupted.
"""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from backend.adapters.queue.child_process import tied_to_parent
from backend.codecs.atomic_file import write_atomically
from backend.domain.errors import NotFound, NotYet, ServiceUnavailable
from backend.interfaces.http.lead.export_orders import INTERRUPTED, ExportOrder, ExportRun
from backend.interfaces.http.lead.shared_exports import SharedExports
from backend.interfaces.http.player.renewed import in_a_thread

logger = logging.getLogger(__name__)

KEPT = 10
"""The exports that are kept, of all projects together; older ones are removed."""

ORDER, ARCHIVE, OUT, LOG, FAILURE = "order.json", "export.zip", "out", "log.txt", "failure.txt"
MASKLET = (sys.executable, "-P", "-m", "backend.interfaces.cli")
ALIVE_EVERY_S = 60.0
NICE = ("nice", "-n", "10")
LONGEST_DETAIL = 2000


class ExportRuns:
    """The exports of a data folder. Thread-safe."""

    def __init__(
        self,
        root: Path,
        shared: SharedExports | None = None,
        *,
        masklet: Sequence[str] = MASKLET,
        run: Callable[[Callable[[], None]], None] = in_a_thread,
    ) -> None:
        """shared: the exports of all machines. None: those of this data folder are all.

        masklet: the command. run: runs the work beside the caller.
        """
        self._root = root
        self._shared = shared
        self._masklet = masklet
        self._run_work = run
        self._running = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def start(self, order: ExportOrder) -> ExportRun:
        """Raises NotYet while another export runs."""
        with self._lock:
            if self._running:
                raise NotYet("Another export runs; wait until it is done, or remove it.")
            self._root.mkdir(parents=True, exist_ok=True)
            newest = max((int(path.name) for path in self._folders()), default=0)
            name = f"{newest + 1:06d}" if self._shared is None else self._shared.claim(order)
            folder = self._root / name
            folder.mkdir()
            write_atomically(folder / ORDER, json.dumps(asdict(order)).encode())
            self._running = name
        for path in self._folders()[KEPT:]:
            shutil.rmtree(path, ignore_errors=True)
        if self._shared is not None:
            for old in self._shared.names()[KEPT:]:
                self._shared.remove(old)
        self._run_work(lambda: self._export(name, order))
        return self.read(order.project_id, name)

    def all(self, project_id: int) -> tuple[ExportRun, ...]:
        """The exports of a project, the newest first."""
        if self._shared is None:
            found = map(self._read, self._folders())
        else:
            found = map(self._shared.read, self._shared.names())
        return tuple(each for each in found if each is not None and each.order.project_id == project_id)

    def read(self, project_id: int, name: str) -> ExportRun:
        """Raises NotFound."""
        found = next((each for each in self.all(project_id) if each.name == name), None)
        if found is None:
            raise NotFound(f"project {project_id} has no export {name[:20]!r}")
        return found

    def remove(self, project_id: int, name: str) -> None:
        """Removes an export; a running one is ended. Raises NotFound."""
        self.read(project_id, name)
        with self._lock:
            process = self._process if self._running == name else None
            if process is not None:
                process.kill()
        if self._shared is not None:
            self._shared.remove(name)
        shutil.rmtree(self._root / name, ignore_errors=True)

    def content(self, run: ExportRun) -> Iterator[bytes]:
        """The archive of a finished export of the shared store. Raises NotFound, StoreUnavailable."""
        if self._shared is None:
            raise NotFound(f"export {run.name} has no archive")
        return self._shared.content(run)

    def close(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.kill()

    def _folders(self) -> list[Path]:
        """The newest first."""
        paths = self._root.iterdir() if self._root.is_dir() else ()
        return sorted((path for path in paths if path.name.isdecimal()), key=lambda path: int(path.name), reverse=True)

    def _read(self, folder: Path) -> ExportRun | None:
        try:
            fields = json.loads((folder / ORDER).read_bytes())
            order = ExportOrder(**{**fields, "tasks": tuple(fields["tasks"])})
        except (OSError, ValueError, TypeError, KeyError):
            return None  # it is being removed
        archive, is_running = folder / ARCHIVE, self._running == folder.name
        if archive.is_file():
            return ExportRun(folder.name, order, "done", _text(folder / LOG), archive, archive.stat().st_size)
        if is_running:
            return ExportRun(folder.name, order, "running", "", None, 0)
        return ExportRun(folder.name, order, "failed", _text(folder / FAILURE) or INTERRUPTED, None, 0)

    def _export(self, name: str, order: ExportOrder) -> None:
        folder = self._root / name
        try:
            reason = self._written(folder, order)
            if not reason:
                _pack(folder)
                if self._shared is not None:
                    self._shared.finish(name, _text(folder / LOG), folder / ARCHIVE)
        except Exception as error:  # whatever it is, the lead is told
            logger.exception("export %s failed", name)
            reason = f"The export failed: {error}."
        finally:
            with self._lock:
                self._running, self._process = "", None
        if reason:
            self._record_failure(name, reason)
        # Of an export that all machines give out, nothing has to stay on this one.
        shutil.rmtree(folder / OUT if self._shared is None else folder, ignore_errors=True)

    def _record_failure(self, name: str, reason: str) -> None:
        if self._shared is None:
            with suppress(OSError):  # its folder was removed
                write_atomically(self._root / name / FAILURE, reason.encode())
            return
        try:
            self._shared.fail(name, reason)
        except ServiceUnavailable as error:
            logger.warning("the failure of export %s is not recorded: %s", name, error)

    def _written(self, folder: Path, order: ExportOrder) -> str:
        """Runs the command; returns why it failed, empty if it did not."""
        argv = tied_to_parent([*NICE, *self._masklet, *order.arguments(str(folder / OUT))])
        with (folder / LOG).open("wb") as log:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            with self._lock:
                self._process = process
            status = self._awaited(process, folder.name)
        if status == 0:
            return ""
        return _text(folder / LOG) or f"The export ended with status {status}."

    def _awaited(self, process: subprocess.Popen[bytes], name: str) -> int:
        """Waits for the command, and tells other machines that it runs."""
        while True:
            try:
                return process.wait(None if self._shared is None else ALIVE_EVERY_S)
            except subprocess.TimeoutExpired:
                with suppress(ServiceUnavailable):
                    if self._shared is not None:
                        self._shared.keep_alive(name)


def _pack(folder: Path) -> None:
    """The archive shows whole or not at all."""
    part = folder / f"{ARCHIVE}.part"
    with zipfile.ZipFile(part, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((folder / OUT).rglob("*")):
            if path.is_file():
                archive.write(path, path.relative_to(folder / OUT))
    part.replace(folder / ARCHIVE)


def _text(path: Path) -> str:
    """The last line of a file that says something, without the command's name."""
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return said.removeprefix("masklet: ")[:LONGEST_DETAIL]
