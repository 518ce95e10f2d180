"""The parts of `masklet export`: where labelled videos come from, and how formats and pictures are found."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from backend import __version__
from backend.adapters.formats.choose import FORMATS, FormatOptions, format_of
from backend.adapters.formats.greenscreen import parse_colour
from backend.adapters.formats.target import target_folder
from backend.adapters.formats.yolo import Split
from backend.adapters.labelstudio.exported import ExportedRegions
from backend.adapters.labelstudio.project_source import LabelsFrom, ProjectSource, name_of_address
from backend.adapters.labelstudio.session import Session
from backend.adapters.store.labelled_folder import FolderSource
from backend.adapters.store.labelled_run import open_run
from backend.adapters.video.cache import file_hash
from backend.adapters.video.decode import open_video
from backend.application.dataset_ports import DatasetEntry, DatasetSource, DatasetVideo, Notes
from backend.application.export import Export, Exported
from backend.application.ports import Ledger, MediaLibrary, VideoSource
from backend.application.prompt_record import prompts_record
from backend.application.requests import Job, JobKind, JobState, PropagationRequest, TaskKey
from backend.bootstrap.media import open_media_library
from backend.bootstrap.parts import SystemClock, data_folder, load_settings, open_ledger_of
from backend.domain.datasets import FrameChoice
from backend.domain.errors import InvalidInput, NotAllowed, NotFound
from backend.domain.video import ContentHash, VideoInfo

NAMED_SOURCE = re.compile(r"(project|run):([0-9]{1,18})(?:/([0-9]{1,18}))?")
SOURCES = "a folder that `masklet propagate` made, project:N, project:N/TASK or run:N/TASK"
TIMEOUT_S = 60.0
MOST_JOBS = 1000
FORMAT_NAMES = tuple(FORMATS)


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What a person asked for, as they wrote it. labels: annotations, predictions or both."""

    sources: Sequence[str]
    format_name: str
    out: Path
    frames: str = "all"
    labels: str = "annotations"
    videos: Sequence[Path] = ()
    pictures: bool | None = None
    overwrite: bool = False
    split: str = "0.8,0.2"
    background: str = "0,255,0"
    offset: int = 0
    skip_faulty: bool = False


def run_export(order: ExportOrder, on_video: Callable[[str], None] = lambda _: None) -> Exported:
    """Export; OUT is whole in the end, or not there.

    Raises InvalidInput, NotAllowed, NotFound, IntegrityError or ServiceUnavailable.
    """
    if order.offset < 0:
        raise InvalidInput(f"--offset counts frames from 0 on, it cannot be {order.offset}")
    options = FormatOptions(ExportedRegions(), Split.parse(order.split), parse_colour(order.background), order.offset)
    writer = format_of(order.format_name, options)
    choice = FrameChoice.parse(order.frames)
    with open_source(order) as source:
        export = Export(source, writer, SystemClock(), __version__, choice, order.pictures, order.skip_faulty, on_video)
        with target_folder(order.out, overwrite=order.overwrite) as target:
            return export.run(target)


@contextmanager
def open_source(order: ExportOrder) -> Iterator[DatasetSource]:
    """The source that the order names. Raises InvalidInput, NotFound or NotAllowed."""
    named = [NAMED_SOURCE.fullmatch(source) for source in order.sources]
    if len(named) == 1 and named[0] is not None:
        kind, project_id, task_id = named[0].groups()
        if kind == "run":
            if task_id is None:
                raise InvalidInput(f"a stored run is a task's: name it as run:{project_id}/TASK")
            with _open_run(int(project_id), int(task_id), order) as run:
                yield run
            return
        with _open_project(int(project_id), int(task_id) if task_id else None, order) as project:
            yield project
        return
    if any(named):
        raise InvalidInput("a source in Label Studio or a stored run is exported by itself; name it alone")
    if not order.sources:
        raise InvalidInput(f"name what to export: {SOURCES}")
    roots = [Path(source) for source in order.sources]
    missing = next((root for root in roots if not root.is_dir()), None)
    if missing is not None:
        raise NotFound(f"there is no folder {missing}; a source is {SOURCES}")
    _require_apart(order.out.absolute(), roots)
    yield FolderSource(roots, VideoShelf(order.videos).open)


