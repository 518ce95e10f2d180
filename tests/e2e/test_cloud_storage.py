"""A video in a bucket: Label Studio's import storage on an S3 server, and Masklet's click, names and doctor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pytest

from backend.adapters.labelstudio.api.client import LabelStudioClient
from backend.domain.tasks import TaskKey
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip
from scripts.demonstration.prediction_wait import prompt_until_answered
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.e2e.builders import opened_task, player_client, session_of
from tests.e2e.conftest import S3_PORT
from tests.e2e.test_connect import Command
from tests.fakes.servers.s3_server import S3Server, s3_server

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

CONFIG = """<View>
  <Labels name="label" toName="video"><Label value="Cat"/></Labels>
  <Video name="video" value="$video" framerate="24"/><VideoRectangle name="box" toName="video" smart="true"/>
</View>"""
KEY = "dir/clip 7.mp4"
STORED = f"s3://films/{KEY}"
KEYFRAME = {"frame": 1, "enabled": True, "rotation": 0, "x": 30, "y": 30, "width": 20, "height": 20, "time": 0}
BOX = {
    "id": "b",
    "from_name": "box",
    "to_name": "video",
    "type": "videorectangle",
    "origin": "manual",
    "value": {"framesCount": 60, "duration": 2.5, "sequence": [KEYFRAME], "labels": ["Cat"]},
}


class Connect(Protocol):
    def __call__(self, title: str, *, presign: bool) -> tuple[int, int, int]: ...


@pytest.fixture
def bucket(clip: Clip) -> Iterator[S3Server]:
    with s3_server("films", port=S3_PORT) as server:
        server.objects[KEY] = clip.video.read_bytes()
        yield server


@pytest.fixture
def api(label_studio: LabelStudioServer) -> Iterator[LabelStudioApi]:
    with LabelStudioApi(label_studio.url, label_studio.login.token) as opened:
        yield opened


@pytest.fixture
def connect(api: LabelStudioApi, masklet: MaskletProcess, bucket: S3Server) -> Connect:
    """Makes a project with a task of the bucket; returns the numbers of project, task and backend."""

    def made(title: str, *, presign: bool) -> tuple[int, int, int]:
        project = api.ensure_project(title, CONFIG)
        api.connect_s3(project, bucket.bucket, bucket.url, presign=presign)
        backend = api.ensure_backend(project, masklet.url, masklet.wait().version)
        return project, api.add_task(project, {"video": STORED}), backend

    return made


def test_a_video_behind_pre_signed_urls_is_prompted_checked_played_and_exported(
    label_studio: LabelStudioServer,
    masklet: MaskletProcess,
    api: LabelStudioApi,
    clip: Clip,
    bucket: S3Server,
    connect: Connect,
) -> None:
    project, task, backend = connect("Films, pre-signed", presign=True)
    regions = prompt_until_answered(lambda: api.ask(backend, task, BOX), masklet)
    assert len(regions[0]["value"]["sequence"]) > 1
    assert {("X-Amz-Signature" in query, token) for _, query, token in bucket.seen} == {(True, "")}

    command = Command(label_studio, masklet)
    _, told = command("doctor", str(project), "--url", masklet.url)
    found = f"task {task}, {STORED}: {clip.width}x{clip.height}, {clip.pages} frames"
    assert f"ok   media of project {project}: {found}" in told

    with player_client(masklet) as player:
        player.cookies.set("sessionid", session_of(label_studio))
        assert player.post("/api/player/session", json={}).status_code == 200
        query: dict[str, str | int] = {"project": project, "field": "video", "value": api.task_data(task)["video"]}
        assert player.get("/api/player/tasks", params=query).json() == {"project": project, "task": task}
        assert opened_task(player, f"/api/player/tasks/{project}/{task}")["video"]["frame_count"] == clip.pages

    api.add_annotation(task, regions)
    out = masklet.data_dir / "films"
    code, told = command("export", f"project:{project}", "--format", "boxes-csv", "--out", str(out))
    assert code == 0, told
    assert (out / "boxes.csv").read_text().splitlines()[1].startswith("clip_7-")
    client = LabelStudioClient(label_studio.url, label_studio.login.token)
    client.describe_task(TaskKey(project, task), {"note": "seen"})
    client.close()
    (stored,) = api.stored_data(project)
    assert (stored["video"], stored["note"]) == (STORED, "seen")
    logs = "".join(path.read_text() for path in (masklet.data_dir / "logs").glob("*.log"))
    assert "X-Amz-Signature" not in logs
    assert "is not adopted" not in logs


def test_a_video_that_label_studio_sends_itself_is_prompted(
    api: LabelStudioApi, masklet: MaskletProcess, bucket: S3Server, connect: Connect
) -> None:
    _, task, backend = connect("Films, sent by Label Studio", presign=False)
    regions = prompt_until_answered(lambda: api.ask(backend, task, BOX), masklet)
    assert len(regions[0]["value"]["sequence"]) > 1
    assert {token.partition(" ")[0] for _, _, token in bucket.seen} == {"AWS4-HMAC-SHA256"}
