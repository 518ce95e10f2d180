"""`masklet doctor PROJECT`: what is in the way of one task's media."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from PIL import Image

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.adapters.labelstudio.api.task_media import TaskMedia
from backend.adapters.labelstudio.storage_addresses import media_address
from backend.adapters.machine.clocks import SystemClock
from backend.adapters.media.cache import MediaCache
from backend.adapters.media.index import IndexCache
from backend.adapters.media.library import GIB, CachedMedia
from backend.bootstrap.doctor import version_finding
from backend.bootstrap.finding import Finding, Verdict
from backend.bootstrap.media_check import media_finding
from tests.fakes.clips import ClipSpec, write_clip
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.web import VIDEO

URL = "http://studio.test"
STORED = "s3://films/dir/clip 7.mp4"
Media = Callable[[httpx.Request], httpx.Response]


class Studio:
    """A Label Studio with one project and at most one task; media answers every other path."""

    def __init__(
        self, folder: Path, data: dict[str, object] | None, media: Media, *hosts: str, config: str = VIDEO
    ) -> None:
        self._data = data
        self._config = config
        self._media = media
        self.client = LabelStudioClient(
            URL,
            "0" * 40,
            media_hosts=hosts,
            transport=httpx.MockTransport(self._answer),
            resolve=lambda host, port: ["8.8.8.8"],
        )
        self.indices = IndexCache(folder / "index")
        cached = CachedMedia(self.client, MediaCache(folder / "media", GIB), self.indices, SystemClock())
        self.library = TaskMedia(cached, self.client, MemoryKeyValueStore(), lambda project_id, data: False)

    def finding(self) -> Finding:
        return media_finding(self.library, self.client, 7, self.indices)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        task = {"id": 12, "project": 7, "data": self._data}
        if path.startswith("/api/projects/7"):
            return httpx.Response(200, json={"id": 7, "label_config": self._config})
        if path.startswith("/api/tasks/12"):
            return httpx.Response(200, json=task)
        if path.startswith("/api/tasks"):
            tasks = [] if self._data is None else [task]
            counts = {"total": len(tasks), "total_annotations": 0, "total_predictions": 0}
            return httpx.Response(200, json={"tasks": tasks, **counts})
        return self._media(request)


def refusing(request: httpx.Request) -> httpx.Response:
    return httpx.Response(404)


def text(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"these are notes, not a video" * 40, headers={"content-type": "video/mp4"})


def to_storage(request: httpx.Request) -> httpx.Response:
    return httpx.Response(
        303, headers={"location": "https://films.s3.example.org/dir/clip%207.mp4?X-Amz-Signature=secret"}
    )


@pytest.mark.parametrize(
    ("video", "media", "sentence"),
    [
        (STORED, refusing, f"task 12, {STORED}: Label Studio has no storage of the task's project for {STORED}: s3://films"),
        (STORED, to_storage, "media may not come from https://films.s3.example.org:443; add it to MASKLET_MEDIA_HOSTS"),
        ("/data/upload/7/a.mp4", refusing, "task 12, /data/upload/7/a.mp4: studio.test has no such file (404)"),
        ("/data/upload/7/a.mp4", text, "task 12, /data/upload/7/a.mp4: "),
        ("https://else.test/a.mp4?sig=secret", text, "https://else.test/a.mp4: media may not come from https://else.test"),
        ("clip.mp4", text, "and from http and https addresses only, not from 'a bare name'"),
        (None, text, "task 12: the task's data.video must be a string, not missing"),
    ],
)  # fmt: skip
def test_what_is_in_the_way_is_said(tmp_path: Path, video: str | None, media: Media, sentence: str) -> None:
    finding = Studio(tmp_path, {"video": video}, media).finding()
    assert (finding.subject, finding.verdict) == ("media of project 7", Verdict.FAIL)
    assert sentence in finding.sentence
    assert "secret" not in finding.sentence


def test_media_that_open_are_described(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", ClipSpec(frame_count=5))

    def media(request: httpx.Request) -> httpx.Response:
        assert str(request.url).endswith(media_address(STORED, 12))
        return httpx.Response(200, content=clip.read_bytes(), headers={"content-type": "video/mp4"})

    finding = Studio(tmp_path / "data", {"video": STORED}, media).finding()
    assert (finding.verdict, finding.sentence) == (Verdict.OK, f"task 12, {STORED}: 64x48, 5 frames")


def test_a_video_that_browsers_show_out_of_place_is_told_with_the_way_out(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.webm", ClipSpec(frame_count=5, times=[0, 1, 3, 4, 9], codec="libvpx"))

    def media(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=clip.read_bytes(), headers={"content-type": "video/webm"})

    finding = Studio(tmp_path / "data", {"video": "/data/upload/7/clip.webm"}, media).finding()
    assert finding.verdict is Verdict.WARN
    assert "5 frames; browsers do not show every frame in its place because of a variable" in finding.sentence
    assert "masklet reencode" in finding.remedy


def test_a_tiff_opens_and_is_told_to_be_blank(tmp_path: Path) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (64, 48)).save(picture, "TIFF")

    def media(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=picture.getvalue(), headers={"content-type": "image/tiff"})

    config = (
        '<View><Image name="i" value="$image"/><BrushLabels name="b" toName="i"><Label value="a"/></BrushLabels></View>'
    )
    finding = Studio(tmp_path, {"image": "/data/upload/7/0123abcd-scan.tif"}, media, config=config).finding()
    assert (finding.verdict, finding.remedy) == (Verdict.WARN, "masklet import scan.tif --project 7")
    assert "scan.tif: 64x48, 1 pages; scan.tif is a TIFF, which browsers do not show" in finding.sentence


def test_a_project_without_tasks_has_none_to_fetch(tmp_path: Path) -> None:
    finding = Studio(tmp_path, None, refusing).finding()
    assert (finding.verdict, finding.remedy) == (Verdict.WARN, "masklet import SOURCE --project 7")


def test_releases_that_were_not_tried_are_told() -> None:
    assert version_finding("1.23.2").verdict is Verdict.OK
    assert version_finding("1.23.9").verdict is Verdict.OK
    assert (
        version_finding("1.21.7").sentence == "answers; Label Studio 1.21.7 was tried without its page; 1.23.2 with it"
    )
    finding = version_finding("1.9.0")
    assert (finding.verdict, "was not tried with Label Studio 1.9.0" in finding.sentence) == (Verdict.WARN, True)
    assert finding.remedy.endswith("./scripts/compat 1.9.0")
