"""The frames of a video that do not decode, as far as they were met: kept by content in a file beside the index.

Whether a frame decodes is known when it is decoded, not from the index. Every process that reads a video adds to its
file.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

SUFFIX = ".undecodable"


class UndecodableFrames:
    """Indices of frames of one video. Safe to share between threads; the file between processes."""

    def __init__(self, path: Path | None = None) -> None:
        """path: the file, one index a line; None: in memory only."""
        self._path = path
        self._lock = threading.Lock()
        self._known = set() if path is None else _read(path)

    def __contains__(self, index: int) -> bool:
        return index in self._known

    def add(self, index: int) -> None:
        """Records a frame. A full disk is logged: then the frame is known to this process alone."""
        with self._lock:
            if index in self._known:
                return
            self._known.add(index)
            if self._path is None:
                return
            try:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                with self._path.open("a", encoding="ascii") as file:
                    file.write(f"{index}\n")
            except OSError as error:
                log.warning("frame %d does not decode, which %s cannot record: %s", index, self._path, error.strerror)


def undecodable_in(folder: Path, content_hash: str) -> tuple[int, ...]:
    """The recorded frames, ascending, of the video whose content hash begins so."""
    if not content_hash.isalnum():
        return ()
    found: set[int] = set()
    for path in folder.glob(f"{content_hash}*{SUFFIX}"):
        found |= _read(path)
    return tuple(sorted(found))


def _read(path: Path) -> set[int]:
    with suppress(OSError):
        return {int(line) for line in path.read_text(encoding="ascii", errors="replace").split() if line.isdecimal()}
    return set()
