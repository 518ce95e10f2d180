"""Wiring of media: the library of a worker, media that Masklet serves."""

from __future__ import annotations

from backend.adapters.media.cache import MediaCache
from backend.adapters.media.import_records import Records
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import GIB, CachedMedia
from backend.adapters.media.serving.addresses import open_signer
from backend.adapters.media.serving.own_media import OwnMedia
from backend.bootstrap.container import SystemClock, data_folder, open_label_studio
from backend.settings import Settings


def open_media_library(settings: Settings) -> CachedMedia:
    """The media library of a worker process."""
    folder = data_folder(settings)
    return CachedMedia(
        open_label_studio(settings),
        MediaCache(folder.media, int(settings.media_max_gib * GIB)),
        IndexCache(folder.indices),
        SystemClock(),
        own=open_own_media(settings),
    )


def open_own_media(settings: Settings) -> OwnMedia:
    """Those of the settings' data folder."""
    folder = data_folder(settings)
    return OwnMedia(open_signer(folder.media_key), Records(folder.records), IndexCache(folder.indices), SystemClock())
