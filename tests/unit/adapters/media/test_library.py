"""The media library: the files that are fetched, and when the server is asked again."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import pytest
from PIL import Image

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.api.downloads import DownloadResult
from backend.adapters.media.cache import MediaCache
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import ASK_AGAIN_S, FRESH_S, CachedMedia
from backend.domain.errors import MediaError, MediaUnreachable, PromptError
from backend.domain.tasks import MediaRef
from backend.domain.video import FrameIndex
from tests.fakes.clips import ClipSpec, write_clip
from tests.fakes.clock import FakeClock

PAGES = MediaRef(tuple(f"/data/{number}.png" for number in range(6)), is_pages=True)


class FakeServer:
    """Pages whose red value is ten times their number; records the requests."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_down = False
        self.bodies = {address: _page(number) for number, address in enumerate(PAGES.addresses)}

    def download(self, address: str, sink: BinaryIO, *, validator: str = "") -> DownloadResult:
        self.asked.append(address)
        if self.is_down:
            raise MediaUnreachable("the server does not answer")
        body = self.bodies[address]
        tag = str(hash(body))
        if validator == tag:
            return DownloadResult(tag, 0, "image/png", unchanged=True)
        sink.write(body)
        return DownloadResult(tag, len(body), "image/png")


def _page(number: int) -> bytes:
    pixels = np.zeros((4, 6, 3), np.uint8)
    pixels[..., 0] = 10 * number
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def server() -> FakeServer:
    return FakeServer()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def library(server: FakeServer, clock: FakeClock, tmp_path: Path) -> CachedMedia:
    client = cast(LabelStudioClient, server)
    return CachedMedia(client, MediaCache(tmp_path / "media", 2**20), IndexCache(tmp_path / "indices"), clock)


def test_a_click_fetches_its_own_pages_only(library: CachedMedia, server: FakeServer) -> None:
    with library.open(PAGES, frames={FrameIndex(4), FrameIndex(1)}) as video:
        assert video.info.frame_count == 6
        assert len(video.timestamps_s) == 6
        assert video.frame(FrameIndex(4))[0, 0].tolist() == [40, 0, 0]
        with pytest.raises(MediaError, match="page 3 was not among the pages"):
            video.frame(FrameIndex(2))
    assert sorted(server.asked) == ["/data/1.png", "/data/4.png"]


def test_a_propagation_fetches_what_is_still_missing(library: CachedMedia, server: FakeServer) -> None:
    library.open(PAGES, frames={FrameIndex(4)}).__exit__(None, None, None)
    with library.open(PAGES) as video:
        reds = [int(video.frame(FrameIndex(index))[0, 0, 0]) for index in range(6)]
    assert reds == [0, 10, 20, 30, 40, 50]
    assert sorted(server.asked) == list(PAGES.addresses)


def test_two_pages_with_equal_content_are_two_frames(library: CachedMedia, server: FakeServer) -> None:
    server.bodies["/data/2.png"] = server.bodies["/data/1.png"]
    with library.open(PAGES, frames={FrameIndex(1)}) as first, library.open(PAGES, frames={FrameIndex(2)}) as second:
        assert first.info.content_hash != second.info.content_hash


def test_a_page_past_the_end_is_named(library: CachedMedia, server: FakeServer) -> None:
    with pytest.raises(PromptError, match=r"frame 6 is not in the task: it has 6 pages \(0 to 5\)"):
        library.open(PAGES, frames={FrameIndex(6)})
    assert server.asked == []


def test_a_page_that_is_no_image_is_named_by_its_own_number(library: CachedMedia, server: FakeServer) -> None:
    server.bodies["/data/4.png"] = b"<html>"
    with pytest.raises(MediaError, match="page 5 is not an image"):
        library.open(PAGES, frames={FrameIndex(4), FrameIndex(1)})


def test_a_replaced_page_is_fetched_after_the_fresh_time(
    library: CachedMedia, server: FakeServer, clock: FakeClock
) -> None:
    def red() -> int:
        with library.open(PAGES, frames={FrameIndex(1)}) as video:
            return int(video.frame(FrameIndex(1))[0, 0, 0])

    assert red() == 10
    server.bodies["/data/1.png"] = server.bodies["/data/5.png"]
    assert red() == 10
    clock.advance(FRESH_S)
    assert red() == 50


def test_without_label_studio_the_missing_setting_is_named(tmp_path: Path, clock: FakeClock) -> None:
    library = CachedMedia(None, MediaCache(tmp_path / "media", 2**20), IndexCache(tmp_path / "indices"), clock)
    with pytest.raises(MediaUnreachable, match="LABEL_STUDIO_URL"):
        library.open(PAGES)


def test_cached_media_are_used_while_their_server_does_not_answer(
    library: CachedMedia, server: FakeServer, clock: FakeClock
) -> None:
    def open_page() -> None:
        library.open(PAGES, frames={FrameIndex(1)}).__exit__(None, None, None)

    open_page()
    server.is_down = True
    clock.advance(FRESH_S)
    open_page()
    open_page()
    assert len(server.asked) == 2
    clock.advance(ASK_AGAIN_S)
    open_page()
    assert len(server.asked) == 3


@pytest.mark.parametrize("content", [b"", b"<html>", b"\0" * 99], ids=["empty", "a web page", "zeros"])
def test_an_error_about_a_fetched_video_names_it(library: CachedMedia, server: FakeServer, content: bytes) -> None:
    server.bodies["/data/b%20c.mp4?d=1"] = content
    with pytest.raises(MediaError, match=r"^b c\.mp4 "):
        library.open(MediaRef(("/data/b%20c.mp4?d=1",), is_pages=False))


def test_a_video_that_browsers_do_not_show_exactly_is_told_of_once(
    library: CachedMedia, server: FakeServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spec = ClipSpec(codec="libvpx", rate=Fraction(1000), frame_count=4, times=[0, 100, 130, 330])
    server.bodies["/data/b.webm"] = write_clip(tmp_path / "b.webm", spec).read_bytes()
    for _ in range(2):
        library.open(MediaRef(("/data/b.webm",), is_pages=False)).__exit__(None, None, None)
    (record,) = caplog.records
    assert record.getMessage() == (
        "b.webm has a variable frame rate in WebM/Matroska, because of which browsers do not show every frame in its "
        "place; make a copy that all browsers play: masklet reencode IN --out OUT.mp4"
    )


def test_after_a_fetch_opening_asks_no_server(library: CachedMedia, server: FakeServer) -> None:
    fetch = library.fetch(PAGES, frames={FrameIndex(1)})
    assert fetch.wait(60)
    fetch.raise_error()
    asked = list(server.asked)
    library.open(PAGES, frames={FrameIndex(1)}).__exit__(None, None, None)
    assert (server.asked, asked) == (asked, ["/data/1.png"])
    assert library.fetch(PAGES, frames={FrameIndex(1)}).is_done
