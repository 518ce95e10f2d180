"""Builders of the player's tests: a label config, a signed-in client, masks and events read back."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import httpx
import numpy as np

from backend.codecs.coco_rle import decode_mask
from backend.domain.masklets import EncodedMask
from scripts.demonstration.backend import MaskletProcess
from scripts.demonstration.clip import Clip
from scripts.label_studio.api import LabelStudioApi
from scripts.label_studio.server import LabelStudioServer

CONFIG = """<View>
  <HyperText name="player" value="$video"/>
  <Choices name="verdict" toName="player"><Choice value="satisfactory"/></Choices>
  <View style="display:none">
    <Labels name="label" toName="video"><Label value="Cat" background="#1f9d55"/></Labels>
    <Video name="video" value="$video" framerate="24"/><VideoRectangle name="box" toName="video"/>
  </View>
</View>"""
CHANGE = {"X-Masklet-Player": "1", "Content-Type": "application/json"}
PATIENCE_S = 180.0


def session_of(server: LabelStudioServer) -> str:
    """Label Studio's cookie of its user, as a browser gets it."""
    with httpx.Client(base_url=server.url, follow_redirects=False, timeout=60.0) as browser:
        page = browser.get("/user/login/").text
        found = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert found is not None
        form = {
            "email": server.login.username,
            "password": server.login.password,
            "csrfmiddlewaretoken": found[1],
        }
        browser.post("/user/login/", data=form, headers={"Referer": f"{server.url}/user/login/"})
        return str(browser.cookies["sessionid"])


def decoded(rle: dict[str, Any]) -> np.typing.NDArray[np.bool_]:
    height, width = rle["size"]
    return decode_mask(EncodedMask(height, width, rle["counts"]))


def events(client: httpx.Client, task: str) -> list[tuple[str, Any]]:
    """All events until the propagation ends, over as many streams as that takes."""
    found: list[tuple[str, Any]] = []
    cursor = ""
    while not found or found[-1][0] != "end":
        with client.stream("GET", f"{task}/events", headers={"Last-Event-ID": cursor}) as stream:
            name = ""
            for line in stream.iter_lines():
                key, _, value = line.partition(": ")
                if key == "event":
                    name = value
                elif key == "id":
                    cursor = value
                elif key == "data":
                    found.append((name, json.loads(value)))
    return found


class RepeatingTransport(httpx.HTTPTransport):
    """Sends a request again while a busy server answers 503, as its message asks for."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        deadline_s = time.monotonic() + PATIENCE_S
        while (answer := super().handle_request(request)).status_code == httpx.codes.SERVICE_UNAVAILABLE:
            body = answer.read().decode()
            assert time.monotonic() < deadline_s, body
            time.sleep(0.5)
        return answer


def player_client(masklet: MaskletProcess) -> httpx.Client:
    """A client of the player's API that nobody has signed in with."""
    return httpx.Client(base_url=masklet.url, timeout=PATIENCE_S, headers=CHANGE, transport=RepeatingTransport())


def opened_task(client: httpx.Client, address: str) -> dict[str, Any]:
    """The task's document, once a worker has opened the media."""
    while (answer := client.get(address)).status_code == httpx.codes.ACCEPTED:
        pass
    assert answer.status_code == httpx.codes.OK, answer.text
    document: dict[str, Any] = answer.json()
    return document


class PlayerOfTask:
    """The player's API on a new task of a clip, as Label Studio's first user, with the backend connected."""

    def __init__(self, server: LabelStudioServer, masklet: MaskletProcess, clip: Clip, title: str) -> None:
        self.api = LabelStudioApi(server.url, server.login.token)
        self.project = self.api.ensure_project(title, CONFIG)
        self.api.ensure_local_files(self.project, clip.folder)
        model = masklet.wait()
        self.api.ensure_backend(self.project, masklet.url, model.version)
        self.number = self.api.add_task(self.project, {"video": str(clip.addresses()["video"])})
        self.task = f"/api/player/tasks/{self.project}/{self.number}"
        self.client = player_client(masklet)
        self.client.cookies.set("sessionid", session_of(server))
        assert self.client.post("/api/player/session", json={}).status_code == 200
        opened_task(self.client, self.task)

    def close(self) -> None:
        self.client.close()
        self.api.close()

    def click(self, name: str, x_pct: float, y_pct: float) -> None:
        body = {"label": "Cat", "points": [[x_pct / 100, y_pct / 100, 1]]}
        assert self.client.put(f"{self.task}/prompts/0/{name}", json=body).status_code == 200

    def propagate(self, count: int | None = None) -> None:
        body = {"start": 0, "direction": "forward", "count": count}
        assert self.client.post(f"{self.task}/propagations", json=body).status_code == 202

    def judge(self, name: str, verdict: str, comment: str = "") -> None:
        body = {"verdict": verdict, "comment": comment}
        assert self.client.put(f"{self.task}/verdicts/{name}", json=body).status_code == 200

    def masks(self, stop: int) -> dict[tuple[int, str], tuple[str, str]]:
        """What the player shows: run lengths and origin by frame and object."""
        shown = self.client.get(f"{self.task}/masks?start=0&stop={stop}").json()["masks"]
        return {
            (each["frame"], each["object"]): (each["rle"]["counts"], each["origin"]) for each in shown if each["rle"]
        }

    def submit(self, result: list[dict[str, Any]]) -> int:
        return self.api.add_annotation(self.number, result)

    def annotation(self) -> dict[str, Any]:
        (found,) = self.api.annotations(self.number)
        return found

    def written(self) -> dict[str, Any]:
        """The annotation once Masklet has written into it, which may follow a propagation."""
        deadline_s = time.monotonic() + 2 * PATIENCE_S
        while True:
            found = self.annotation()
            if any("meta" in region for region in found["result"]):
                return found
            assert time.monotonic() < deadline_s, "nothing was written"
            time.sleep(0.5)
