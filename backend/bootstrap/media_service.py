"""Wiring of the media that the web process serves."""

from __future__ import annotations

from backend.adapters.machine.clocks import WallClock
from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.adapters.media.serving.service import MediaService
from backend.bootstrap.container import Container


def open_media_service(container: Container) -> MediaService:
    """The media service of a web process; starts nothing before the first page is asked for."""
    folder = container.folder
    cache = PageCache(folder.pages, container.settings.page_cache_mib * 2**20)
    return MediaService(container.media_signer, container.import_records, PageDecoder(), cache, WallClock())
