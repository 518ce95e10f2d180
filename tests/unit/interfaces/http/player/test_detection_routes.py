"""Objects found by a text, through HTTP, with a worker behind it."""

from __future__ import annotations

import pytest

from backend.application.worker.detection_loop import DetectionLoop
from backend.domain.detections import Detection
from backend.domain.errors import DetectorMissing
from backend.domain.geometry import Box
from tests.fakes.engine import FakeDetector
from tests.unit.interfaces.http.player.builders import CLICK, TASK, PlayerWeb

COLUMN_5 = Box(5 / 16, 0.0, 6 / 16, 1.0)
"""The mask of a click on frame 5."""


def test_what_a_text_describes_is_found_beside_the_known_objects() -> None:
    web = PlayerWeb()
    client = web.opened()
    web.web.detector.found["red car"] = (Detection(Box(0.5, 0.25, 0.75, 0.5), 0.8), Detection(COLUMN_5, 0.6))
    body = {"frame": 5, "text": " red  car "}
    found = client.post(f"{TASK}/detections", json=body).json()
    assert [each["score"] for each in found["detections"]] == [0.8, 0.6]
    assert found["detections"][0]["box"] == [0.5, 0.25, 0.75, 0.5]
    client.put(f"{TASK}/prompts/5/Cat", json=CLICK)
    found = client.post(f"{TASK}/detections", json=body).json()
    assert ([each["score"] for each in found["detections"]], found["known"]) == ([0.8], 1)
    assert [each["id"] for each in client.get(TASK).json()["objects"]] == ["Cat"]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"frame": 5}, "text"),
        ({"frame": 5, "text": 7}, "text"),
        ({"frame": 5, "text": " "}, "a text to find objects by has 1 to 100 printable characters"),
        ({"frame": 99, "text": "red car"}, "frame"),
        ({"frame": -1, "text": "red car"}, "frame"),
    ],
)
def test_an_unusable_search_is_refused(body: dict[str, object], said: str) -> None:
    web = PlayerWeb()
    reply = web.opened().post(f"{TASK}/detections", json=body)
    assert (reply.status_code, said in reply.json()["detail"]) == (400, True), reply.text
    assert web.web.detector.asked == []


def test_without_a_detector_the_person_is_told_whom_to_ask() -> None:
    web = PlayerWeb()
    client = web.opened()

    def missing() -> FakeDetector:
        raise DetectorMissing("there is no detector to find objects by a text")

    web.web.detection_channel.loop = DetectionLoop(web.web.detection_channel, web.web.media, missing)
    reply = client.post(f"{TASK}/detections", json={"frame": 5, "text": "red car"})
    assert (reply.status_code, reply.json()["detail"]) == (503, "there is no detector to find objects by a text")
    assert reply.json()["way_out"] == "Ask the person who runs Masklet for one, or click the objects."
