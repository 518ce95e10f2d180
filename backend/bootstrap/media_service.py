"""Wiring of the media that the web process serves."""

from __future__ import annotations

from backend.adapters.media.import_records import Records
from backend.adapters.media.serving.addresses import open_signer
from backend.adapters.media.serving.page_cache import PageCache, PageCutter
from backend.adapters.media.serving.service import MediaService
from backend.bootstrap.container import SystemClock, data_folder
from backend.settings import Settings


def open_media_service(settings: Settings) -> MediaService:
    """The media service of a web process; starts nothing before the first page is asked for."""
    folder = data_folder(settings)
    cache = PageCache(folder.pages, settings.page_cache_mib * 2**20)
    return MediaService(open_signer(folder.media_key), Records(folder.records), PageCutter(), cache, SystemClock())
