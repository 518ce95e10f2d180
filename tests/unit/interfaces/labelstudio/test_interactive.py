"""Answers to an annotator's prompts: drafts, corrections by hand, actions, clicks of anonymous annotators."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.api.client import DraftRecord
from backend.adapters.labelstudio.mask_forms.brush_rle import encode_rle
from backend.domain.errors import LabelStudioUnavailable, MaskletError
from backend.domain.jobs import JobKind, JobState
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.engine import SIZE, FakeSegmenter
from tests.fakes.web import FRAMES, MODEL, VIDEO, FakeWeb, keypoint, pages_task, predict_body, video_box, video_task

TASK = TaskKey(1, 7)
ANN = "ann@example.org"
BEN = "ben@example.org"
RESETS = FRAMES.replace('<Label value="✕ reset"/>', '<Label value="✕ reset"/><Label value="✕ reset Cat"/>')


def ask(web: FakeWeb, task: dict[str, object], *regions: dict[str, object], config: str = FRAMES) -> list[Any]:
    project = f"{task['project']}.17"
    body = predict_body(task, label_config=config, project=project, regions=list(regions))
    reply = web.client().post("/predict", json=body)
    assert reply.status_code == 200, reply.text
    return list(reply.json()["results"][0]["result"])


def task_of(user: str, *drawn: dict[str, Any]) -> dict[str, object]:
    """The task in a request of a user whose draft has these regions."""
    return {**pages_task(), "drafts": [{"user": user, "updated_at": "2026-01-01", "result": list(drawn)}]}


def brush(label: str = "Cat", *, page: int, columns: slice, region_id: str = "h1") -> dict[str, Any]:
    mask = np.zeros((SIZE.height, SIZE.width), np.bool_)
    mask[:, columns] = True
    return {
        "id": region_id,
        "type": "brushlabels",
        "from_name": "brush",
        "to_name": "img",
        "item_index": page,
        "original_width": SIZE.width,
        "original_height": SIZE.height,
        "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": [label]},
    }


def object_pages(regions: list[Any]) -> list[tuple[str, int]]:
    return sorted((region["value"]["brushlabels"][0], region["item_index"]) for region in regions)


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


def test_clicks_before_the_first_draft_move_to_their_user() -> None:
    web = FakeWeb()
    ask(web, pages_task(), keypoint("Cat", page=1))
    both = ask(web, pages_task(), keypoint("Dog", page=2, region_id="k2"))
    ask(web, task_of(ANN, *both), keypoint("Cat", page=3, region_id="k3"))
    assert [(p.object_id, p.frame_index) for p in web.stored.prompts(TASK, user=ANN)] == [
        ("Cat", 1),
        ("Cat", 3),
        ("Dog", 2),
    ]
    assert not web.stored.prompts(TASK)


def test_two_users_who_start_at_once_get_their_own_prompts() -> None:
    web = FakeWeb()
    ask(web, task_of(ANN), keypoint("Cat", page=8))
    ask(web, task_of(BEN), keypoint("Cat", page=9))
    of_ann = ask(web, pages_task(), keypoint("Cat", page=1))
    both = ask(web, pages_task(), keypoint("Dog", page=2, region_id="k2"))
    of_ben = [region for region in both if region["value"]["brushlabels"] == ["Dog"]]
    ask(web, task_of(ANN, *of_ann), keypoint("Cat", page=3, region_id="k3"))
    ask(web, task_of(BEN, *of_ben), keypoint("Cat", page=4, region_id="k4"))
    prompted = {
        user: {(p.object_id, p.frame_index) for p in web.stored.prompts(TASK, user=user)} for user in (ANN, BEN)
    }
    assert prompted == {ANN: {("Cat", 1), ("Cat", 3), ("Cat", 8)}, BEN: {("Dog", 2), ("Cat", 4), ("Cat", 9)}}


class PointingSegmenter(FakeSegmenter):
    """Shifts an object's mask to the column of its last click."""

    def _masks(self, prompts: PromptSet, index: FrameIndex) -> FrameMasks:
        frame = super()._masks(prompts, index)
        lasts = {p.object_id: p.points[-1].point.x_rel for p in prompts if p.points}
        moved = (replace(o, mask=np.roll(o.mask, int(lasts[o.object_id] * SIZE.width), 1)) for o in frame.objects)
        return replace(frame, objects=tuple(moved))


