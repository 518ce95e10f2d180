"""Wiring of `masklet export`: sources of labelled videos, formats, pictures."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from backend import __version__
from backend.adapters.formats.greenscreen import parse_colour
from backend.adapters.formats.registry import WITH_CLASSES, FormatOptions, format_of
from backend.adapters.formats.shared.labels import NO_CLASSES, KnownClasses
from backend.adapters.formats.shared.target import target_folder
from backend.adapters.formats.yolo import Split
from backend.adapters.labelstudio.writing.exported import ExportedRegions
from backend.adapters.media.source_media import hash_of_local_video, is_picture_folder, open_local_video
from backend.adapters.store.datasets.labelled_folder import FolderSource
from backend.application.exports.export import Export, Exported
from backend.application.ports.datasets import DatasetSource
from backend.application.ports.media import VideoSource
from backend.codecs.class_names import read_class_names
from backend.domain.datasets import AnnotatorChoice, FrameChoice
from backend.domain.errors import InvalidInput, NotAllowed, NotFound, PicturesGone
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import VerdictChoice
from backend.domain.video import ContentHash, VideoInfo

NAMED_SOURCE = re.compile(r"(project|run):([0-9]{1,18})(?:/([0-9]{1,18}(?:,[0-9]{1,18})*))?")
CONSENSUS = (AnnotatorChoice.Way.CONSENSUS, AnnotatorChoice.Way.TRUSTED_CONSENSUS)
SOURCES = "a folder that `masklet propagate` made, project:N, project:N/TASK,TASK,... or run:N/TASK"


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """The options of one `masklet export`. labels: annotations, predictions or both.

    classes: the file with the classes in the order of their numbers; None: the source's label config.
    """

    sources: Sequence[str]
    format_name: str
    out: Path
    frames: str = "all"
    verdicts: str = "all"
    labels: str = "annotations"
    annotator: str = "one"
    videos: Sequence[Path] = ()
    pictures: bool | None = None
    overwrite: bool = False
    split: str = "0.8,0.2"
    background: str = "0,255,0"
    offset: int = 0
    skip_faulty: bool = False
    classes: Path | None = None


def run_export(order: ExportOrder) -> Exported:
    """Export; OUT is whole in the end, or not there.

    Raises InvalidInput, NotAllowed, NotFound, IntegrityError or ServiceUnavailable.
    """
    if order.offset < 0:
        raise InvalidInput(f"--offset counts frames from 0 on, it cannot be {order.offset}")
    options = FormatOptions(ExportedRegions(), Split.parse(order.split), parse_colour(order.background), order.offset)
    pinned = _pinned_classes(order)
    choice, verdicts = FrameChoice.parse(order.frames), VerdictChoice.parse(order.verdicts)
    with open_source(order) as source:
        writer = format_of(order.format_name, replace(options, classes=pinned or _source_classes(order, source)))
        export = Export(source, writer, time.time, __version__, choice, verdicts, order.pictures, order.skip_faulty)
        with target_folder(order.out, overwrite=order.overwrite) as target:
            return export.run(target)


def _pinned_classes(order: ExportOrder) -> KnownClasses | None:
    if order.classes is None:
        return None
    if order.format_name not in WITH_CLASSES:
        raise InvalidInput(
            f"{order.format_name} numbers no classes, so --classes cannot pin them; {', '.join(WITH_CLASSES)} do"
        )
    return KnownClasses(tuple(read_class_names(order.classes).values()), order.classes.name, is_complete=True)


def _source_classes(order: ExportOrder, source: DatasetSource) -> KnownClasses:
    return KnownClasses.of_config(tuple(source.labels())) if order.format_name in WITH_CLASSES else NO_CLASSES


@contextmanager
def open_source(order: ExportOrder) -> Iterator[DatasetSource]:
    """The source that the order names. Raises InvalidInput, NotFound or NotAllowed."""
    named = [NAMED_SOURCE.fullmatch(source) for source in order.sources]
    if len(named) == 1 and named[0] is not None:
        with _open_named(*named[0].groups(), order=order) as source:
            yield source
        return
    if any(named):
        raise InvalidInput("a source in Label Studio or a stored run is exported by itself; name it alone")
    if not order.sources:
        raise InvalidInput(f"name what to export: {SOURCES}")
    if VerdictChoice.parse(order.verdicts).states is not None:
        raise InvalidInput(
            "--verdict chooses by the verdicts that people give in the player, and folders have none; name project:N "
            "or run:N/TASK as the source, or leave --verdict out"
        )
    roots = [Path(source) for source in order.sources]
    missing = next((root for root in roots if not root.is_dir()), None)
    if missing is not None:
        raise NotFound(f"there is no folder {missing}; a source is {SOURCES}")
    _require_apart(order.out.absolute(), roots)
    yield FolderSource(roots, VideoShelf(order.videos).open)


def _open_named(
    kind: str, project_id: str, tasks: str | None, *, order: ExportOrder
) -> AbstractContextManager[DatasetSource]:
    # Label Studio's client and the ledger take seconds to import, and folders need neither.
    from backend.bootstrap.export_tasks import open_project, open_run_of

    annotator = AnnotatorChoice.parse(order.annotator)
    if annotator.way in CONSENSUS and VerdictChoice.parse(order.verdicts).states is not None:
        raise InvalidInput(
            "--verdict chooses by verdicts on one person's masks, and a consensus has those of several; leave one of "
            f"--verdict and --annotator {annotator} out"
        )
    task_ids = tuple(map(int, tasks.split(","))) if tasks else ()
    if kind == "project":
        return open_project(int(project_id), task_ids, order.labels, annotator)
    if len(task_ids) != 1:
        raise InvalidInput(f"a stored run is one task's: name it as run:{project_id}/TASK")
    shelf = VideoShelf(order.videos)
    return open_run_of(TaskKey(int(project_id), task_ids[0]), shelf.open if order.videos else None)


class VideoShelf:
    """The videos that a person named, or that lie in the folders they named, found by name and content.

    A folder of pictures is a video.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises NotFound if a path is not there."""
        for path in paths:
            if not path.exists():
                raise NotFound(f"--video {path} is not there")
        self._paths = paths
        self._hashes: dict[Path, ContentHash] = {}

    def open(self, known: Path, info: VideoInfo) -> AbstractContextManager[VideoSource] | None:
        """The file with that content; a file of that name is hashed first. Without files: the one at the known path.

        known: see OpenPictures; None if no file is named and the path is not known. Raises NotFound if files were named
        and none of them is the video, PicturesGone if none was named and the known one is gone or another one.
        """
        if not self._paths:
            return self._remembered(known, info) if known.is_absolute() else None
        name = known.name
        files = sorted(self._files(), key=lambda path: (path.name != name, path.stat().st_size, str(path)))
        for path in files:
            if self._hash_of(path) == info.content_hash:
                return open_local_video(path, info.content_hash)
        raise NotFound(
            f"the video {name or info.content_hash[:12]!r} is not among the {len(files)} files that --video names; "
            "it must be the very file that was labelled (its SHA-256 is compared)"
        )

    def _remembered(self, path: Path, info: VideoInfo) -> AbstractContextManager[VideoSource]:
        if not path.is_file() and not is_picture_folder(path):
            raise PicturesGone(f"the video was {path}, and is not there any more")
        if self._hash_of(path) != info.content_hash:
            raise PicturesGone(f"{path} is not the video that was labelled any more (its SHA-256 is another one)")
        return open_local_video(path, info.content_hash)

    def _files(self) -> Iterator[Path]:
        for path in self._paths:
            if path.is_dir() and not is_picture_folder(path):
                yield from (each for each in sorted(path.iterdir()) if each.is_file() or is_picture_folder(each))
            else:
                yield path

    def _hash_of(self, path: Path) -> ContentHash:
        if path not in self._hashes:
            self._hashes[path] = hash_of_local_video(path)
        return self._hashes[path]


def _require_apart(out: Path, roots: Sequence[Path]) -> None:
    """Raises NotAllowed if OUT lies in a source or a source in OUT: the export would eat its own input."""
    for root in roots:
        source = root.resolve()
        if out.resolve() == source or source in out.resolve().parents or out.resolve() in source.parents:
            raise NotAllowed(f"{out} and the source {root} lie within each other; name another folder with --out")
