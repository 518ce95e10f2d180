"""Folders of `masklet propagate`, read back as labelled videos.

masklets.json is scanned once for the position of each mask; a mask is read with its frame. The memory in use does not
grow with the number of masks, except for 40 bytes per mask.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from io import BufferedReader
from pathlib import Path
from typing import cast

from backend.adapters.store.datasets.json_scan import JsonScanner
from backend.adapters.store.datasets.labelled import OpenPictures, no_pictures, object_on_frame
from backend.adapters.store.datasets.offsets import Located, OffsetIndex
from backend.application.ports.datasets import DatasetEntry, ManifestEntry
from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.geometry import FrameSize
from backend.domain.masklets import EncodedMask, MaskOrigin
from backend.domain.prompts import ObjectId
from backend.domain.video import ContentHash, FrameIndex, VideoInfo

MASKLETS, SUMMARY = "masklets.json", "summary.json"


class FolderSource:
    """A DatasetSource over folders, searched recursively, in the order of their paths."""

    def __init__(self, roots: Sequence[Path], open_pictures: OpenPictures = no_pictures) -> None:
        self._roots = roots
        self._open_pictures = open_pictures
        self._folders: dict[str, Path] = {}

    @property
    def record(self) -> ManifestEntry:
        return {"kind": "folder", "names": [root.absolute().name for root in self._roots]}

    def entries(self) -> Sequence[DatasetEntry]:
        """Raises NotFound if a root has no masks, IntegrityError if a folder is damaged."""
        for root in self._roots:
            folders = sorted(path.parent for path in root.rglob(MASKLETS) if path.is_file())
            if not folders:
                raise NotFound(f"{root} has no {MASKLETS} in it; name a folder that `masklet propagate` made")
            for folder in folders:
                if folder not in self._folders.values():
                    self._folders[_key_of(folder, root, used=self._folders)] = folder
        return tuple(DatasetEntry(key, _name_of(folder)) for key, folder in self._folders.items())

    def labels(self) -> Sequence[str]:
        """None: a folder has the labels of its own prompts."""
        return ()

    @contextmanager
    def open(self, entry: DatasetEntry) -> Iterator[LabelledFolder]:
        """Raises IntegrityError if the folder's files are not of the form that `masklet propagate` writes."""
        folder = self._folders[entry.key]
        path = folder / MASKLETS
        with path.open("rb") as file:
            try:
                outline = _read_outline(file)
            except (ValueError, KeyError, TypeError, AttributeError, ZeroDivisionError) as error:
                raise IntegrityError(f"{path} is damaged: {error}; propagate again") from error
            yield LabelledFolder(folder, file, outline, self._open_pictures)


@dataclass(slots=True)
class _Outline:
    """masklets.json without its masks."""

    video: VideoInfo
    model: str
    objects: tuple[DatasetObject, ...]
    index: OffsetIndex
    sha256: str


