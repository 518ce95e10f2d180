"""Full disks: recognized at every write, and told in one sentence."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from backend.domain.errors import StorageFull

LEAST_FREE_BYTES = 2**20
"""SQLite reports some full disks as input or output errors: with less than this free, that is the reason."""


@contextmanager
def full_disk_told(place: Path | str) -> Iterator[None]:
    """Raises StorageFull for an OSError of a full disk or quota; other errors pass.

    place: what is written to, for the message.
    """
    try:
        yield
    except OSError as error:
        if not is_full(error):
            raise
        raise storage_full(place) from error


def is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, errno.EDQUOT)


def has_no_space(folder: Path) -> bool:
    """Whether the disk of a folder has no space left for this user; False if it does not say."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < LEAST_FREE_BYTES


def storage_full(place: Path | str) -> StorageFull:
    return StorageFull(f"no space is left in {place}: free some; what was accepted before is kept, and work resumes")
