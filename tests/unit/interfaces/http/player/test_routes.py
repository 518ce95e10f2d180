"""The player's API through HTTP, with a worker behind it."""

from __future__ import annotations

import json

import numpy as np
import pytest

from backend.application.annotation.annotation_service import UserTask
from backend.codecs.coco_rle import decode_mask, encode_mask
from backend.domain.errors import MediaError, ServiceUnavailable
from backend.domain.geometry import Point
from backend.domain.masklets import EncodedMask
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.web import FRAMES, TestClient
from tests.unit.interfaces.http.player.builders import CLICK, TASK, Json, LabelStudioUsers, PlayerWeb


def events(client: TestClient, cursor: str = "0") -> list[tuple[str, Json]]:
    """The events of a stream until it ends."""
    reply = client.get(f"{TASK}/events", params={"cursor": cursor})
    assert reply.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in reply.text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        if "event" in fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_a_task_is_opened_by_a_worker() -> None:
    web = PlayerWeb()
    client = web.client()
    waiting = client.get(TASK)
    assert (waiting.status_code, waiting.json()["status"]) == (202, "opening")
    web.web.work_off_all()
    shown = client.get(TASK).json()
    assert shown["video"] == {
        "frame_count": 10,
        "width": 16,
        "height": 8,
        "frame_rate": 25.0,
        "times_s": None,
        "is_pages": False,
    }
    assert shown["labels"] == [{"name": "Cat", "color": "#ff0000"}, {"name": "Dog", "color": "#3cb44b"}]
    assert (shown["objects"], shown["prompts"], shown["propagation"]) == ([], [], None)


def test_a_task_waits_for_a_workers_model() -> None:
    web = PlayerWeb()
    web.web.models.model = None
    reply = web.client().get(TASK)
    assert (reply.status_code, "no worker has announced its model" in reply.json()["detail"]) == (202, True)


def test_a_task_of_pages_can_be_opened() -> None:
    web = PlayerWeb()
    web.reader.config, web.reader.data = FRAMES, {"frames": [f"/data/{n}.png" for n in range(10)]}
    shown = web.opened().get(TASK).json()
    assert shown["video"]["is_pages"]
    assert [label["name"] for label in shown["labels"]] == ["Cat", "Dog"]


def test_a_task_is_read_from_label_studio_once_in_some_seconds() -> None:
    web = PlayerWeb()
    client = web.opened()
    client.get(TASK)
    assert web.reader.reads == 1
    web.web.clock.sleep(6)
    client.get(TASK)
    assert web.reader.reads == 2


def test_media_that_cannot_be_read_are_one_sentence() -> None:
    web = PlayerWeb()
    web.web.media.error = MediaError("the file is a web page")
    client = web.client()
    client.get(TASK)
    web.web.work_off_all()
    reply = client.get(TASK)
    assert (reply.status_code, reply.headers["content-type"]) == (422, "application/problem+json")
    assert reply.json()["detail"] == "the file is a web page"
    assert reply.json()["way_out"]


def test_a_click_gives_a_mask_and_is_stored() -> None:
    client = PlayerWeb().opened()
    answer = client.put(f"{TASK}/prompts/4/Cat%202", json=CLICK).json()
    (mask,) = answer["masks"]
    height, width = mask["rle"]["size"]
    assert decode_mask(EncodedMask(height, width, mask["rle"]["counts"]))[:, 4].all()
    assert (mask["object"], mask["frame"], mask["origin"]) == ("Cat 2", 4, "prompted")
    assert mask["box"] == [0.25, 0.0, 0.3125, 1.0]
    assert answer["objects"] == [{"id": "Cat 2", "label": "Cat"}]
    assert answer["prompts"] == [{"object": "Cat 2", "frame": 4, "points": [[0.5, 0.5, 1]], "box": None, "mask": None}]
    again = client.get(TASK).json()
    assert (again["prompts"], again["revision"]) == (answer["prompts"], answer["revision"])
    assert client.get(f"{TASK}/masks?start=0&stop=60").json()["masks"] == answer["masks"]


