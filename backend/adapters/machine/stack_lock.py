"""The lock of a data folder: one `masklet up` at a time. Workers and web processes of their own do not take it.

The operating system releases the lock when the process ends, whatever ends it. The file stays: it names the process
that holds the lock, or held it last.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from backend.domain.errors import NotAllowed, ServiceUnavailable

LOCK_FILE = "stack.lock"


def take_stack_lock(root: Path) -> IO[str]:
    """Locks a data folder until the returned file is closed.

    Raises NotAllowed naming the other process if another stack has the lock, ServiceUnavailable if the folder's file
    system cannot lock.
    """
    path = root / LOCK_FILE
    try:
        lock = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise ServiceUnavailable(f"{path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with lock:
            raise NotAllowed(_sentence(root, lock)) from None
    except OSError as error:
        lock.close()
        raise ServiceUnavailable(f"{path} cannot be locked ({error.strerror}); use another file system") from error
    lock.seek(0)
    lock.truncate()
    lock.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
    lock.flush()
    return lock


def _sentence(root: Path, lock: IO[str]) -> str:
    holder = _holder(lock)
    who = f" (process {holder['pid']} on {holder['host']})" if holder.keys() >= {"pid", "host"} else ""
    return f"another `masklet up`{who} uses {root}; stop it, or set MASKLET_DATA_DIR to another folder"


def _holder(lock: IO[str]) -> Mapping[str, object]:
    """What the holder wrote; empty in the moment before it writes."""
    lock.seek(0)
    try:
        holder = json.loads(lock.read())
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}
