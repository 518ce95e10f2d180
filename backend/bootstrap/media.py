"""Wiring of media: the library of a worker, media that Masklet serves."""

from __future__ import annotations

from backend.adapters.media.cache import MediaCache
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import GIB, CachedMedia
from backend.adapters.media.serving.own_media import OwnMedia
from backend.bootstrap.container import Container


def open_media_library(container: Container) -> CachedMedia:
    """The media library of a worker process."""
    folder = container.folder
    return CachedMedia(
        container.label_studio,
        MediaCache(folder.media, int(container.settings.media_max_gib * GIB)),
        IndexCache(folder.indices),
        container.clock,
        own=open_own_media(container),
    )


def open_own_media(container: Container) -> OwnMedia:
    """Those of the settings' data folder."""
    folder = container.folder
    return OwnMedia(container.media_signer, container.import_records, IndexCache(folder.indices), container.clock)