def clicks(web: FakeWeb, user: str) -> list[float]:
    """The x coordinates of a user's clicks, percent of the page."""
    return sorted(round(point.point.x_rel * 100) for p in web.stored.prompts(TASK, user=user) for point in p.points)


def test_a_late_request_without_a_draft_is_of_another_user() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    of_ann = ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    web.clock.sleep(31.0)
    of_ben = ask(web, pages_task(), keypoint("Cat", page=1, x=90.0, region_id="k2"))
    assert of_ann[0]["value"] != of_ben[0]["value"]
    assert (clicks(web, ""), clicks(web, "?2")) == ([10], [90])

    ask(web, task_of(BEN, *of_ben), keypoint("Cat", page=1, x=80.0, region_id="k3"))
    ask(web, task_of(ANN, *of_ann), keypoint("Cat", page=1, x=20.0, region_id="k4"))
    assert (clicks(web, ANN), clicks(web, BEN)) == ([10, 20], [80, 90])
    assert (clicks(web, ""), clicks(web, "?2")) == ([], [])


@dataclass(frozen=True)
class Drafts:
    """Label Studio's reply with a task's drafts, after some refusals."""

    kept: tuple[DraftRecord, ...] = ()
    errors: list[MaskletError] = field(default_factory=list)

    def drafts(self, task: TaskKey) -> tuple[DraftRecord, ...]:
        if self.errors:
            raise self.errors.pop()
        return self.kept


def test_a_request_after_the_latest_has_a_draft_is_of_another() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    of_ann = ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    web.clock.sleep(6.0)
    web.parts = replace(web.parts, drafts=Drafts((DraftRecord(ANN, of_ann),)))
    of_ben = ask(web, pages_task(), keypoint("Cat", page=1, x=90.0, region_id="k2"))
    assert (clicks(web, ANN), clicks(web, ""), clicks(web, "?2")) == ([10], [], [90])
    ask(web, task_of(BEN, *of_ben), keypoint("Cat", page=1, x=80.0, region_id="k3"))
    assert (clicks(web, ANN), clicks(web, BEN)) == ([10], [80, 90])


def test_one_refusal_to_list_the_drafts_does_not_mix_two_users() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    of_ann = ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    refusals: list[MaskletError] = [LabelStudioUnavailable("database is locked")] * 2
    web.parts = replace(web.parts, drafts=Drafts((DraftRecord(ANN, of_ann),), refusals))
    ask(web, pages_task(), keypoint("Cat", page=1, x=90.0, region_id="k2"))
    assert (clicks(web, ANN), clicks(web, ""), clicks(web, "?2")) == ([10], [], [90])


def test_a_request_after_the_latests_prompts_moved_is_of_another() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    of_ann = ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    ask(web, task_of(ANN, *of_ann), keypoint("Dog", page=1, x=20.0, region_id="k2"))
    ask(web, pages_task(), keypoint("Cat", page=1, x=90.0, region_id="k3"))
    assert (clicks(web, ANN), clicks(web, ""), clicks(web, "?2")) == ([10, 20], [], [90])
    ask(web, task_of(ANN, *of_ann), keypoint("Cat", page=1, x=30.0, region_id="k4"))
    assert (clicks(web, ANN), clicks(web, "?2")) == ([10, 20, 30], [90])


def test_an_action_sent_before_the_draft_was_saved_is_the_users() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    of_ann = ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    web.parts = replace(web.parts, drafts=Drafts((DraftRecord(ANN, of_ann),)))
    shown = ask(web, pages_task(), keypoint("▶ 2", page=1, region_id="k2"))
    assert {page for _, page in object_pages(shown)} == {1, 2, 3}
    assert (clicks(web, ANN), clicks(web, "?2")) == ([10], [])


