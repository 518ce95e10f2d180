"""Download of a published checkpoint: resumable, checked, moved into place atomically."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import httpx

from backend.adapters.sam2.weights.checkpoint_files import DEMO, require_hash
from backend.adapters.sam2.weights.checkpoints import PUBLISHED, TRACKERS, PublishedCheckpoint, tracker_files
from backend.domain.errors import IntegrityError, ModelError

Progress = Callable[[int, int], None]
"""Called with the bytes received and the total bytes (0 if the server does not give them)."""

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""A connection that is slow to open counts as an address that cannot be reached."""

_AGAIN = "run the command again to go on from there"


def pull(name: str, base_url: str, model_dir: Path, on_progress: Progress) -> Path:
    """Downloads a checkpoint into a folder and returns its path; a present file is only checked.

    Raises ModelError with one sentence, or IntegrityError if the received file is not the published one.
    """
    entry = _published(name)
    path = model_dir / entry.file_name
    if _is_present(path, entry):
        return path
    part = path.with_suffix(path.suffix + ".part")
    try:
        model_dir.mkdir(parents=True, exist_ok=True)
        with _locked(part, entry) as file:
            _fetch(file, base_url.rstrip("/") + "/" + entry.file_name, path, on_progress)
            os.fsync(file.fileno())
            _require_published(part, entry)
            part.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ModelError(
                f"no space is left in {model_dir} for {entry.file_name}: free some, then {_AGAIN}"
            ) from error
        raise ModelError(f"{entry.file_name} cannot be written to {model_dir}: {error.strerror}") from error
    return path


def _published(name: str) -> PublishedCheckpoint:
    if name == DEMO:
        raise ModelError("the demo checkpoint comes with Masklet: there is nothing to fetch")
    if name in TRACKERS:
        files = " and ".join(tracker_files(name))
        raise ModelError(f"{name} is not fetched by Masklet: put {files} into the model folder, {TRACKERS[name]}")
    if name not in PUBLISHED:
        raise ModelError(f"there is no checkpoint {name!r} to fetch; choose {', '.join(PUBLISHED)}")
    return PUBLISHED[name]


def _is_present(path: Path, entry: PublishedCheckpoint) -> bool:
    if not path.is_file():
        return False
    try:
        require_hash(path, entry.sha256)
    except IntegrityError:
        return False
    return True


@contextmanager
def _locked(part: Path, entry: PublishedCheckpoint) -> Iterator[BinaryIO]:
    """The part file, opened for appending and locked against a second download."""
    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ModelError(f"{entry.file_name} is being fetched by another process") from error
        yield file


def _fetch(file: BinaryIO, url: str, path: Path, on_progress: Progress) -> None:
    """Appends the missing bytes. path: the file's place once it is whole, for errors."""
    received = file.tell()
    # A compressed answer has other offsets than the file.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={received}-"} if received else {})
    by_hand = f"set MASKLET_MODEL_BASE_URL, or put the file into {path.parent} yourself"
    is_answered = False
    try:
        with httpx.stream("GET", url, headers=headers, timeout=_TIMEOUT, follow_redirects=True) as response:
            is_answered = True
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # the part is complete; the hash is checked next
            if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                raise ModelError(f"{url} answered {response.status_code} {response.reason_phrase}: {by_hand}")
            if not _continues(response, received):
                file.truncate(0)
                received = 0
            total = received + int(response.headers.get("Content-Length", -received))
            for chunk in response.iter_bytes():
                file.write(chunk)
                received += len(chunk)
                on_progress(received, total)
            file.flush()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        file.flush()
        if not is_answered:
            raise ModelError(f"{url} cannot be reached ({_cause(error)}): {by_hand}") from error
        raise ModelError(
            f"fetching {path.name} broke off after {received:,} bytes ({_cause(error)}): {_AGAIN}"
        ) from error


def _continues(response: httpx.Response, received: int) -> bool:
    """Whether the server sends the bytes from `received` on, not the whole file."""
    if response.status_code != httpx.codes.PARTIAL_CONTENT:
        return False
    return str(response.headers.get("Content-Range", "")).startswith(f"bytes {received}-")


def _require_published(part: Path, entry: PublishedCheckpoint) -> None:
    try:
        require_hash(part, entry.sha256)
    except IntegrityError as error:
        part.unlink()
        raise IntegrityError(
            f"what arrived as {entry.file_name} is not the published file (its SHA-256 differs); it was removed"
        ) from error


def _cause(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
