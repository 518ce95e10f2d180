"""What Masklet shows the engine, and the regions that it writes for Label Studio's page."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.media.cache import MediaCache
from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import CachedMedia
from backend.adapters.media.serving.addresses import NEVER
from backend.adapters.media.serving.placement import BackendPlacement
from backend.adapters.media.sources.sources import expand
from backend.adapters.media.undecodable import undecodable_in
from backend.application.imports.model import ImportMode, Reencode, SourceMedia, TaskDraft
from backend.bootstrap.container import Container
from backend.bootstrap.media import open_own_media
from backend.codecs.coco_rle import encode_mask
from backend.domain.geometry import RgbFrame
from backend.domain.masklets import NO_EVIDENCE, Masklet, MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex, FrameRange, VideoInfo
from backend.interfaces.cli.status import undecodable_line
from scripts.benchmarks.input_set.painted import Reading, read

CACHE_BYTES = 2**30
VIDEO_CONFIG = """<View><Video name="video" value="$video" framerate="{rate}"/>
<VideoRectangle name="box" toName="video"/>
<Labels name="label" toName="video"><Label value="marker"/></Labels></View>"""
PAGES_CONFIG = """<View><Image name="image" valueList="$frames"/>
<BrushLabels name="brush" toName="image"><Label value="marker"/></BrushLabels></View>"""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """The frames of a task's media as the engine gets them. readings: of each frame; None: no painted picture.

    unread: the pictures of frames without a reading. warning: what the worker's log says about the file.
    """

    info: VideoInfo
    readings: tuple[Reading | None, ...]
    unread: Mapping[int, RgbFrame]
    warning: str

    @property
    def numbers(self) -> list[int | None]:
        return [_number(reading) for reading in self.readings]


class _Warnings(logging.Handler):
    """Keeps the warnings of a worker's log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.sentences: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.sentences.append(record.getMessage())


class MaskletSide:
    """A worker's media library and an import's, over one data folder. files: of a worker, in Label Studio's place."""

    def __init__(self, container: Container, server_url: str) -> None:
        folder = container.folder
        self._server_url = server_url
        self._signer = container.media_signer
        self._records = container.import_records
        self._imported = folder.imported
        self._folder = folder.indices
        self._indices = IndexCache(folder.indices)
        self._warnings = _Warnings()
        logger = logging.getLogger("backend.adapters.media")
        logger.addHandler(self._warnings)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        client = LabelStudioClient(server_url, "no token")
        own = open_own_media(container)
        self._media = CachedMedia(
            client, MediaCache(folder.media, CACHE_BYTES), self._indices, container.clock, own=own
        )

    def see(self, media: MediaRef) -> Seen:
        """Every frame as the engine gets it, in both directions. Raises MaskletError with Masklet's sentence."""
        self._warnings.sentences.clear()
        with self._media.open(media) as video:
            whole = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
            unread: dict[int, RgbFrame] = {}
            readings: list[Reading | None] = []
            for index, frame in video.frames(whole):
                readings.append(read(frame))
                if readings[-1] is None:
                    unread[index] = frame
            for index, frame in video.frames(whole, backward=True):
                if _number(read(frame)) != _number(readings[index]):
                    readings[index] = None  # which no browser shows
            return Seen(video.info, tuple(readings), unread, "; ".join(self._warnings.sentences))

    def imported(self, path: Path, mode: ImportMode, reencode: Reencode) -> SourceMedia:
        """A file or folder as `masklet import` takes it in. Raises MaskletError with Masklet's sentence."""
        as_video = mode is ImportMode.VIDEO
        library = DiskLibrary(self._imported, self._records, self._indices, reencode=reencode, as_video=as_video)
        (source,) = expand([str(path)])
        return library.add(source)

    def told_by_status(self, medium: SourceMedia) -> str:
        """What `masklet status` says of a medium's frames that do not decode; empty without any."""
        frames = undecodable_in(self._folder, medium.content_hash)
        return undecodable_line(medium.name, frames) if frames else ""

    def task_of(self, medium: SourceMedia, mode: ImportMode) -> MediaRef:
        """The media of the task that an import makes."""
        frames = tuple(FrameIndex(frame) for frame in range(medium.frame_count))
        draft = TaskDraft("key", medium.name, medium, frames)
        addresses = BackendPlacement(self._server_url, self._signer, NEVER).addresses(draft, mode)
        return MediaRef(tuple(addresses), is_pages=mode is not ImportMode.VIDEO)


def regions_of(seen: Seen, *, is_pages: bool) -> list[dict[str, object]]:
    """The regions that Label Studio's page gets for masks on the marker, one for each frame that shows it."""
    frames = tuple(
        MaskletFrame(FrameIndex(index), encode_mask(reading.marker), NO_EVIDENCE, MaskOrigin.PROPAGATED, 0.0)
        for index, reading in enumerate(seen.readings)
        if reading is not None
    )
    run = MaskRun(seen.info, (Masklet(ObjectId("marker"), "marker", frames),))
    config = PAGES_CONFIG if is_pages else VIDEO_CONFIG.format(rate=float(seen.info.frame_rate))
    return build_regions(run, label_config=config, task=TaskKey(1, 1))


def numbers_text(numbers: Sequence[int | None]) -> str:
    """Numbers for a report, "0-15" where they are in a row."""
    known = [number for number in numbers if number is not None]
    if known and list(numbers) == list(range(known[0], known[0] + len(numbers))):
        return f"{known[0]}-{known[-1]}"
    return " ".join("?" if number is None else str(number) for number in numbers)


def _number(reading: Reading | None) -> int | None:
    return None if reading is None else reading.number
