"""The player's server with the real Label Studio, queue, workers and page process."""

from __future__ import annotations

import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip
from scripts.demonstration.demo_clip import demo_clip
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer
from tests.e2e.builders import CONFIG, decoded, events, opened_task, player_client, session_of
from tests.fakes.eventually import eventually

pytestmark = pytest.mark.e2e

EXAMPLE = str(Path(__file__).parents[2] / "docs" / "segment_project.py")


def test_a_person_prompts_follows_and_stops(
    label_studio: LabelStudioServer, masklet: MaskletProcess, clip: Clip
) -> None:
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
        project = api.ensure_project("player", CONFIG)
        api.ensure_local_files(project, clip.folder)
        address = str(clip.addresses()["video"])
        api.add_task(project, {"video": "/data/local-files/?d=other.mp4"})
        number = api.add_task(project, {"video": address})
    with player_client(masklet) as client:
        assert client.get(f"/api/player/tasks/{project}/{number}").status_code == 401
        client.cookies.set("sessionid", session_of(label_studio))
        signed = client.post("/api/player/session", json={})
        assert signed.json()["user"] == label_studio.login.username
        query: dict[str, str | int] = {"project": project, "field": "video", "value": address}
        assert client.get("/api/player/tasks", params=query).json() == {"project": project, "task": number}
        task = f"/api/player/tasks/{project}/{number}"
        video = opened_task(client, task)["video"]
        assert (video["frame_count"], video["width"], video["height"]) == (clip.pages, clip.width, clip.height)

        picture = np.asarray(Image.open(BytesIO(client.get(f"{task}/frames/7").content)))
        assert np.abs(picture.astype(float) - demo_clip().frames[7]).mean() < 8

        click = clip.clicks[0]
        body = {"label": "Cat", "points": [[click.x_pct / 100, click.y_pct / 100, 1]]}
        (mask,) = client.put(f"{task}/prompts/0/Cat", json=body).json()["masks"]
        assert decoded(mask["rle"]).any()
        assert client.put(f"{task}/prompts/9999/Cat", json=body).status_code == 400

        hover = {"frame": 0, "object": "Cat", "point": body["points"][0]}
        while (hovered := client.post(f"{task}/hover", json=hover)).status_code == 409:
            pass
        assert hovered.json()["masks"][0]["rle"] == mask["rle"]

        started = client.post(f"{task}/propagations", json={"start": 0, "direction": "forward", "count": 6})
        told = events(client, task)
        assert told[-2][1]["state"] == "done"
        frames = {each["frame"] for name, content in told if name == "masks" for each in content["masks"]}
        assert frames == set(range(7))
        assert started.json()["total"] == 7

        client.cookies.set("sessionid", session_of(label_studio))  # a new value of the same person
        job = client.post(f"{task}/propagations", json={"start": 0}).json()
        eventually(lambda: client.get(task).json()["propagation"]["done"] >= 2)
        client.post(f"{task}/propagations/{job['id']}/stop", json={})
        ended = events(client, task)[-2][1]
        assert ended["state"] == "done"
        assert 2 <= ended["done"] < clip.pages
        shown = client.get(f"{task}/masks?start=0&stop={clip.pages}").json()["masks"]
        assert {each["frame"] for each in shown} >= set(range(ended["done"]))
        lane = client.get(f"{task}/timeline").json()["objects"]["Cat"]
        assert lane["uncertainty"]


def test_the_example_of_the_documents_segments_a_project(
    label_studio: LabelStudioServer, masklet: MaskletProcess, clip: Clip
) -> None:
    with LabelStudioApi(label_studio.url, label_studio.login.token) as api:
        project = api.ensure_project("scripted", CONFIG)
        api.ensure_local_files(project, clip.folder)
        number = api.add_task(project, {"video": str(clip.addresses()["video"])})
    click = clip.clicks[0]
    point = [str(click.x_pct / 100), str(click.y_pct / 100)]
    command = [sys.executable, "-P", EXAMPLE, masklet.url, str(project), "--token", label_studio.login.token]
    command += ["--label", "Cat", "--point", *point, "--frames", "6"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    first, summary = done.stdout.splitlines()
    assert first == f"task {number}: 7 masks on {clip.pages} frames"
    counts = json.loads(summary)
    assert (counts["tasks"], counts["prompted_tasks"], counts["objects"], counts["human_frames"]) == (1, 1, 1, 1)
    assert counts["object_verdicts"]["satisfactory"] == 1
    again = subprocess.run(command, capture_output=True, text=True, check=True)
    assert again.stdout.splitlines() == [summary]