@contextmanager
def _open_project(project_id: int, task_id: int | None, order: ExportOrder) -> Iterator[DatasetSource]:
    settings = load_settings()
    if not settings.label_studio_url:
        raise InvalidInput("no Label Studio is set; put its address in LABEL_STUDIO_URL")
    token = settings.label_studio_token.get_secret_value()
    with closing(Session(settings.label_studio_url, token, timeout_s=TIMEOUT_S)) as session:
        yield ProjectSource(session, open_media_library(settings), project_id, LabelsFrom(order.labels), task_id)


@contextmanager
def _open_run(project_id: int, task_id: int, order: ExportOrder) -> Iterator[DatasetSource]:
    settings = load_settings()
    shelf = VideoShelf(order.videos)
    library = open_media_library(settings) if settings.label_studio_url and not order.videos else None
    with closing(open_ledger_of(settings, SystemClock())) as ledger:
        yield RunSource(TaskKey(project_id, task_id), ledger, data_folder(settings).masks, shelf, library)


@dataclass(frozen=True, slots=True)
class RunSource:
    """A DatasetSource: the masks that the last finished propagation of a task left in the mask store."""

    task: TaskKey
    ledger: Ledger
    masks: Path
    shelf: VideoShelf
    library: MediaLibrary | None

    @property
    def record(self) -> Notes:
        return {"kind": "run", "project": self.task.project_id, "task": self.task.task_id}

    def entries(self) -> Sequence[DatasetEntry]:
        """Raises NotFound if the task has no finished propagation."""
        address = self._request().media.addresses[0]
        return [DatasetEntry(str(self.task), name_of_address(address) or f"task-{self.task.task_id}")]

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[DatasetVideo]:
        """Raises NotFound or IntegrityError."""
        job, request = self._job(), self._request()
        provenance = {
            "kind": "propagation",
            "job": job.job_id,
            "model": job.model_version,
            "prompts": prompts_record(request.prompts),
        }
        with open_run(self.masks / job.masks_run, provenance=provenance, open_pictures=self._pictures) as run:
            yield run

    def _job(self) -> Job:
        jobs = self.ledger.jobs(task=self.task, states=[JobState.DONE], limit=MOST_JOBS)
        found = next((job for job in jobs if job.kind is JobKind.PROPAGATE and job.masks_run), None)
        if found is None:
            raise NotFound(f"task {self.task} has no finished propagation in this data folder (MASKLET_DATA_DIR)")
        return found

    def _request(self) -> PropagationRequest:
        request = self.ledger.request(self._job().job_id)
        assert isinstance(request, PropagationRequest), "a propagation's job has a propagation's request"
        return request

    def _pictures(self, name: str, info: VideoInfo) -> AbstractContextManager[VideoSource] | None:
        if self.library is None:
            return self.shelf.open(name, info)
        return self.library.open(self._request().media)


class VideoShelf:
    """The video files that a person named, or that lie in the folders they named, found by name and content."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises NotFound if a path is not there."""
        for path in paths:
            if not path.exists():
                raise NotFound(f"--video {path} is not there")
        self._paths = paths
        self._hashes: dict[Path, ContentHash] = {}

    def open(self, name: str, info: VideoInfo) -> AbstractContextManager[VideoSource] | None:
        """The file with that content, one of that name being looked at first; None if there is none.

        Raises NotFound if files were named and none of them is the video.
        """
        if not self._paths:
            return None
        files = sorted(self._files(), key=lambda path: (path.name != name, path.stat().st_size, str(path)))
        for path in files:
            if self._hash_of(path) == info.content_hash:
                return open_video(path, info.content_hash)
        raise NotFound(
            f"the video {name or info.content_hash[:12]!r} is not among the {len(files)} files that --video names; "
            "it must be the very file that was labelled (its SHA-256 is compared)"
        )

    def _files(self) -> Iterator[Path]:
        for path in self._paths:
            if path.is_dir():
                yield from (file for file in sorted(path.iterdir()) if file.is_file())
            else:
                yield path

    def _hash_of(self, path: Path) -> ContentHash:
        if path not in self._hashes:
            self._hashes[path] = file_hash(path)
        return self._hashes[path]


def _require_apart(out: Path, roots: Sequence[Path]) -> None:
    """Raises NotAllowed if OUT lies in a source or a source in OUT: the export would eat its own input."""
    for root in roots:
        source = root.resolve()
        if out.resolve() == source or source in out.resolve().parents or out.resolve() in source.parents:
            raise NotAllowed(f"{out} and the source {root} lie within each other; name another folder with --out")
