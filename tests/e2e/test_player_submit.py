"""Submitted annotations get the player's masks: with the real Label Studio, its webhooks, workers, and kill -9."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip
from scripts.label_studio.server import LabelStudioServer
from tests.e2e.builders import PlayerOfTask, events

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
VERDICT: dict[str, Any] = {
    "id": "v1",
    "from_name": "verdict",
    "to_name": "player",
    "type": "choices",
    "value": {"choices": ["satisfactory"]},
}


@pytest.fixture
def player(
    label_studio: LabelStudioServer, masklet: MaskletProcess, clip: Clip, request: pytest.FixtureRequest
) -> Iterator[PlayerOfTask]:
    opened = PlayerOfTask(label_studio, masklet, clip, request.node.name[:40])
    yield opened
    opened.close()


def exported(
    player: PlayerOfTask, server: LabelStudioServer, masklet: MaskletProcess, out: Path, *options: str
) -> dict[str, Any]:
    """The one video of `masklet export project:N --format coco-rle`."""
    environment = {
        **os.environ,
        "LABEL_STUDIO_URL": server.url,
        "LABEL_STUDIO_API_KEY": server.login.token,
        "MASKLET_DATA_DIR": str(masklet.data_dir),
    }
    source = [f"project:{player.project}", "--format", "coco-rle", "--out", str(out), *options]
    command = [sys.executable, "-m", "backend.interfaces.cli", "export", *source]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    (video,) = json.loads((out / "manifest.json").read_text())["videos"]
    assert video["provenance"]["runs"]
    document: dict[str, Any] = json.loads((out / f"{video['folder']}.json").read_text())
    return document


def kill_web_process(masklet: MaskletProcess) -> None:
    """kill -9 of the web process of this Masklet; its supervisor starts another."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            command = (folder / "cmdline").read_bytes().split(b"\0")
            environment = (folder / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"serve" in command and f"MASKLET_DATA_DIR={masklet.data_dir}".encode() in environment:
            os.kill(int(folder.name), signal.SIGKILL)
            return
    pytest.fail("the web process was not found")


def test_the_annotation_and_the_export_have_the_masks_of_the_player(
    player: PlayerOfTask, label_studio: LabelStudioServer, masklet: MaskletProcess, clip: Clip, tmp_path: Path
) -> None:
    for name, click in zip(("Cat", "Cat 2"), clip.clicks, strict=False):
        player.click(name, click.x_pct, click.y_pct)
    player.propagate(6)
    states = [content["state"] for name, content in events(player.client, player.task) if name == "job"]
    assert states[-1] == "done"
    player.submit([VERDICT])
    annotation = player.written()
    verdict, *regions = annotation["result"]
    assert verdict == VERDICT
    assert {region["meta"]["masklet"]["object"] for region in regions} == {"Cat", "Cat 2"}
    for region in regions:
        assert (region["type"], region["value"]["labels"]) == ("videorectangle", ["Cat"])
        last = region["value"]["sequence"][-1]
        assert last["frame"] <= 7
        assert not last["enabled"]

    shown = player.masks(clip.pages)
    document = exported(player, label_studio, masklet, tmp_path / "out")
    names = {entry["number"]: entry["id"] for entry in document["objects"]}
    assert set(names.values()) == {"Cat", "Cat 2"}
    masks = {
        (frame["frame"], names[each["number"]]): (each["segmentation"]["counts"], each["origin"])
        for frame in document["frames"]
        for each in frame["objects"]
        if each["segmentation"]
    }
    assert masks == shown
    assert player.annotation()["updated_at"] == annotation["updated_at"]


def test_an_export_has_the_verdicts_and_chooses_by_them(
    player: PlayerOfTask, label_studio: LabelStudioServer, masklet: MaskletProcess, clip: Clip, tmp_path: Path
) -> None:
    for name, click in zip(("Cat", "Cat 2"), clip.clicks, strict=False):
        player.click(name, click.x_pct, click.y_pct)
    player.propagate(6)
    assert events(player.client, player.task)[-1][0] == "end"
    player.judge("Cat", "satisfactory")
    player.judge("Cat 2", "redo", "the tail is missing")
    player.submit([VERDICT])
    player.written()
    document = exported(player, label_studio, masklet, tmp_path / "good", "--verdict", "satisfactory")
    assert [entry["id"] for entry in document["objects"]] == ["Cat"]
    manifest = json.loads((tmp_path / "good/manifest.json").read_text())
    assert manifest["verdicts"]["objects_left_out"] == {"redo": 1}
    (video,) = manifest["videos"]
    redo = {"object": "Cat 2", "verdict": "redo", "comment": "the tail is missing", "user": label_studio.login.username}
    assert video["verdicts"][1] == {**redo, "is_outdated": False}

    player.click("Cat", clip.clicks[0].x_pct + 1, clip.clicks[0].y_pct)
    player.judge("Cat", "reject")  # of masks that the annotation does not have
    document = exported(player, label_studio, masklet, tmp_path / "later", "--verdict", "outdated,redo")
    assert [entry["id"] for entry in document["objects"]] == ["Cat", "Cat 2"]


def test_a_submit_during_a_propagation_is_written_once_when_it_is_done(
    player: PlayerOfTask, masklet: MaskletProcess, clip: Clip
) -> None:
    click = clip.clicks[0]
    player.click("Cat", click.x_pct, click.y_pct)
    worker = json.loads((masklet.data_dir / "run.json").read_text())["pids"]["propagate"]
    os.kill(worker, signal.SIGSTOP)  # however fast it is, it is not done at Submit
    player.propagate(23)
    player.submit([VERDICT])
    running = player.client.get(player.task).json()["propagation"]
    assert (running["state"] != "done", running["done"] < 24) == (True, True)
    assert player.annotation()["result"] == [VERDICT]
    kill_web_process(masklet)
    os.kill(worker, signal.SIGCONT)
    annotation = player.written()
    _, region = annotation["result"]
    assert [entry["frame"] for entry in region["value"]["sequence"]][-1] > 2
    masklet.wait()
    shown = player.masks(clip.pages)
    assert {frame for frame, _ in shown} == {entry["frame"] - 1 for entry in region["value"]["sequence"]}
    assert player.client.get(player.task).json()["propagation"]["state"] == "done"
    time.sleep(5)
    assert player.annotation()["updated_at"] == annotation["updated_at"]
