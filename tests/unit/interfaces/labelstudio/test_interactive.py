"""Answers to an annotator's prompts: drafts, corrections by hand, actions."""

from __future__ import annotations

from typing import Any

import pytest

from backend.domain.jobs import JobKind, JobState
from backend.domain.tasks import TaskKey
from tests.fakes.web import FRAMES, MODEL, VIDEO, FakeWeb, keypoint, pages_task, predict_body, video_box, video_task
from tests.unit.interfaces.labelstudio.builders import ANN, BEN, TASK, ask, brush, object_pages, task_of

RESETS = FRAMES.replace('<Label value="✕ reset"/>', '<Label value="✕ reset"/><Label value="✕ reset Cat"/>')


def test_a_corrected_mask_is_a_prompt_and_stays_unchanged() -> None:
    web = FakeWeb()
    clicked = ask(web, task_of(ANN), keypoint(page=4))
    propagated = ask(web, task_of(ANN, *clicked), keypoint("▶ 2", page=4, region_id="k2"))
    assert object_pages(propagated) == [("Cat", 5), ("Cat", 6)]

    by_hand = {**brush(page=6, columns=slice(0, 9)), "id": propagated[-1]["id"]}
    again = ask(web, task_of(ANN, *clicked, propagated[0], by_hand), keypoint("▶ 2", page=5, region_id="k3"))
    assert object_pages(again) == [("Cat", 7)]
    (drawn,) = (prompt for prompt in web.stored.prompts(TASK, user=ANN) if prompt.mask is not None)
    assert drawn.frame_index == 6
    assert drawn.mask is not None
    assert drawn.mask[:, :9].all()
    assert not drawn.mask[:, 9:].any()


def test_shown_masks_of_replaced_runs_are_no_prompts() -> None:
    web = FakeWeb()
    clicked = ask(web, task_of(ANN), keypoint(page=4))
    first = ask(web, task_of(ANN, *clicked), keypoint("▶ 2", page=4, region_id="k2"))
    ask(web, task_of(ANN, *clicked, *first), keypoint(page=2, region_id="k3"))
    for job in web.stored.jobs(task=TASK):
        if job.kind is JobKind.PROPAGATE:
            web.masks.remove(job.masks_run)
    ask(web, task_of(ANN, *clicked, *first), keypoint("▶ 2", page=4, region_id="k4"))
    assert [prompt.frame_index for prompt in web.stored.prompts(TASK, user=ANN)] == [2, 4]


def test_a_task_opened_with_a_prediction_has_its_prompts() -> None:
    web = FakeWeb()
    ask(web, task_of(ANN), keypoint("Cat", page=1))
    web.parts.reconciler.sweep()
    shown = [{"model_version": MODEL.version, "result": [brush(page=1, columns=slice(1, 2))]}]
    ask(web, {**pages_task(), "predictions": shown}, keypoint("Cat", page=3))
    assert [p.frame_index for p in web.stored.prompts(TASK)] == [1, 3]

    ask(web, {**pages_task(), "predictions": shown}, keypoint("✕ reset"))
    ask(web, {**pages_task(), "predictions": shown}, keypoint("Cat", page=5, region_id="k9"))
    assert [p.frame_index for p in web.stored.prompts(TASK)] == [5]


def test_a_click_before_the_draft_is_answered_with_both() -> None:
    web = FakeWeb()
    ask(web, pages_task(), keypoint("Cat", page=1))
    assert object_pages(ask(web, pages_task(), keypoint("Dog", page=1, region_id="k2"))) == [("Cat", 1), ("Dog", 1)]
    web.clock.sleep(60.0)
    assert object_pages(ask(web, pages_task(), keypoint("Cat", page=2, region_id="k3"))) == [("Cat", 2)]


@pytest.mark.parametrize("label", ["Cat", "▶ 2"])
def test_a_click_past_the_last_page_is_refused_and_not_kept(label: str) -> None:
    web = FakeWeb()
    ask(web, task_of(ANN), keypoint(page=4))
    body = predict_body(task_of(ANN), project="1.17", regions=[keypoint(label, page=10, region_id="k2")])
    refused = web.client().post("/predict", json=body)
    assert (refused.status_code, "it has 10 frames" in refused.json()["detail"]) == (400, True)
    assert [p.frame_index for p in web.stored.prompts(TASK, user=ANN)] == [4]
    assert len(ask(web, task_of(ANN), keypoint("▶ 2", page=4, region_id="k3"))) == 3


