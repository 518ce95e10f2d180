"""Media for browsers: access, caching, and the worker's use of the same addresses."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from backend.adapters.media.import_library import DiskLibrary
from backend.adapters.media.import_records import ImportRecords
from backend.adapters.media.index import IndexCache
from backend.adapters.media.serving.addresses import Signer, page_leaf
from backend.adapters.media.serving.own_media import OwnMedia
from backend.adapters.media.serving.page_cache import PageCache, PageDecoder
from backend.adapters.media.serving.service import MediaService
from backend.application.imports.model import BatchItem, Source, SourceMedia
from backend.application.review.object_pictures import PicturedObject
from backend.bootstrap.web import WebSettings
from backend.domain.errors import MediaError, NotFound, PromptError
from backend.domain.prompts import ObjectId
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex, FrameRange
from backend.interfaces.page_process import OpenVideos
from tests.fakes.clips import ClipSpec, number_of, write_clip
from tests.fakes.clock import FakeClock
from tests.fakes.web import FakeWeb, TestClient

SIGNER = Signer(b"key")


class InProcessPageDecoder(PageDecoder):
    """Cuts pages without a child process; records the frames."""

    def __init__(self, videos: OpenVideos) -> None:
        super().__init__()
        self.asked: list[int] = []
        self._videos = videos

    def page(self, media_id: str, frame: int) -> bytes:
        self.asked.append(frame)
        return self._videos.page(media_id, frame)


class MediaSetup:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.records = ImportRecords(root / "batches.sqlite")
        self.indices = IndexCache(root / "indices")
        self.library = DiskLibrary(root / "imported", self.records, self.indices)
        self.clip = write_clip(root / "clip ü.mp4", ClipSpec(frame_count=30))
        self.page_decoder = InProcessPageDecoder(OpenVideos(self.records, self.indices))
        self.clock = FakeClock()
        service = MediaService(SIGNER, self.records, self.page_decoder, PageCache(root / "pages", 10**6), self.clock)
        web = FakeWeb(settings=WebSettings(user="u", password="p"))
        web.parts = replace(web.parts, media=service)
        self.web = web

    def client(self) -> TestClient:
        return self.web.client()

    def add(self, path: Path | None = None) -> SourceMedia:
        return self.library.add(Source("clip", path or self.clip))

    def own(self) -> OwnMedia:
        return OwnMedia(SIGNER, self.records, self.indices, self.clock)

    def address(self, medium: SourceMedia, leaf: str, *, until_s: int = 0) -> str:
        return SIGNER.path(medium.media_id, leaf, until_s=until_s)


@pytest.fixture
def setup(tmp_path: Path) -> MediaSetup:
    return MediaSetup(tmp_path)


def test_a_page_address_is_a_frame_and_needs_no_login(setup: MediaSetup) -> None:
    reply = setup.client().get(setup.address(setup.add(), page_leaf(17)))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")
    assert number_of(np.asarray(Image.open(BytesIO(reply.content)))) == 17
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert reply.headers["cross-origin-resource-policy"] == "cross-origin"


def test_a_page_is_cut_once_and_an_unchanged_one_is_not_sent(setup: MediaSetup) -> None:
    client, address = setup.client(), setup.address(setup.add(), page_leaf(3))
    first = client.get(address)
    assert client.get(address).content == first.content
    again = client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert setup.page_decoder.asked == [3]


@pytest.mark.parametrize(("suffix", "largest"), [(".tif", 255), (".tif", 4095), (".tif", 65535), (".png", 4095)])
def test_a_picture_that_browsers_do_not_show_is_served_as_a_jpeg(setup: MediaSetup, suffix: str, largest: int) -> None:
    folder = setup.root / "images"
    folder.mkdir()
    grey = np.full((48, 64), largest // 2, np.uint16)
    grey[:, 32:] = largest
    for number in (1, 2):
        Image.fromarray(grey.astype(np.uint8) if largest == 255 else grey).save(folder / f"p{number}{suffix}")
    medium = setup.add(folder)
    reply = setup.client().get(setup.address(medium, page_leaf(1)))
    assert (reply.status_code, reply.headers["content-type"]) == (200, "image/jpeg")
    shown = np.asarray(Image.open(BytesIO(reply.content)))
    assert shown[24, [10, 50]].mean(axis=-1).tolist() == pytest.approx([127, 255], abs=3)
    video = setup.own().open(MediaRef((setup.address(medium, page_leaf(1)),), is_pages=True))
    assert video is not None
    with video:
        assert video.frame(FrameIndex(0))[24, [10, 50]].mean(axis=-1).tolist() == pytest.approx([127, 255], abs=1)


def test_a_frame_of_an_animation_is_served_alone(setup: MediaSetup) -> None:
    folder = setup.root / "images"
    folder.mkdir()
    frames = [Image.fromarray(np.full((48, 64, 3), value, np.uint8)) for value in (10, 90, 200)]
    frames[0].save(folder / "moving.gif", save_all=True, append_images=frames[1:])
    reply = setup.client().get(setup.address(setup.add(folder), page_leaf(1)))
    shown = Image.open(BytesIO(reply.content))
    assert (shown.format, shown.size) == ("JPEG", (64, 48))
    assert np.asarray(shown).mean() == pytest.approx(90, abs=2)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif"])
def test_a_picture_that_browsers_show_is_served_as_it_is(setup: MediaSetup, suffix: str) -> None:
    folder = setup.root / "images"
    folder.mkdir()
    Image.fromarray(np.full((48, 64), 9, np.uint8)).save(folder / f"p1{suffix}")
    reply = setup.client().get(setup.address(setup.add(folder), page_leaf(0)))
    assert reply.headers["content-type"] == f"image/{suffix[1:]}"
    assert reply.content == (folder / f"p1{suffix}").read_bytes()


def test_a_video_is_served_in_byte_ranges(setup: MediaSetup) -> None:
    address = setup.address(setup.add(), "video.mp4")
    whole = setup.client().get(address)
    assert whole.content == setup.clip.read_bytes()
    part = setup.client().get(address, headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    head = setup.client().head(address)
    assert (head.status_code, head.content, head.headers["accept-ranges"]) == (200, b"", "bytes")


def test_options_requests_are_answered(setup: MediaSetup) -> None:
    reply = setup.client().options(setup.address(setup.add(), "video.mp4"))
    assert (reply.status_code, reply.headers["access-control-allow-methods"]) == (204, "GET, HEAD, OPTIONS")


def test_an_address_without_a_valid_signature_is_refused(setup: MediaSetup) -> None:
    medium = setup.add()
    good = setup.address(medium, page_leaf(1))
    for address in (good.replace("/0-", "/1-"), "/media/", "/media/../jobs", f"/media/{medium.media_id}/000001.jpg"):
        assert setup.client().get(address).status_code in (401, 403), address
    assert setup.client().get("/jobs").status_code == 401
    ended = setup.address(medium, page_leaf(1), until_s=1)
    setup.clock.sleep(10**10)
    sentence = "this address has expired; renew it with `masklet renew PROJECT`"
    assert setup.client().get(ended).json()["detail"] == sentence


def test_a_picture_of_an_object_needs_a_signature_and_its_masks(setup: MediaSetup) -> None:
    name = PicturedObject(TaskKey(1, 7), FrameIndex(0), ObjectId("Cat")).name
    signed = SIGNER.path(name, "object.svg", until_s=0)
    gone = setup.client().get(signed)
    assert gone.status_code == 404
    assert gone.json()["detail"] == "task 1/7 has no finished propagation any more; its objects cannot be shown"
    other_task = signed.replace("object-1-7-", "object-1-8-")
    assert setup.client().get(other_task).status_code == 403


def test_missing_pages_and_changed_files_are_named(setup: MediaSetup) -> None:
    medium = setup.add()
    past = setup.client().get(setup.address(medium, page_leaf(30)))
    assert (past.status_code, past.json()["detail"]) == (404, "clip has 30 frames (0 to 29), not 30")
    setup.clip.write_bytes(b"another")
    for leaf, status in (("video.mp4", 404), (page_leaf(2), 422)):
        reply = setup.client().get(setup.address(medium, leaf))
        assert (reply.status_code, "import it again" in reply.json()["detail"]) == (status, True)


def test_a_folder_of_images_is_served_unchanged(setup: MediaSetup, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number in (1, 2):
        Image.new("RGB", (6, 4), (number, 0, 0)).save(tmp_path / f"frames/{number}.png")
    medium = setup.add(tmp_path / "frames")
    reply = setup.client().get(setup.address(medium, page_leaf(1)))
    assert (reply.content, reply.headers["content-type"]) == ((tmp_path / "frames/2.png").read_bytes(), "image/png")
    assert setup.client().get(setup.address(medium, "video.mp4")).status_code == 404
    opened = setup.own().open(MediaRef((f"http://h{setup.address(medium, page_leaf(1))}",), is_pages=True))
    assert opened is not None
    assert opened.frame(FrameIndex(0))[0, 0].tolist() == [2, 0, 0]


def test_a_worker_reads_signed_addresses_without_a_request(setup: MediaSetup) -> None:
    medium = setup.add()
    pages = tuple(f"https://elsewhere{setup.address(medium, page_leaf(n), until_s=5)}" for n in (4, 6, 20))
    video = setup.own().open(MediaRef(pages, is_pages=True))
    assert video is not None
    with video:
        frame_range = FrameRange(FrameIndex(0), FrameIndex(3))
        assert [number_of(frame) for _, frame in video.frames(frame_range)] == [4, 6, 20]
    bucket = MediaRef((f"s3://b/p/{medium.media_id}/{page_leaf(9)}",), is_pages=True)
    found = setup.own().open(bucket)
    assert found is not None
    assert number_of(found.frame(FrameIndex(0))) == 9
    whole = setup.own().open(MediaRef((f"http://h{setup.address(medium, 'video.mp4')}",), is_pages=False))
    assert whole is not None
    assert whole.info.frame_count == 30


@pytest.mark.parametrize("address", ["/data/upload/1/a.mp4", "http://h/media/x/0-00/1.jpg", "s3://b/none/000001.jpg"])
def test_other_addresses_are_not_opened(setup: MediaSetup, address: str) -> None:
    assert setup.own().open(MediaRef((address,), is_pages=True)) is None


def test_a_page_past_the_end_and_a_changed_file_are_errors(setup: MediaSetup) -> None:
    medium = setup.add()
    with pytest.raises(PromptError, match="frame 30 is not in the video"):
        setup.own().open(MediaRef((setup.address(medium, page_leaf(30)),), is_pages=True))
    setup.clip.write_bytes(b"another")
    with pytest.raises(MediaError, match="was changed after it was imported"):
        setup.own().open(MediaRef((setup.address(medium, page_leaf(1)),), is_pages=True))


def test_a_file_added_twice_is_one_record(setup: MediaSetup) -> None:
    first = setup.add()
    later = setup.library.add(Source("other name", setup.clip))
    assert (later.media_id, later.name) == (first.media_id, "other name")
    with pytest.raises(NotFound):
        setup.records.medium("0" * 32)


def test_the_progress_of_batches_is_listed(setup: MediaSetup) -> None:
    setup.records.put([BatchItem(1, "k-00000", 7, "clip", "m")])
    login = ("u", "p")
    (project,) = setup.client().get("/batches", auth=login).json()["projects"]
    assert (project["project"], project["imported"], project["unprompted"], project["done"]) == (1, 1, 1, 0)
    assert setup.client().get("/batches").status_code == 401
    assert setup.client().get("/jobs", auth=login).json()["counts"]["propagate"]["queued"] == 0