@pytest.mark.parametrize(
    ("address", "body", "sentence"),
    [
        ("prompts/10/Cat", CLICK, "frame 10 is not in the video: it has 10 frames (0 to 9)"),
        ("prompts/4/Cat", {**CLICK, "points": [[1.5, 0.5, 1]]}, "coordinate x must lie within the frame (0..1)"),
        ("prompts/4/Cat", {**CLICK, "points": []}, "has no points, box or mask"),
        ("prompts/4/Cat", {**CLICK, "label": "Horse"}, "label 'Horse' is not in the label config"),
        ("prompts/4/Cat", {**CLICK, "points": "x"}, "points must be a list"),
        (
            "prompts/4/Cat",
            {"label": "Cat", "mask": {"size": [9, 16], "counts": "0"}},
            "mask.size must be [8, 16], the video's height and width",
        ),
    ],
)
def test_a_refused_prompt_is_a_problem_and_not_stored(address: str, body: Json, sentence: str) -> None:
    client = PlayerWeb().opened()
    reply = client.put(f"{TASK}/{address}", json=body)
    assert (reply.status_code, reply.headers["content-type"]) == (400, "application/problem+json")
    assert sentence in reply.json()["detail"]
    assert client.get(TASK).json()["prompts"] == []


def test_a_drawn_mask_comes_back_as_it_was_sent() -> None:
    client = PlayerWeb().opened()
    drawn = np.zeros((8, 16), np.bool_)
    drawn[2:5, 3:9] = True
    rle = {"size": [8, 16], "counts": encode_mask(drawn).counts}
    reply = client.put(f"{TASK}/prompts/4/Cat", json={"label": "Cat", "mask": rle}).json()
    assert [(mask["rle"], mask["origin"]) for mask in reply["masks"]] == [(rle, "human")]
    assert reply["prompts"][0]["mask"] == rle


def test_prompts_and_objects_can_be_deleted_and_renamed() -> None:
    client = PlayerWeb().opened()
    for address in ("prompts/1/Cat", "prompts/4/Cat", "prompts/4/Dog"):
        client.put(f"{TASK}/{address}", json=CLICK)
    left = client.delete(f"{TASK}/prompts/4/Cat").json()
    assert [(prompt["object"], prompt["frame"]) for prompt in left["prompts"]] == [("Cat", 1), ("Dog", 4)]
    renamed = client.patch(f"{TASK}/objects/Dog", json={"label": "Dog"}).json()
    assert renamed["objects"] == [{"id": "Cat", "label": "Cat"}, {"id": "Dog", "label": "Dog"}]
    assert client.delete(f"{TASK}/objects/Cat").json()["objects"] == [{"id": "Dog", "label": "Dog"}]
    assert client.delete(f"{TASK}/objects").json()["prompts"] == []


def test_a_propagation_is_followed_by_its_events() -> None:
    web = PlayerWeb()
    client = web.opened()
    client.put(f"{TASK}/prompts/2/Cat", json=CLICK)
    started = client.post(f"{TASK}/propagations", json={"start": 2, "direction": "forward", "count": 3})
    assert started.status_code == 202
    job = started.json()
    assert (job["state"], job["start"], job["stop"], job["total"]) == ("queued", 2, 6, 4)
    web.web.work_off_all()
    told = events(client)
    assert [name for name, _ in told] == ["masks", "job", "end"]
    assert told[1][1] | {"id": job["id"], "state": "done", "done": 4} == told[1][1]
    assert [mask["frame"] for mask in told[0][1]["masks"]] == [2, 3, 4, 5]
    assert [name for name, _ in events(client, told[0][1]["cursor"])] == ["job", "end"]