def test_a_users_reset_leaves_the_prediction_to_others() -> None:
    web = FakeWeb()
    ask(web, task_of(ANN), keypoint("Cat", page=1))
    web.parts.reconciler.sweep()
    shown = [{"model_version": MODEL.version, "result": [brush(page=1, columns=slice(1, 2))]}]
    web.clock.sleep(1.0)
    ask(web, {**task_of(ANN), "predictions": shown}, keypoint("✕ reset"))
    ask(web, {**task_of(BEN), "predictions": shown}, keypoint("Cat", page=3))
    ask(web, {**task_of(ANN), "predictions": shown}, keypoint("Cat", page=5, region_id="k9"))
    prompted = {user: [p.frame_index for p in web.stored.prompts(TASK, user=user)] for user in (ANN, BEN)}
    assert prompted == {ANN: [5], BEN: [1, 3]}


def test_reset_of_one_object_keeps_others_and_cancels_its_jobs() -> None:
    web = FakeWeb()
    ask(web, task_of(ANN), keypoint("Cat", page=1), config=RESETS)
    ask(web, task_of(ANN), keypoint("Dog", page=1, region_id="k2"), config=RESETS)
    ask(web, task_of(BEN), keypoint("Cat", page=9, region_id="k3"), config=RESETS)
    ask(web, task_of(BEN), keypoint("Cat", page=1, x=90.0, region_id="k4"), config=RESETS)
    of_ben = [job for job in web.stored.jobs() if job.user == BEN]
    open_jobs = [job for job in web.stored.jobs() if job.state is JobState.QUEUED and job.user == ANN]
    ask(web, task_of(ANN), keypoint("✕ reset Cat", region_id="k5"), config=RESETS)
    assert not [job for job in of_ben if web.stored.job(job.job_id).state is JobState.CANCELLED]
    assert web.stored.prompts(TASK, user=ANN).object_ids == ("Dog",)
    assert web.stored.prompts(TASK, user=BEN).object_ids == ("Cat",)
    assert all(web.stored.job(job.job_id).state is not JobState.QUEUED for job in open_jobs)


@pytest.mark.parametrize("config", [FRAMES.replace("<Image ", '<Image autoAccept="false" '), FRAMES])
def test_without_auto_accept_the_answer_is_the_open_page(config: str) -> None:
    """The config states the mode, or the request shows it with several unaccepted prompts."""
    web = FakeWeb()
    ask(web, pages_task(), keypoint("Cat", page=4), config=config)
    earlier = [] if config != FRAMES else [keypoint("▶ 2", page=1, region_id="k2")]
    propagated = ask(web, pages_task(), *earlier, keypoint("▶ 2", page=4, region_id="k3"), config=config)
    assert object_pages(propagated) == [("Cat", 4)]


def test_a_placed_box_is_kept_and_a_removed_one_deleted() -> None:
    web = FakeWeb()
    (tracked,) = ask(web, video_task(), video_box(frame=3), config=VIDEO)
    placed = tracked["value"]["sequence"][2]
    assert [placed[side] for side in ("x", "y", "width", "height")] == [10, 10, 50, 50]

    keyframes = tracked["value"]["sequence"]
    keyframes[6] = {**keyframes[6], "x": 30, "y": 20, "width": 40, "height": 40}
    (again,) = ask(web, video_task(), tracked, config=VIDEO)
    assert [p.frame_index for p in web.stored.prompts(TaskKey(2, 8))] == [2, 6]
    assert again["value"]["sequence"][6]["x"] == 30

    without = {**again, "value": {**again["value"], "sequence": again["value"]["sequence"][3:]}}
    ask(web, video_task(), without, config=VIDEO)
    assert [p.frame_index for p in web.stored.prompts(TaskKey(2, 8))] == [6]


def test_a_rounded_box_is_the_placed_one_and_makes_no_job() -> None:
    web, key = FakeWeb(), TaskKey(2, 8)
    for x in (10.00004, 10.0):
        box = video_box()
        sequence: Any = box["value"]["sequence"]  # type: ignore[index]
        sequence[0]["x"] = x
        ask(web, video_task(), box, config=VIDEO)
    (placed,) = web.stored.prompts(key)
    assert placed.box is not None
    assert placed.box.x0_rel == pytest.approx(0.1000004, abs=1e-9)
    assert len(web.stored.jobs(task=key)) == 1


def test_a_video_answer_holds_the_selected_labels_boxes_only() -> None:
    web = FakeWeb()
    ask(web, video_task(), video_box("Dog"), config=VIDEO)
    (answered,) = ask(web, video_task(), video_box("Cat", region_id="b2"), config=VIDEO)
    assert (answered["id"], answered["value"]["labels"]) == ("b2", ["Cat"])
    assert web.stored.prompts(TaskKey(2, 8)).object_ids == ("b1", "b2")
