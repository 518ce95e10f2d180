"""Wiring of media: the library of a worker, media that Masklet serves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from backend.adapters.labelstudio.api.task_media import TaskMedia
from backend.adapters.media.cache import MediaCache
from backend.adapters.media.decoder_pool import DecoderPool
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import GIB, CachedMedia
from backend.adapters.media.quarantine import Quarantine
from backend.adapters.media.serving.own_media import OwnMedia
from backend.application.crowd.routing.steps import is_routed
from backend.application.ports.media import TaskMediaLibrary
from backend.application.review.correction_tasks import corrected_by
from backend.bootstrap.container import Container
from backend.domain.errors import MaskletError


def open_media_library(container: Container) -> CachedMedia:
    """The media library of a process that serves: a decoder starts before the first video is opened."""
    decoders = _open_decoders(container)
    decoders.prepare()
    return _library(container, decoders)


@contextmanager
def media_library(container: Container) -> Iterator[CachedMedia]:
    """The media library of a command. Its decoders start at their first use and end with the block."""
    with closing(_open_decoders(container)) as decoders:
        yield _library(container, decoders)


def _open_decoders(container: Container) -> DecoderPool:
    return DecoderPool(open_quarantine(container), container.folder.indices)


def _library(container: Container, decoders: DecoderPool) -> CachedMedia:
    folder = container.folder
    return CachedMedia(
        container.label_studio,
        MediaCache(folder.media, int(container.settings.media_max_gib * GIB)),
        IndexCache(folder.indices),
        container.clock,
        own=open_own_media(container, decoders),
        decoders=decoders,
    )


def open_task_media(container: Container) -> TaskMediaLibrary:
    """The media library of a worker."""
    return task_media(container, open_media_library(container))


def task_media(container: Container, library: CachedMedia) -> TaskMediaLibrary:
    """A media library for jobs: Label Studio's own files are opened for the tasks that have them."""
    signer = container.task_signer

    def is_own_task(project_id: int, data: Mapping[str, object]) -> bool:
        try:
            return is_routed(signer, project_id, data) or corrected_by(data, project_id, signer) is not None
        except MaskletError:
            return False

    client = container.label_studio
    return TaskMedia(library, client, container.key_values, is_own_task)


def open_quarantine(container: Container) -> Quarantine:
    """The files that killed a decoder."""
    return Quarantine(container.key_values, container.clock.now_s)


def open_own_media(container: Container, decoders: DecoderPool | None = None) -> OwnMedia:
    """Those of the settings' data folder."""
    folder = container.folder
    return OwnMedia(
        container.media_signer, container.import_records, IndexCache(folder.indices), container.clock, decoders
    )