def test_a_propagation_that_skips_frames_counts_those_with_masks() -> None:
    client = PlayerWeb().opened()
    client.put(f"{TASK}/prompts/2/Cat", json=CLICK)
    reply = client.post(f"{TASK}/propagations", json={"start": 2, "count": 2, "skip": 2})
    assert (reply.status_code, reply.json()["total"], reply.json()["stop"]) == (202, 3, 9)
    refused = client.post(f"{TASK}/propagations", json={"start": 2, "skip": -1})
    assert refused.status_code == 400
    assert refused.json()["detail"].startswith("skip must be a whole number from 0 to")


def test_a_stream_goes_on_from_the_last_event_of_the_browser() -> None:
    web = PlayerWeb()
    client = web.opened()
    client.put(f"{TASK}/prompts/2/Cat", json=CLICK)
    client.post(f"{TASK}/propagations", json={"start": 2})
    web.web.work_off_all()
    cursor = events(client)[0][1]["cursor"]
    reply = client.get(f"{TASK}/events?cursor=0", headers={"Last-Event-ID": cursor})
    assert "event: masks" not in reply.text


def test_a_problem_in_a_stream_has_a_way_out() -> None:
    web = PlayerWeb()
    client = web.opened()

    def fails(*_: object, **__: object) -> None:
        raise ServiceUnavailable("the ledger does not answer")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("backend.application.player.propagation.Propagations.read", fails)
        ((name, content),) = events(client)
    assert (name, content["status"], content["detail"]) == ("problem", 503, "the ledger does not answer")
    assert content["way_out"] == "Check with `masklet doctor` that a worker runs, then try again."


def test_a_propagation_without_prompts_is_refused() -> None:
    reply = PlayerWeb().opened().post(f"{TASK}/propagations", json={"start": 2})
    assert (reply.status_code, reply.json()["detail"]) == (400, "nothing is prompted yet: click an object first")


def test_a_propagation_can_be_stopped() -> None:
    web = PlayerWeb()
    client = web.opened()
    client.put(f"{TASK}/prompts/0/Cat", json=CLICK)
    job = client.post(f"{TASK}/propagations", json={"start": 0}).json()
    web.web.segmenter.on_frame = lambda frame: None if frame != 3 else _stop(client, job["id"])
    web.web.work_off_all()
    ended = client.get(TASK).json()["propagation"]
    assert (ended["state"], ended["done"], ended["total"]) == ("done", 4, 10)
    assert client.post(f"{TASK}/propagations/p-none/stop", json={}).status_code == 404


def _stop(client: TestClient, job_id: str) -> None:
    assert client.post(f"{TASK}/propagations/{job_id}/stop", json={}).json()["state"] == "running"


def test_a_hover_is_answered_once_the_frame_is_encoded() -> None:
    web = PlayerWeb()
    client = web.opened()
    body = {"frame": 3, "object": "Cat", "label": "Cat", "point": [0.5, 0.5, 1]}
    early = client.post(f"{TASK}/hover", json=body)
    assert (early.status_code, early.json()["detail"]) == (409, "not encoded yet")
    web.web.work_off_all()
    (mask,) = client.post(f"{TASK}/hover", json=body).json()["masks"]
    assert (mask["object"], mask["frame"]) == ("Cat", 3)
    assert client.get(TASK).json()["prompts"] == []
    assert (web.web.masks.runs("i-"), web.web.stored.jobs()) == ((), ())
    assert client.put(f"{TASK}/prompts/3/Cat", json=CLICK).json()["masks"][0]["rle"] == mask["rle"]


def test_frames_are_encoded_ahead() -> None:
    web = PlayerWeb()
    client = web.opened()
    assert client.post(f"{TASK}/prewarm", json={"frames": [5, 6, 99]}).status_code == 202
    assert web.web.prewarm_channel.asked[-1].frames == (5, 6)


