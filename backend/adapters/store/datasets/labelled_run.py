"""A committed run of the mask store, read back as a labelled video, one frame at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from backend.adapters.store.datasets.labelled import OpenPictures, no_pictures, object_on_frame
from backend.adapters.store.datasets.offsets import Located, OffsetIndex
from backend.adapters.store.masks.codec import load_frame, load_header
from backend.adapters.store.masks.files import HEADER, MANIFEST
from backend.application.ports.datasets import ManifestEntry
from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask, with_label_colors
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import FrameIndex, VideoInfo

KEPT_CHUNKS = 4


class LabelledRun:
    """A DatasetVideo; made by `open_run`."""

    def __init__(
        self,
        video: VideoInfo,
        objects: tuple[DatasetObject, ...],
        index: OffsetIndex,
        chunks: list[Path],
        *,
        verdicts: MaskVerdicts,
        provenance: ManifestEntry,
        open_pictures: OpenPictures,
    ) -> None:
        self._video = video
        self._objects = objects
        self._index = index
        self._chunks = chunks
        self._body = lru_cache(maxsize=KEPT_CHUNKS)(self._read)
        self._verdicts = verdicts
        self._provenance = provenance
        self._open_pictures = open_pictures

    @property
    def info(self) -> VideoInfo:
        return self._video

    @property
    def objects(self) -> tuple[DatasetObject, ...]:
        return self._objects

    @property
    def provenance(self) -> ManifestEntry:
        return self._provenance

    @property
    def verdicts(self) -> MaskVerdicts:
        return self._verdicts

    @property
    def not_exported(self) -> Mapping[str, int]:
        """A run has masks only."""
        return {}

    @property
    def task(self) -> None:
        return None

    def frames(self) -> Iterator[DatasetFrame]:
        for frame_index, places in self._index.by_frame():
            yield DatasetFrame(FrameIndex(frame_index), tuple(self._mask(place) for place in places))

    def pictures(self) -> AbstractContextManager[VideoSource] | None:
        return self._open_pictures(Path(), self._video)

    def _read(self, file_index: int) -> bytes:
        return self._chunks[file_index].read_bytes()

    def _mask(self, place: Located) -> LabelledMask:
        body = self._body(place.file_index)
        _, frame = load_frame(body[place.start : place.start + place.length])
        return object_on_frame(
            self._objects[place.object_index],
            frame.mask,
            origin=frame.origin,
            uncertainty=frame.uncertainty,
            video=self._video,
            undecodable=frame.undecodable,
        )


@contextmanager
def open_run(
    folder: Path,
    *,
    verdicts: MaskVerdicts | None = None,
    provenance: ManifestEntry | None = None,
    open_pictures: OpenPictures = no_pictures,
    colors: Mapping[str, str] | None = None,
) -> Iterator[LabelledRun]:
    """folder: of the run in the mask store. colors: of the labels, #rrggbb.

    Raises NotFound if it was not committed, IntegrityError if damaged.
    """
    try:
        hashes: dict[str, str] = json.loads((folder / MANIFEST).read_bytes())
        header = (folder / HEADER).read_bytes()
    except FileNotFoundError:
        raise NotFound(f"no masks are stored under {folder.name!r}") from None
    except ValueError as error:
        raise IntegrityError(f"the manifest of run {folder.name!r} is damaged; run the job again") from error
    video, labels = load_header(folder.name, header)
    numbered = (DatasetObject(number, *entry) for number, entry in enumerate(labels.items(), 1))
    objects = with_label_colors(numbered, colors or {})
    numbers = {item.object_id: item.number - 1 for item in objects}
    index = OffsetIndex()
    digest = sha256(header)
    for position, (name, expected) in enumerate(sorted(hashes.items())):
        digest.update(expected.encode())
        start = 0
        for line in _chunk(folder, name, expected).splitlines(keepends=True):
            object_id, frame = load_frame(line)
            index.add(frame.frame_index, Located(numbers[object_id], position, start, len(line)))
            start += len(line)
    record = {**(provenance or {}), "masks_run": folder.name, "masks_sha256": digest.hexdigest()}
    chunks = [folder / name for name in sorted(hashes)]
    yield LabelledRun(
        video,
        objects,
        index,
        chunks,
        verdicts=verdicts or MaskVerdicts(),
        provenance=record,
        open_pictures=open_pictures,
    )


def _chunk(folder: Path, name: str, expected: str) -> bytes:
    try:
        body = (folder / name).read_bytes()
    except FileNotFoundError:
        raise IntegrityError(f"run {folder.name!r} misses its file {name}; run the job again") from None
    if sha256(body).hexdigest() != expected:
        raise IntegrityError(f"file {name} of run {folder.name!r} is damaged; run the job again")
    return body
