"""Pages of an imported video, opened by a worker: on the host that has the file, and on another one."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.media.cache import MediaCache
from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import CachedMedia
from backend.adapters.media.serving.addresses import Signer, page_leaf
from backend.adapters.media.serving.own_media import OwnMedia
from backend.application.imports.model import Source
from backend.domain.geometry import RgbFrame
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex, FrameRange
from tests.fakes.clips import ClipSpec, write_clip
from tests.fakes.clock import FakeClock
from tests.unit.adapters.media.test_library import FakeServer

SHOWN = (1, 3, 4)
SIGNER = Signer(b"key")


def frames_of(library: CachedMedia, media: MediaRef) -> tuple[str, list[RgbFrame]]:
    """The content hash and the frames."""
    with library.open(media) as video:
        whole = FrameRange(FrameIndex(0), FrameIndex(video.info.frame_count))
        return video.info.content_hash, [frame.copy() for _, frame in video.frames(whole)]


def library_in(root: Path, records: ImportRecords, server: FakeServer) -> CachedMedia:
    """A worker's on a host with this folder."""
    indices, clock = IndexCache(root / "indices"), FakeClock()
    own = OwnMedia(SIGNER, records, indices, clock)
    client = cast(LabelStudioClient, server)
    return CachedMedia(client, MediaCache(root / "media", 2**20), indices, clock, own=own)


@pytest.mark.parametrize("signature_ends", [0, 1])
def test_another_host_fetches_the_video_once_and_has_the_same_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signature_ends: int
) -> None:
    clip, server = write_clip(tmp_path / "a.mp4", ClipSpec(frame_count=6)), FakeServer()
    records = ImportRecords(tmp_path / "r.sqlite", tmp_path / "indices")
    # As with PostgreSQL, which several hosts share.
    monkeypatch.setattr(ImportRecords, "is_elsewhere", lambda self, medium: not medium.path.exists())
    medium = DiskLibrary(tmp_path / "out", records, IndexCache(tmp_path / "indices")).add(Source("a.mp4", clip))
    paths = [SIGNER.path(medium.media_id, page_leaf(page), until_s=signature_ends) for page in SHOWN]
    media = MediaRef(tuple(f"http://web:9090{path}" for path in paths), is_pages=True)
    here = frames_of(library_in(tmp_path / "importer", records, server), media)
    assert not server.asked

    whole = f"{media.addresses[0].rpartition('/')[0]}/video.mp4"
    server.bodies[whole] = clip.read_bytes()
    clip.rename(tmp_path / "not here.mp4")
    elsewhere = library_in(tmp_path / "worker", records, server)
    assert elsewhere.fetch(media).wait(60.0)
    there = frames_of(elsewhere, media)
    assert server.asked == [whole]
    assert there[0] == here[0]
    assert np.array_equal(np.stack(there[1]), np.stack(here[1]))
