"""Which of Label Studio's own files may be opened for a task: those that the task has in Label Studio.

Addresses come from whoever calls Masklet, and from whoever may create tasks; Masklet's token reads the files of every
project. So the task is read from Label Studio once for each list of addresses, and the answer is kept. Files of
other origins are fetched without the token and are not looked at here.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from backend.adapters.labelstudio.api.media_policy import MediaPolicy
from backend.adapters.labelstudio.storage_addresses import media_address, storage_address
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.media import MediaFetch, MediaFetcher, MediaLibrary, VideoSource
from backend.domain.errors import Cancelled, NotAllowed
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex

MOST_KEPT = 16
"""Lists of addresses that are kept for one task; a task's media seldom change."""

MEDIA_KEPT = 64
"""Tasks whose addresses are kept as they were read: reading thousands of pages' addresses takes longer than a click."""

UPLOAD = re.compile(r"/data/upload/(\d+)/")
OF_PROJECT = re.compile(r"/projects/(\d+)/")
OF_TASK = re.compile(r"/tasks/(\d+)/")


class FetchingLibrary(MediaLibrary, MediaFetcher, Protocol):
    """A media library that also fetches in threads of its own."""


class TaskData(Protocol):
    @property
    def data(self) -> Mapping[str, object]: ...


class TaskReader(Protocol):
    """Label Studio, as far as tasks are read from it."""

    @property
    def media_policy(self) -> MediaPolicy: ...

    def fetch_task(self, task: TaskKey) -> TaskData:
        """Raises NotAllowed if the task is of another project, NotFound, LabelStudioUnavailable or -Refused."""
        ...


@dataclass(frozen=True, slots=True)
class TaskMedia:
    """The TaskMediaLibrary port. label_studio: None where the settings name none; then there are no files of its own.

    is_own_task: whether a task's data, in that project, are of a task that this Masklet made: a correction task, or one
    that was routed in a crowd. Such a task shows media of another project.
    """

    library: FetchingLibrary
    label_studio: TaskReader | None
    key_values: KeyValueStore
    is_own_task: Callable[[int, Mapping[str, object]], bool]

    def open(
        self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None
    ) -> VideoSource:
        """See the port."""
        if self.label_studio is not None:
            self._require(self.label_studio, media, task)
        return self.library.open(media, frames=frames)

    def fetch(
        self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None
    ) -> MediaFetch:
        """See the TaskMediaFetcher port."""
        if self.label_studio is None or self._is_known(self.label_studio, media, task):
            return self.library.fetch(media, frames=frames)
        return CheckedFetch(
            partial(self._require, self.label_studio, media, task), partial(self.library.fetch, media, frames=frames)
        )

    def _is_known(self, label_studio: TaskReader, media: MediaRef, task: TaskKey | None) -> bool:
        """Whether the check calls no server."""
        files = _own_files(media, label_studio.media_policy)
        return not files or task is None or _digest(files) in self._kept(task)

    def _require(self, label_studio: TaskReader, media: MediaRef, task: TaskKey | None) -> None:
        policy = label_studio.media_policy
        files = _own_files(media, policy)
        if not files:
            return
        if task is None:
            raise NotAllowed(
                f"{_shown(files[0])} is Label Studio's own file, and the request does not say of which task"
            )
        digest = _digest(files)
        known = self._kept(task)
        if digest in known:
            return
        data = label_studio.fetch_task(task).data
        of_task = set(_files_in(data, policy, task.task_id))
        for file in files:
            if file not in of_task:
                raise NotAllowed(f"task {task} does not have {_shown(file)}: Label Studio knows other data of it")
            self._require_same_project(file, task, data)
        self.key_values.write(_name(task), json.dumps([*known, digest][-MOST_KEPT:]).encode())

    def _require_same_project(self, file: str, task: TaskKey, data: Mapping[str, object]) -> None:
        """Raises NotAllowed for a file whose address says that it is of another project or task."""
        for pattern, own, kind in (
            (UPLOAD, task.project_id, "project"),
            (OF_PROJECT, task.project_id, "project"),
            (OF_TASK, task.task_id, "task"),
        ):
            found = pattern.match(file)
            if found and int(found[1]) != own and not self.is_own_task(task.project_id, data):
                raise NotAllowed(
                    f"task {task} names {_shown(file)}, a file of {kind} {found[1]}; upload it to project "
                    f"{task.project_id}, or bring the task in with `masklet import`"
                )

    def _kept(self, task: TaskKey) -> list[str]:
        try:
            kept = json.loads(self.key_values.read(_name(task)) or b"[]")
        except ValueError:
            return []
        return [str(digest) for digest in kept] if isinstance(kept, list) else []


class CheckedFetch:
    """A MediaFetch that begins with a check in a thread of its own: one slow answer delays no other job."""

    def __init__(self, check: Callable[[], None], start: Callable[[], MediaFetch]) -> None:
        """check: raises if the media may not be fetched. start: starts the fetch."""
        self._check = check
        self._start = start
        self._lock = threading.Lock()
        self._checked = threading.Event()
        self._is_cancelled = False
        self._error: Exception | None = None
        self._fetch: MediaFetch | None = None
        threading.Thread(target=self._run, name="check-media", daemon=True).start()

    @property
    def is_done(self) -> bool:
        return self._checked.is_set() and (self._fetch is None or self._fetch.is_done)

    def wait(self, timeout_s: float) -> bool:
        give_up_s = time.monotonic() + timeout_s
        if not self._checked.wait(timeout_s):
            return False
        return self._fetch is None or self._fetch.wait(max(give_up_s - time.monotonic(), 0.0))

    def raise_error(self) -> None:
        if self._error is not None:
            raise self._error
        if self._fetch is not None:
            self._fetch.raise_error()

    def cancel(self) -> None:
        with self._lock:
            self._is_cancelled = True
            fetch = self._fetch
        if fetch is not None:
            fetch.cancel()

    def _run(self) -> None:
        try:
            self._check()
            with self._lock:
                if self._is_cancelled:
                    raise Cancelled("nobody needs the media any more")
                self._fetch = self._start()
        except Exception as error:  # the waiting job gets it
            self._error = error
        finally:
            self._checked.set()


@functools.lru_cache(maxsize=MEDIA_KEPT)
def _own_files(media: MediaRef, policy: MediaPolicy) -> tuple[str, ...]:
    """Raises NotAllowed for what is not a web address."""
    return tuple(file for address in media.addresses if (file := policy.own_file(address)) is not None)


def _digest(files: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(files).encode("utf-8", "surrogatepass")).hexdigest()


def _files_in(value: object, policy: MediaPolicy, task_id: int) -> Iterator[str]:
    """Label Studio's own files, and those that it resolves, that are named anywhere in a task's data."""
    if isinstance(value, str):
        try:
            file = policy.own_file(media_address(value.strip(), task_id))
        except NotAllowed:
            return
        if file is not None:
            yield file
    elif isinstance(value, Mapping):
        for entry in value.values():
            yield from _files_in(entry, policy, task_id)
    elif isinstance(value, list):
        for entry in value:
            yield from _files_in(entry, policy, task_id)


def _name(task: TaskKey) -> str:
    return f"media/{task.project_id}-{task.task_id}"


def _shown(file: str) -> str:
    """A file for a message: its query may hold a signature. Local and stored files are told apart by theirs."""
    stored = storage_address(file)
    if stored:
        return stored[:200]
    path, _, query = file.partition("?")
    return f"{path}?{query}"[:200] if path.startswith("/data/local-files") else path[:200]
