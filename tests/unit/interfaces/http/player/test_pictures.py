"""Pictures of frames in the player: the engine's own frames, made once and kept by browsers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.cache import MediaCache, file_hash
from backend.adapters.media.decode import open_video
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import CachedMedia
from backend.adapters.media.serving.addresses import Signer
from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.adapters.media.serving.service import MediaService
from backend.application.ports.media import VideoSource
from backend.domain.errors import MediaUnreachable
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from backend.interfaces.page_process import OpenVideos
from tests.fakes.clips import ClipSpec, number_of, numbered_frame, write_clip
from tests.fakes.clock import FakeClock
from tests.fakes.engine import FakeMedia
from tests.fakes.web import FRAMES, TestClient
from tests.unit.interfaces.http.player.builders import TASK, PlayerWeb

VIDEO = MediaRef(("/data/clip.mp4",), is_pages=False)


class InProcessPageDecoder(PageDecoder):
    """What the child does, without a child; counts."""

    def __init__(self, videos: OpenVideos) -> None:
        super().__init__()
        self.asked: list[int] = []
        self._videos = videos
        self.prepared = 0

    def prepare(self) -> None:
        self.prepared += 1

    def picture(self, media: MediaRef, content_hash: str, frame: int) -> bytes:
        self.asked.append(frame)
        return self._videos.picture(media, content_hash, frame)


@dataclass
class MediaOfAnyTask:
    """A TaskMediaLibrary that checks no task."""

    library: CachedMedia

    def open(
        self, media: MediaRef, *, task: TaskKey | None, frames: Collection[FrameIndex] | None = None
    ) -> VideoSource:
        return self.library.open(media, frames=frames)


class Setup:
    """A player of the media in a cache, as a worker has fetched them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = MediaCache(root / "media", 10**8)
        self.indices = IndexCache(root / "indices")
        self.clip = write_clip(root / "clip.mp4", ClipSpec(frame_count=30))
        self.fetch("/data/clip.mp4", self.clip)
        clock = FakeClock()
        self.library = CachedMedia(None, self.cache, self.indices, clock)
        self.library._checked_s["/data/clip.mp4"] = clock.monotonic_s()
        records = ImportRecords(root / "batches.sqlite")
        self.videos = OpenVideos(records, self.indices, self.library)
        self.page_decoder = InProcessPageDecoder(self.videos)
        service = MediaService(Signer(b"key"), records, self.page_decoder, PageCache(root / "pages", 10**7), clock)
        self.player = PlayerWeb()
        self.player.web.parts = replace(self.player.web.parts, media=service)

    def fetch(self, address: str, path: Path) -> None:
        self.cache.put(address, [path.read_bytes()])

    def opened(self) -> TestClient:
        self.player.web.prewarm_loop._media = MediaOfAnyTask(self.library)
        return self.player.opened()


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def number_in(body: bytes) -> int:
    return number_of(np.asarray(Image.open(BytesIO(body))))


def test_a_picture_is_the_frame_of_its_index(setup: Setup) -> None:
    client = setup.opened()
    for frame in (17, 3, 29):
        reply = client.get(f"{TASK}/frames/{frame}")
        assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")
        assert number_in(reply.content) == frame


def test_a_picture_is_made_once_and_not_sent_twice(setup: Setup) -> None:
    client = setup.opened()
    first = client.get(f"{TASK}/frames/3")
    assert "immutable" in first.headers["cache-control"]
    assert first.headers["etag"] == f'"{file_hash(setup.clip)[:32]}-3"'
    assert client.get(f"{TASK}/frames/3").content == first.content
    again = client.get(f"{TASK}/frames/3", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert setup.page_decoder.asked == [3]


def test_opening_a_task_prepares_the_decoder(setup: Setup) -> None:
    client = setup.opened()
    assert client.get(TASK).status_code == 200
    assert setup.page_decoder.prepared
    assert setup.page_decoder.asked == []


def test_a_frame_past_the_end_is_refused(setup: Setup) -> None:
    reply = setup.opened().get(f"{TASK}/frames/30")
    assert (reply.status_code, reply.headers["content-type"]) == (400, "application/problem+json")


def test_pages_are_pictures_too(setup: Setup) -> None:
    addresses = [f"/data/{number}.png" for number in range(4)]
    for number, address in enumerate(addresses):
        path = setup.root / f"{number}.png"
        Image.fromarray(numbered_frame(number)).save(path)
        setup.fetch(address, path)
        setup.library._checked_s[address] = setup.library._clock.monotonic_s()
    setup.player.reader.config, setup.player.reader.data = FRAMES, {"frames": addresses}
    client = setup.opened()
    assert [number_in(client.get(f"{TASK}/frames/{frame}").content) for frame in (2, 0, 3)] == [2, 0, 3]


def test_a_video_that_was_replaced_is_not_shown(tmp_path: Path) -> None:
    clips = [write_clip(tmp_path / f"{count}.mp4", ClipSpec(frame_count=count)) for count in (10, 20)]
    library = FakeMedia(video=open_video(clips[0], file_hash(clips[0])))  # type: ignore[arg-type]
    videos = OpenVideos(ImportRecords(tmp_path / "batches.sqlite"), IndexCache(tmp_path / "indices"), library)
    assert videos.picture(VIDEO, file_hash(clips[0]), 5)
    with pytest.raises(MediaUnreachable, match="the video was replaced"):
        videos.picture(VIDEO, file_hash(clips[1]), 5)
    library.video = open_video(clips[1], file_hash(clips[1]))  # type: ignore[assignment]
    assert videos.picture(VIDEO, file_hash(clips[1]), 15)
