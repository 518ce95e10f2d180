"""Prompts of people whom Label Studio has not named yet, and whose they become."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.api.client import DraftRecord
from backend.domain.errors import LabelStudioUnavailable, MaskletError, ServiceUnavailable
from backend.domain.jobs import JobKind
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.engine import SIZE, FakeSegmenter
from tests.fakes.web import FRAMES, FakeWeb, keypoint, pages_task, predict_body
from tests.unit.interfaces.labelstudio.builders import ANN, BEN, TASK, ask, object_pages, task_of


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


def saved(user: str, seconds: float, *drawn: dict[str, Any]) -> dict[str, object]:
    """`task_of`, with the time at which the draft was saved, in seconds since 1970."""
    time = datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    return {**pages_task(), "drafts": [{"user": user, "updated_at": time, "result": list(drawn)}]}


def test_a_click_after_a_draft_that_was_saved_before_a_slow_answer_refines_the_first_one() -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    web.parts = replace(web.parts, drafts=Drafts((DraftRecord(ANN, []),)))
    ask(web, saved(ANN, web.clock.now_s()), keypoint("Cat", page=1, x=20.0, region_id="k2"))
    assert (clicks(web, ANN), clicks(web, "")) == ([10, 20], [])


def test_a_click_before_the_first_ones_answer_refines_it() -> None:
    """The draft is saved and the second click sent while the first one is computed."""
    web = FakeWeb(segmenter=PointingSegmenter())
    refused = {"label_config": FRAMES, "project": "1.17"}
    web.media.error = ServiceUnavailable("the worker is busy")
    first = predict_body(pages_task(), regions=[keypoint("Cat", page=1, x=10.0)], **refused)
    assert web.client().post("/predict", json=first).status_code == 503
    web.media.error = None
    web.parts = replace(web.parts, drafts=Drafts((DraftRecord(ANN, []),)))
    ask(web, saved(ANN, web.clock.now_s()), keypoint("Cat", page=1, x=20.0, region_id="k2"))
    assert (clicks(web, ANN), clicks(web, "")) == ([10, 20], [])


@pytest.mark.parametrize("case", ["another user's draft", "saved before the click", "saved after the answer"])
def test_a_click_of_a_user_with_an_empty_draft_takes_nobody_elses(case: str) -> None:
    web = FakeWeb(segmenter=PointingSegmenter())
    early = web.clock.now_s()
    web.clock.sleep(20.0)
    ask(web, pages_task(), keypoint("Cat", page=1, x=10.0))
    answered = web.clock.now_s()
    web.clock.sleep(20.0)
    at = {"saved before the click": early, "saved after the answer": web.clock.now_s()}.get(case, answered)
    others = (DraftRecord(BEN, []),) if case == "another user's draft" else ()
    web.parts = replace(web.parts, drafts=Drafts((DraftRecord(ANN, []), *others)))
    ask(web, saved(ANN, at), keypoint("Cat", page=1, x=20.0, region_id="k2"))
    assert (clicks(web, ANN), clicks(web, "")) == ([20], [10])