class LabelledFolder:
    """A DatasetVideo; made by FolderSource.open."""

    def __init__(self, folder: Path, file: BufferedReader, outline: _Outline, open_pictures: OpenPictures) -> None:
        self._folder = folder
        self._file = file
        self._outline = outline
        self._summary = _summary(folder)
        self._open_pictures = open_pictures

    @property
    def info(self) -> VideoInfo:
        return self._outline.video

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return self._outline.objects

    @property
    def provenance(self) -> ManifestEntry:
        return {
            "kind": "propagation",
            "model": self._outline.model,
            "video": self._summary.get("video"),
            "prompts": self._summary.get("prompts"),
            "masklets_sha256": self._outline.sha256,
        }

    @property
    def verdicts(self) -> None:
        """A folder is of no task, and verdicts are on tasks."""
        return

    @property
    def not_exported(self) -> Mapping[str, int]:
        """A folder has masks only."""
        return {}

    @property
    def task(self) -> None:
        return None

    def frames(self) -> Iterator[DatasetFrame]:
        """Raises IntegrityError naming the mask that is damaged."""
        for frame_index, places in self._outline.index.by_frame():
            if frame_index >= self.info.frame_count:
                raise IntegrityError(
                    f"{self._folder / MASKLETS} has a mask for frame {frame_index} of a video of "
                    f"{self.info.frame_count} frames; propagate again"
                )
            yield DatasetFrame(FrameIndex(frame_index), tuple(self._mask(frame_index, place) for place in places))

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        path = self._summary.get("video_path") or self._summary.get("video")
        return self._open_pictures(Path(path if isinstance(path, str) else ""), self.info)

    def _mask(self, frame_index: int, place: Located) -> LabelledMask:
        item = self.objects[place.object_index]
        try:
            self._file.seek(place.start)
            record = json.loads(self._file.read(place.length))
            size, counts = record["segmentation"]["size"], record["segmentation"]["counts"]
            mask = EncodedMask(int(size[0]), int(size[1]), str(counts))
            origin, uncertainty = MaskOrigin(record["origin"]), float(record["uncertainty"])
            is_held = bool(record.get("undecodable", False))
            return object_on_frame(
                item, mask, origin=origin, uncertainty=uncertainty, video=self.info, undecodable=is_held
            )
        except (ValueError, KeyError, TypeError, IndexError, IntegrityError) as error:
            raise IntegrityError(f"{self._folder / MASKLETS}, frame {frame_index}: {error}; propagate again") from error


def _read_outline(file: BufferedReader) -> _Outline:
    digest = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    scanner = JsonScanner(file)
    video: VideoInfo | None = None
    model, objects, index = "", list[DatasetObject](), OffsetIndex()
    for name in scanner.members():
        if name == "masklets":
            for _ in scanner.items():
                objects.append(_read_masklet(scanner, len(objects), index))
            continue
        value = scanner.take().value
        if name == "video":
            video = _video_of(cast(Mapping[str, object], value))
        elif name == "model":
            model = str(value)
    if video is None:
        raise ValueError("it has no entry 'video'")
    return _Outline(video, model, tuple(objects), index, digest)


def _read_masklet(scanner: JsonScanner, position: int, index: OffsetIndex) -> DatasetObject:
    fields: dict[str, object] = {}
    for name in scanner.members():
        if name != "frames":
            fields[name] = scanner.take().value
            continue
        for _ in scanner.items():
            placed = scanner.take()
            frame = cast(Mapping[str, object], placed.value)["frame"]
            if not isinstance(frame, int) or frame < 0:
                raise ValueError(f"{frame!r} is not a frame index")
            index.add(frame, Located(position, 0, placed.start, placed.stop - placed.start))
    object_id = str(fields["id"])
    return DatasetObject(position + 1, ObjectId(object_id), str(fields.get("label", object_id)))


def _video_of(fields: Mapping[str, object]) -> VideoInfo:
    width, height, count = (int(cast(int, fields[name])) for name in ("width", "height", "frame_count"))
    rate = Fraction(cast(float, fields["frame_rate"])).limit_denominator(100_000)
    if rate <= 0:
        raise ValueError(f"the frame rate is {rate}")
    return VideoInfo(ContentHash(str(fields["sha256"])), FrameSize(width, height), count, rate)


def _summary(folder: Path) -> Mapping[str, object]:
    try:
        summary = json.loads((folder / SUMMARY).read_bytes())
    except (OSError, ValueError):
        return {}
    return summary if isinstance(summary, dict) else {}


def _key_of(folder: Path, root: Path, *, used: Mapping[str, Path]) -> str:
    """The folder's path below the parent of its root: independent of where the root is.

    Roots of the same name get distinct keys by a suffix of `+`.
    """
    key = (Path(root.absolute().name) / folder.relative_to(root)).as_posix()
    while key in used:
        key += "+"
    return key


def _name_of(folder: Path) -> str:
    """The video's name without its suffix; the folder's name if the summary has no video."""
    video = _summary(folder).get("video")
    return Path(video).stem if isinstance(video, str) and video else folder.absolute().name