def test_an_action_of_the_only_user_whose_draft_shows_no_answer_yet() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    web.clock.sleep(60.0)
    web.parts = replace(web.parts, drafts=Drafts((DraftRecord(ANN, []),)))
    shown = ask(web, task_of(ANN), keypoint("▶ 2", page=1, region_id="k2"))
    assert {page for _, page in object_pages(shown)} == {1, 2, 3}
    assert (clicks(web, ANN), clicks(web, "")) == ([10], [])
    ask(web, pages_task(), keypoint("Cat", page=1, x=90.0, region_id="k3"))
    assert clicks(web, "?2") == [90], "a later click without a draft is another person's"


@pytest.mark.parametrize("case", ["another user's draft", "long ago", "no answer"])
def test_an_action_without_prompts_takes_nobody_elses(case: str) -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    if case != "no answer":
        ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    drafts = (DraftRecord(ANN, []),) if case != "another user's draft" else (DraftRecord(ANN, []), DraftRecord(BEN, []))
    web.parts = replace(web.parts, drafts=Drafts(drafts))
    web.clock.sleep(601.0 if case == "long ago" else 60.0)
    body = predict_body(
        task_of(ANN), label_config=FRAMES, project="1.17", regions=[keypoint("▶ 2", page=1, region_id="k2")]
    )
    reply = web.client().post("/predict", json=body)
    assert (reply.status_code, "nothing is prompted on this task yet" in reply.text) == (400, True)
    assert clicks(web, ANN) == []


def test_a_task_that_another_person_opens_has_no_prediction_of_somebodys_draft() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    quiet = replace(web.parts.annotation_service, propagate_on_prompt=False)
    web.parts = replace(web.parts, annotation_service=quiet)
    of_ann = ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    web.parts = replace(web.parts, drafts=Drafts((DraftRecord(ANN, of_ann),)))
    opened = web.client().post("/predict", json=predict_body(pages_task(), label_config=FRAMES, project="1.17"))
    assert opened.json()["results"] == [[]]
    assert [job.kind for job in web.stored.jobs()] == [JobKind.INTERACTIVE]
    of_ben = ask(web, pages_task(), keypoint("Cat", page=1, x=90.0, region_id="k2"))
    ask(web, task_of(BEN, *of_ben), keypoint("Cat", page=1, x=80.0, region_id="k3"))
    assert (clicks(web, ANN), clicks(web, BEN)) == ([10], [80, 90])


def test_unreadable_drafts_keep_the_anonymous_annotator() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    web.parts = replace(web.parts, drafts=Drafts(errors=[LabelStudioUnavailable("away")] * 3))
    ask(web, pages_task(), keypoint("Cat", page=1, x=90.0, region_id="k2"))
    assert clicks(web, "") == [10, 90]


def test_an_equal_object_and_page_is_not_the_same_user() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    of_ann = ask(web, task_of(ANN), keypoint("Cat", page=1, x=10.0))
    ask(web, pages_task(), keypoint("Cat", page=1, x=90.0, region_id="k2"))
    ask(web, task_of(ANN, *of_ann), keypoint("Cat", page=1, x=20.0, region_id="k3"))
    assert (clicks(web, ANN), clicks(web, "")) == ([10, 20], [90])


def test_a_draft_with_eraser_strokes_matches_its_mask() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    (given,) = ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    web.clock.sleep(60.0)
    stroke = {"type": "eraser", "relativePoints": [0.0, 50.0, 40.0, 50.0], "relativeStrokeWidth": 10.0}
    erased = {**given, "value": {**given["value"], "touches": [stroke]}}
    ask(web, task_of(ANN, erased), keypoint("Cat", page=1, x=20.0, region_id="k2"))
    assert (clicks(web, ANN), clicks(web, "")) == ([10, 20], [])


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
