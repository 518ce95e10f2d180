"""The media of imports on this machine: read once, recorded by content, never moved."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.reencode import Reencoded, reencode
from backend.adapters.media.source_media import (
    open_source_media,
    read_image_source,
    read_video_source,
    renamed,
    stamp_of,
    thumbs,
)
from backend.adapters.media.sources.lightning_pose import unpack_frames
from backend.application.imports.model import Source, SourceMedia
from backend.application.ports.media import VideoSource
from backend.domain.diversity import medoids
from backend.domain.errors import InvalidInput
from backend.domain.selection import DIVERSE_SEED
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class DiskLibrary:
    """The Library port on this machine's disk.

    imported: the folder of files that an import creates: unpacked frames, re-encoded videos. reencodes: whether videos
    are re-encoded before use.
    """

    imported: Path
    records: ImportRecords
    indices: IndexCache
    reencodes: bool = False
    on_frame: Callable[[], None] = lambda: None

    def add(self, source: Source) -> SourceMedia:
        """See the Library port."""
        if source.path is None:
            raise InvalidInput(f"{source.name} has no file to import")
        path = source.path.resolve()
        stamp = f"{stamp_of(path)}{'-re' if self.reencodes and path.is_file() else ''}"
        known = self.records.medium_at(path, stamp)
        if known is not None and known.path.exists():
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
        if path.is_dir():
            return read_image_source(path, name)
        if path.suffix.lower() == ".zip":
            frames = unpack_frames(path, self.imported)
            return read_image_source(frames.folder, name, numbers=frames.numbers, names=frames.names)
        if self.reencodes:
            reencoded: Reencoded = reencode(path, self.imported, on_frame=self.on_frame)
            medium = read_video_source(reencoded.path, name, self.indices)
            undecodable = self.indices.undecodable(medium.content_hash)
            for frame in reencoded.undecodable:
                undecodable.add(frame)
            return medium
        return read_video_source(path, name, self.indices)
