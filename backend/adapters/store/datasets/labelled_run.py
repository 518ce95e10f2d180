"""A committed run of the mask store, read back as a labelled video, one frame at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from backend.adapters.store.datasets.labelled import OpenPictures, no_pictures, object_on_frame
from backend.adapters.store.datasets.offsets import Located, OffsetIndex
from backend.adapters.store.masks.codec import load_frame, load_header
from backend.adapters.store.masks.files import Contents, complete_contents_of, read_chunks, read_header
from backend.adapters.store.objects.objects import Objects
from backend.application.ports.datasets import ManifestEntry
from backend.application.ports.media import VideoSource
from backend.domain.datasets import DatasetFrame, DatasetObject, LabelledMask, with_label_colors
from backend.domain.errors import NotFound
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
        read_chunk: Callable[[int], bytes],
        *,
        verdicts: MaskVerdicts,
        provenance: ManifestEntry,
        open_pictures: OpenPictures,
    ) -> None:
        self._video = video
        self._objects = objects
        self._index = index
        self._body = lru_cache(maxsize=KEPT_CHUNKS)(read_chunk)
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
    objects: Objects,
    name: str,
    *,
    verdicts: MaskVerdicts | None = None,
    provenance: ManifestEntry | None = None,
    open_pictures: OpenPictures = no_pictures,
    colors: Mapping[str, str] | None = None,
) -> Iterator[LabelledRun]:
    """objects: of the mask store. name: of the run. colors: of the labels, #rrggbb.

    Raises NotFound if it was not committed, IntegrityError if damaged.
    """
    contents = complete_contents_of(objects, name)
    header = read_header(objects, contents)
    if header is None:
        raise NotFound(f"no masks are stored under {name!r}")
    video, labels = load_header(name, header)
    numbered = (DatasetObject(number, *entry) for number, entry in enumerate(labels.items(), 1))
    labelled = with_label_colors(numbered, colors or {})
    numbers = {item.object_id: item.number - 1 for item in labelled}
    index = OffsetIndex()
    for position, (_, body) in enumerate(read_chunks(objects, contents, contents.chunks)):
        start = 0
        for line in body.splitlines(keepends=True):
            object_id, frame = load_frame(line)
            index.add(frame.frame_index, Located(numbers[object_id], position, start, len(line)))
            start += len(line)

    def read_chunk(position: int) -> bytes:
        ((_, body),) = read_chunks(objects, contents, contents.chunks[position : position + 1])
        return body

    yield LabelledRun(
        video,
        labelled,
        index,
        read_chunk,
        verdicts=verdicts or MaskVerdicts(),
        provenance={**(provenance or {}), "masks_run": name, "masks_sha256": _digest(header, contents)},
        open_pictures=open_pictures,
    )


def _digest(header: bytes, contents: Contents) -> str:
    """Of a complete run: the same masks of the same video have the same one, wherever they are stored."""
    digest = sha256(header)
    for chunk in contents.chunks:
        digest.update((contents.hashes or {})[chunk].encode())
    return digest.hexdigest()
