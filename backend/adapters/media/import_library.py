"""The media of imports on this machine: read once, recorded by content, never moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import NOT_SHOWN, IndexCache
from backend.adapters.media.probe import not_played_in
from backend.adapters.media.reencode import FALLBACK_RATE, reencode, reencode_pictures
from backend.adapters.media.source_media import (
    is_pictures,
    open_source_media,
    read_image_source,
    read_video_source,
    renamed,
    stamp_of,
    thumbs,
)
from backend.adapters.media.sources.lightning_pose import unpack_frames
from backend.application.imports.model import Reencode, Source, SourceMedia
from backend.application.ports.media import VideoSource
from backend.domain.diversity import medoids
from backend.domain.errors import InvalidInput, MediaError
from backend.domain.selection import DIVERSE_SEED
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class DiskLibrary:
    """The Library port on this machine's disk.

    imported: the folder of files that an import creates: unpacked frames, re-encoded videos. reencode: which videos are
    re-encoded before use. as_video: whether tasks show videos; then folders of images become videos too.
    """

    imported: Path
    records: ImportRecords
    indices: IndexCache
    reencode: Reencode = Reencode.AUTO
    as_video: bool = False
    on_frame: Callable[[], None] = lambda: None

    def add(self, source: Source) -> SourceMedia:
        """See the Library port."""
        if source.path is None:
            raise InvalidInput(f"{source.name} has no file to import")
        path = source.path.resolve()
        stamp = f"{stamp_of(path)}{self._stamp_suffix(path)}"
        known = self.records.medium_at(path, stamp)
        if known is not None and known.path.exists() and (known.path == path or self.reencode is not Reencode.NEVER):
            return renamed(known, source.name)
        medium = self._read(path, source.name)
        self.records.put_medium(medium)
        self.records.put_alias(path, stamp, medium.media_id)
        return medium

    def open(self, medium: SourceMedia) -> VideoSource:
        """The medium's frames. Raises MediaError if the file is missing or was changed."""
        return open_source_media(medium, self.indices)

    def diverse(self, medium: SourceMedia, candidates: Sequence[FrameIndex], number: int) -> tuple[FrameIndex, ...]:
        """See the Library port."""
        with self.open(medium) as video:
            chosen = medoids(thumbs(video, candidates), number, np.random.default_rng(DIVERSE_SEED))
        return tuple(candidates[position] for position in chosen)

    def _read(self, path: Path, name: str) -> SourceMedia:
        if is_pictures(path):
            return self._read_pictures(path, name)
        if path.suffix.lower() == ".zip":
            frames = unpack_frames(path, self.imported)
            return read_image_source(frames.folder, name, numbers=frames.numbers, names=frames.names)
        what = not_played_in(path)
        if self.reencode is Reencode.ALWAYS or (what and self.reencode is Reencode.AUTO):
            return self._copied(path, name, f"re-encoded: browsers do not play {what}" if what else "re-encoded")
        if what:
            raise MediaError(f"{path.name} is {what}, which browsers do not play; leave out --reencode never")
        medium = read_video_source(path, name, self.indices)
        index = self.indices.load(medium.content_hash) if self.as_video else None
        if index is None or not index.inexact:
            return medium
        if self.reencode is Reencode.NEVER:
            return replace(medium, note=f"{NOT_SHOWN} because of {index.inexact}; leave out --reencode never")
        return self._copied(path, name, f"re-encoded: {NOT_SHOWN} because of {index.inexact}")

    def _copied(self, path: Path, name: str, note: str) -> SourceMedia:
        copy = reencode(path, self.imported, on_frame=self.on_frame)
        medium = read_video_source(copy.path, name, self.indices)
        undecodable = self.indices.undecodable(medium.content_hash)
        for frame in copy.undecodable:
            undecodable.add(frame)
        return replace(medium, note=note)

    def _read_pictures(self, path: Path, name: str) -> SourceMedia:
        medium = read_image_source(path, name)
        what = "pictures, in the order of their names," if path.is_dir() else f"pages of {path.name}"
        pictures = f"{medium.frame_count} {what} are the frames of one video"
        if not self.as_video or self.reencode is Reencode.NEVER:
            return replace(medium, note=pictures)
        with self.open(medium) as video:
            copy = reencode_pictures(path, video, self.imported, on_frame=self.on_frame)
        return replace(read_video_source(copy.path, name, self.indices), note=f"{pictures}, {FALLBACK_RATE} a second")

    def _stamp_suffix(self, path: Path) -> str:
        if is_pictures(path):
            return "-video" if self.as_video and self.reencode is not Reencode.NEVER else ""
        if self.reencode is Reencode.ALWAYS:
            return "-re"
        if not self.as_video:
            return ""
        return "-video" if self.reencode is not Reencode.NEVER else "-never"
