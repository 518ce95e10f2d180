"""Answers of /predict of the HTTP app, with a worker that runs while the request waits."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle
from backend.domain.jobs import JobKind, JobState
from backend.domain.tasks import TaskKey
from backend.interfaces.labelstudio.predict import PUSH_S
from tests.fakes.engine import SIZE
from tests.fakes.web import FRAMES, MODEL, VIDEO, FakeWeb, keypoint, pages_task, predict_body, video_box, video_task


def results(web: FakeWeb, body: dict[str, object]) -> list[Any]:
    reply = web.client().post("/predict", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["model_version"] == MODEL.version
    return list(reply.json()["results"])


def test_a_click_is_answered_with_the_brush_mask_of_its_page() -> None:
    (prediction,) = results(FakeWeb(), predict_body(pages_task(), regions=[keypoint(page=4)]))
    assert prediction["model_version"] == MODEL.version
    (region,) = prediction["result"]
    assert (region["type"], region["from_name"], region["to_name"]) == ("brushlabels", "brush", "img")
    assert (region["item_index"], region["value"]["brushlabels"]) == (4, ["Cat"])
    expected = np.zeros((8, 16), np.bool_)
    expected[:, 4] = True
    assert np.array_equal(decode_rle(region["value"]["rle"], SIZE), expected)
    assert prediction["score"] == pytest.approx(region["score"], abs=1e-4)
    assert 0 < region["score"] < 1


def test_a_repeated_click_has_equal_ids_and_makes_no_job() -> None:
    web = FakeWeb()
    body = predict_body(pages_task(), regions=[keypoint()])
    assert results(web, body) == results(web, body)
    assert len(web.stored.jobs()) == 2


def test_the_whole_video_follows_a_click() -> None:
    web = FakeWeb()
    results(web, predict_body(pages_task(), regions=[keypoint()]))
    kinds = {job.kind: job for job in web.stored.jobs()}
    assert kinds[JobKind.PROPAGATE].state is JobState.DONE
    assert kinds[JobKind.PROPAGATE].task == TaskKey(1, 7)


def test_a_labelled_box_returns_as_a_track_with_its_id() -> None:
    body = predict_body(video_task(), label_config=VIDEO, project="2.17", regions=[video_box()])
    (prediction,) = results(FakeWeb(), body)
    (region,) = prediction["result"]
    assert (region["id"], region["type"], region["value"]["labels"]) == ("b1", "videorectangle", ["Dog"])
    assert [frame["frame"] for frame in region["value"]["sequence"]] == list(range(1, 11))


def work_off_and_push(web: FakeWeb) -> None:
    """Runs the queued jobs, and waits until their predictions have had the time to be pushed."""
    web.work_off()
    web.clock.sleep(PUSH_S)


def test_an_action_label_propagates_and_names_no_object() -> None:
    web = FakeWeb()
    results(web, predict_body(pages_task(), regions=[keypoint("Cat", page=4)]))
    (prediction,) = results(web, predict_body(pages_task(), regions=[keypoint("▶ 2", page=4, region_id="k2")]))
    assert [(r["item_index"], r["value"]["brushlabels"]) for r in prediction["result"]] == [
        (4, ["Cat"]),
        (5, ["Cat"]),
        (6, ["Cat"]),
    ]
    assert web.stored.prompts(TaskKey(1, 7)).object_ids == ("Cat",)


def test_an_action_before_any_prompt_names_the_first_step() -> None:
    reply = FakeWeb().client().post("/predict", json=predict_body(pages_task(), regions=[keypoint("▶ 2")]))
    assert (reply.status_code, reply.json()["detail"]) == (
        400,
        "nothing is prompted on this task yet: click an object first, then carry it",
    )


def test_reset_deletes_the_prompts() -> None:
    web = FakeWeb()
    results(web, predict_body(pages_task(), regions=[keypoint()]))
    (prediction,) = results(web, predict_body(pages_task(), regions=[keypoint("✕ reset")]))
    assert prediction["result"] == []
    assert not web.stored.prompts(TaskKey(1, 7))


def test_each_annotators_prompts_are_their_own() -> None:
    web = FakeWeb()
    for user, x in (("a@example.org", 10.0), ("b@example.org", 90.0)):
        task = {**pages_task(), "drafts": [{"user": user, "result": []}]}
        results(web, predict_body(task, regions=[keypoint(x=x)]))
    for user, x in (("a@example.org", 0.1), ("b@example.org", 0.9)):
        (prompt,) = web.stored.prompts(TaskKey(1, 7), user=user)
        assert [point.point.x_rel for point in prompt.points] == [pytest.approx(x)]


def test_a_batch_task_without_masks_gets_an_empty_list() -> None:
    web = FakeWeb()
    assert results(web, predict_body(pages_task())) == [[]]
    assert web.stored.jobs() == ()


def test_a_batch_task_with_prompts_gets_its_masks_later() -> None:
    web = FakeWeb()
    task = pages_task()
    assert isinstance(task["data"], dict)
    task["data"]["prompts"] = {
        "objects": [{"id": "c", "label": "Cat", "prompts": [{"frame": 1, "points": [[0.5, 0.5, 1]]}]}]
    }
    assert results(web, predict_body(task)) == [[]]
    work_off_and_push(web)
    (prediction,) = results(web, predict_body(task))
    assert [region["item_index"] for region in prediction["result"]] == list(range(10))
    assert len(web.stored.jobs()) == 1


def test_masks_of_a_click_are_there_when_the_task_is_reopened() -> None:
    web = FakeWeb()
    results(web, predict_body(pages_task(), regions=[keypoint()]))
    work_off_and_push(web)
    (prediction,) = results(web, predict_body(pages_task()))
    assert len(prediction["result"]) == 10


def test_masks_that_are_pushed_about_now_are_not_answered_too() -> None:
    """Label Studio stores an answer as a prediction of its own: the task had two."""
    web = FakeWeb()
    results(web, predict_body(pages_task(), regions=[keypoint()]))
    web.work_off()
    assert results(web, predict_body(pages_task())) == [[]]
    assert web.parts.reconciler.pusher is not None
    assert web.parts.reconciler.pusher.sweep() == 1
    assert results(web, predict_body(pages_task())) == [[]]
    web.clock.sleep(PUSH_S)
    (prediction,) = results(web, predict_body(pages_task()))
    assert len(prediction["result"]) == 10


BAD_TASKS: list[object] = [
    None,
    "task",
    [],
    {},
    {"data": {"frames": ["a"]}},
    {"id": "1;--", "data": {"frames": ["a"]}},
    {"id": True, "data": {"frames": ["a"]}},
    {"id": -1, "data": {"frames": ["a"]}},
    {"id": 10**30, "data": {"frames": ["a"]}},
    {"id": 5},
    {"id": 5, "data": {}},
    {"id": 5, "data": {"frames": "a.png"}},
    {"id": 5, "data": {"frames": []}},
    {"id": 5, "project": 99, "data": {"frames": ["a"]}},
    {"id": 5, "data": {"frames": ["a"], "prompts": {"objects": "x"}}},
    {"id": 5, "data": {"frames": ["a"], "prompts": {"objects": [{"id": "c", "label": "Cat", "prompts": []}]}}},
    {
        "id": 5,
        "data": {
            "frames": ["a"],
            "prompts": {"objects": [{"id": "c", "label": "Cow", "prompts": [{"frame": 0, "points": [[0.5, 0.5]]}]}]},
        },
    },
]


@pytest.mark.parametrize("bad", BAD_TASKS)
def test_a_bad_task_gets_an_empty_list_and_a_log_line(bad: object, caplog: pytest.LogCaptureFixture) -> None:
    web = FakeWeb()
    results(web, predict_body(pages_task(), regions=[keypoint()]))
    work_off_and_push(web)
    body = predict_body(pages_task(), bad, pages_task())
    if isinstance(bad, dict) and bad.get("id") == 10**30:
        body = predict_body(pages_task(), {**bad, "id": 2**31}, pages_task())
    with caplog.at_level(logging.WARNING):
        first, middle, last = results(web, body)
    assert middle == []
    assert len(first["result"]) == len(last["result"]) == 10
    assert sum("is left out" in message for message in caplog.messages) == 1


def test_a_task_whose_page_is_blank_is_told_when_it_is_opened(caplog: pytest.LogCaptureFixture) -> None:
    task = {**pages_task(), "data": {"frames": ["/data/upload/1/0123abcd-scan.tif"]}}
    with caplog.at_level(logging.WARNING):
        results(FakeWeb(), predict_body(task))
    assert "scan.tif is a TIFF, which browsers do not show" in caplog.text
    assert "import the file itself: masklet import scan.tif --project 1" in caplog.text


def test_no_task_is_no_answer() -> None:
    assert results(FakeWeb(), predict_body()) == []


def test_without_a_worker_the_request_waits_and_is_refused() -> None:
    web = FakeWeb()
    web.models.model = None
    started_s = web.clock.monotonic_s()
    reply = web.client().post("/predict", json=predict_body(pages_task(), regions=[keypoint()]))
    assert (reply.status_code, reply.json()["detail"]) == (
        503,
        "no worker has announced its model yet; start one with: masklet worker",
    )
    assert web.clock.monotonic_s() - started_s == pytest.approx(25.0, abs=0.2)


def test_a_request_waits_for_a_worker_within_the_deadline() -> None:
    web = FakeWeb()
    web.models.model = None

    def arrive() -> None:
        web.models.model = MODEL
        web.work_off()

    web.clock.work = arrive  # type: ignore[attr-defined]
    (prediction,) = results(web, predict_body(pages_task(), regions=[keypoint()]))
    assert len(prediction["result"]) == 1


def test_projects_with_different_configs_get_their_own_answers() -> None:
    web = FakeWeb()
    client = web.client()
    pages = predict_body(pages_task(), regions=[keypoint()])
    video = predict_body(video_task(), label_config=VIDEO, project="2.17", regions=[video_box()])
    renamed = FRAMES.replace('name="brush"', 'name="paint"')
    third = predict_body(pages_task(7, project=3), label_config=renamed, project="3.17", regions=[keypoint()])
    kinds = []
    for body in (pages, video, third, video, pages, third):
        (prediction,) = client.post("/predict", json=body).json()["results"]
        kinds.append((prediction["result"][0]["type"], prediction["result"][0]["from_name"]))
    expected = [("brushlabels", "brush"), ("videorectangle", "box"), ("brushlabels", "paint")]
    assert kinds == [expected[0], expected[1], expected[2], expected[1], expected[0], expected[2]]
    assert {job.task for job in web.stored.jobs()} == {TaskKey(1, 7), TaskKey(2, 8), TaskKey(3, 7)}