def test_the_timeline_has_a_lane_for_each_object() -> None:
    web = PlayerWeb()
    client = web.opened()
    client.put(f"{TASK}/prompts/2/Cat", json=CLICK)
    client.post(f"{TASK}/propagations", json={"start": 2})
    web.web.work_off_all()
    shown = client.get(f"{TASK}/timeline").json()
    lane = shown["objects"]["Cat"]
    assert (lane["present"], lane["absent"], lane["human"]) == ([[2, 10]], [], [])
    assert {each["object"] for each in shown["next_uncertain"]} == {"Cat"}


def test_masks_are_approved_as_human_frames() -> None:
    web = PlayerWeb()
    client = web.opened()
    client.put(f"{TASK}/prompts/2/Cat", json=CLICK)
    client.post(f"{TASK}/propagations", json={"start": 2})
    web.web.work_off_all()
    answer = client.put(f"{TASK}/approvals", json={"object": None, "start": 3, "stop": 5}).json()
    assert [(mask["frame"], mask["origin"]) for mask in answer["masks"]] == [(3, "human"), (4, "human")]


def test_the_masks_of_an_import_are_the_start_of_a_person() -> None:
    player = PlayerWeb(LabelStudioUsers())
    client = player.opened("ann-1")
    config, version = player.reader.config, player.web.models.announced()
    assert version is not None
    media = MediaRef(("/data/clip.mp4",), is_pages=False)
    unnamed = UserTask(TaskKey(2, 8), media, config, version.version)
    click = FramePrompt(ObjectId("Cat"), FrameIndex(0), (PointPrompt(Point(0.5, 0.5)),))
    player.web.parts.annotation_service.replace_prompts(unnamed, PromptSet.of([click], {ObjectId("Cat"): "Cat"}))
    player.web.work_off_all()
    opened = client.get(TASK).json()
    assert ([each["object"] for each in opened["prompts"]], opened["user"]) == (["Cat"], "ann@example.org")
    assert len(client.get(f"{TASK}/masks?start=0&stop=10").json()["masks"]) == 10
    assert client.get(f"{TASK}/timeline").json()["objects"]["Cat"]["present"]
    edited = client.put(f"{TASK}/prompts/3/Dog", json={**CLICK, "label": "Dog"}).json()
    assert {each["object"] for each in edited["prompts"]} == {"Cat", "Dog"}
    shown = client.get(f"{TASK}/masks?start=0&stop=10").json()["masks"]
    assert sorted((each["object"], each["frame"]) for each in shown) == [
        *(("Cat", frame) for frame in range(10)),
        ("Dog", 3),
    ]


def test_a_change_without_the_pages_header_is_refused() -> None:
    web = PlayerWeb()
    client = web.opened()
    del client.headers["X-Masklet-Player"]
    reply = client.put(f"{TASK}/prompts/4/Cat", json=CLICK)
    assert (reply.status_code, reply.json()["detail"]) == (403, "This call needs the header X-Masklet-Player: 1.")
    assert client.get(TASK).json()["prompts"] == []


def test_two_people_have_prompts_of_their_own() -> None:
    users = LabelStudioUsers()
    web = PlayerWeb(users)
    ann = web.opened("ann-1")
    ann.put(f"{TASK}/prompts/4/Cat", json=CLICK)
    assert ann.get(TASK).json()["user"] == "ann@example.org"
    assert web.web.stored.prompts(TaskKey(2, 8), user="ann@example.org")
    assert not web.web.stored.prompts(TaskKey(2, 8), user="")


def test_a_task_that_label_studio_hides_is_refused() -> None:
    reply = PlayerWeb(LabelStudioUsers()).client("bob-1").get(TASK)
    assert (reply.status_code, reply.headers["content-type"]) == (403, "application/problem+json")
    assert reply.json()["detail"] == "Label Studio does not show task 8 of project 2 to you"


def test_without_a_model_other_calls_say_so() -> None:
    web = PlayerWeb()
    web.web.models.model = None
    reply = web.client().get(f"{TASK}/masks?start=0&stop=5")
    assert (reply.status_code, "masklet worker" in reply.json()["detail"]) == (503, True)
