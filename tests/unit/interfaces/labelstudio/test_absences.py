"""Masks that a person deleted, "✕ gone", and masks that an answer clears in place."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.mask_forms.brush_rle import decode_rle, encode_rle
from backend.adapters.labelstudio.writing.regions import region_id
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from tests.fakes.engine import SIZE, FakeSegmenter
from tests.fakes.web import FRAMES, FakeWeb, keypoint, pages_task, predict_body

TASK = TaskKey(1, 7)
ANN = "ann@example.org"
CONFIG = FRAMES.replace(
    '<Label value="✕ reset"/>', '<Label value="✕ reset"/><Label value="✕ gone"/><Label value="✕ gone Dog"/>'
)
Json = dict[str, Any]


class AbsentSegmenter(FakeSegmenter):
    """Makes no mask where the prompt has a negative click, or where a mask prompt has no pixel."""

    def _masks(self, prompts: PromptSet, index: FrameIndex) -> FrameMasks:
        frame = super()._masks(prompts, index)
        gone = {p.object_id for p in prompts.on_frame(index) if p.mask is not None or not p.points[-1].positive}
        for shown in frame.objects:
            if shown.object_id in gone:
                shown.mask[:] = False
        return frame


@dataclass
class Page:
    """Ann's page: its regions by id, as answers and the person change them. The draft is saved at once."""

    name: int = 5
    regions: dict[str, Json] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.web = FakeWeb(segmenter=AbsentSegmenter())
        self.clicks = 0

    def send(
        self,
        label: str,
        page: int = 0,
        *,
        draft: bool = True,
        named: bool = True,
        accept: bool = True,
        **click: Any,  # noqa: ANN401
    ) -> list[Json]:
        """Clicks with a label. draft: whether it is saved by then. accept: whether the page takes the answer.

        named: False before the first draft, without which Label Studio names nobody.
        """
        self.clicks += 1
        region = {**keypoint(label, page=page, region_id=f"k{self.clicks}"), **click}
        drafts = [{"id": self.name, "user": ANN, "updated_at": "2026", "result": list(self.regions.values())}]
        saved = drafts if draft else [{**drafts[0], "result": []}]
        task = {**pages_task(), "drafts": saved if named else []}
        body = predict_body(task, label_config=CONFIG, project="1.17", regions=[region])
        reply = self.web.client().post("/predict", json=body)
        assert reply.status_code == 200, reply.text
        answer = list(reply.json()["results"][0]["result"])
        if accept:
            self.regions |= {each["id"]: each for each in answer}
        return answer

    def delete(self, label: str, *pages: int) -> None:
        for page in pages:
            del self.regions[region_id(TASK, ObjectId(label), page)]

    def shown(self, label: str) -> list[int]:
        """The pages that show a mask of a label."""
        masks = ((each["item_index"], each["value"]) for each in self.regions.values())
        return sorted(
            n for n, value in masks if value["brushlabels"] == [label] and decode_rle(value["rle"], SIZE).any()
        )


@pytest.fixture
def page() -> Page:
    return Page()


def test_a_deleted_mask_does_not_come_back(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2")
    page.delete("Cat", 1)
    page.send("▶ 2")
    assert page.shown("Cat") == [0, 2]
    page.send("▶ 2", 2)
    assert page.shown("Cat") == [0, 2, 3, 4]


def test_a_mask_that_is_deleted_before_the_first_draft_does_not_come_back(page: Page) -> None:
    page.send("Cat", named=False)
    page.send("▶ 2", named=False)
    page.delete("Cat", 1)
    page.send("▶ 2")
    assert page.shown("Cat") == [0, 2]


def test_a_mask_that_an_earlier_draft_had_is_missed_alone(page: Page) -> None:
    page.send("Cat", 4)
    page.send("Dog", 4)
    page.send("▶ 2", 4)
    page.delete("Dog", 4)
    page.send("▶ 2", 3)
    assert page.shown("Dog") == [3, 5, 6]
    assert page.shown("Cat") == [3, 4, 5, 6]


def test_a_click_on_the_page_takes_the_absence_back(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2")
    page.delete("Cat", 1)
    page.send("▶ 2")
    page.send("Cat", 1)
    assert page.shown("Cat") == [0, 1, 2]
    page.delete("Cat", 2)
    page.send("▶ 2", 0)
    assert page.shown("Cat") == [0, 1]


def test_masks_that_never_reached_the_page_are_not_deleted(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2", accept=False)
    page.send("▶ 2", 1, draft=False, accept=False)
    page.send("Dog", 3)
    page.send("▶ 2")
    assert page.shown("Cat") == [0, 1, 2]


def test_a_longer_answer_that_is_not_in_the_draft_yet_deletes_nothing(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2")
    late = page.send("▶ 2", 2, accept=False)
    page.send("Dog", 0)
    page.regions |= {each["id"]: each for each in late}
    page.send("▶ 2", 3)
    assert page.shown("Cat") == [0, 1, 2, 3, 4, 5]


def test_undo_of_an_answer_is_no_deletion(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2")
    page.send("Dog", 5)
    page.delete("Cat", 1, 2)
    page.send("▶ 2")
    assert page.shown("Cat") == [0, 1, 2]


def test_masks_removed_after_a_reset_are_no_deletion(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2")
    page.send("✕ reset")
    page.send("Cat", 3)
    page.delete("Cat", 0, 1)
    page.send("Dog", 9)
    page.send("Cat", 0)
    page.send("▶ 2")
    assert page.shown("Cat") == [0, 1, 2, 3]


def test_another_draft_deletes_nothing(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2")
    page.send("Dog", 9)
    page.name, page.regions = 6, {}
    page.send("▶ 2")
    assert page.shown("Cat") == [0, 1, 2]


def test_a_mask_that_is_erased_as_a_whole_does_not_come_back(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2")
    erased = page.regions[region_id(TASK, ObjectId("Cat"), 1)]
    erased["value"] = {**erased["value"], "rle": encode_rle(np.zeros((SIZE.height, SIZE.width), np.bool_))}
    page.send("▶ 2")
    assert page.shown("Cat") == [0, 2]


def test_a_negative_click_that_leaves_nothing_clears_the_mask(page: Page) -> None:
    page.send("Cat")
    page.send("▶ 2")
    page.web.clock.sleep(6.0)
    answer = page.send("Cat", 1, is_positive=False)
    assert [each["id"] for each in answer] == [region_id(TASK, ObjectId("Cat"), 1)]
    assert page.shown("Cat") == [0, 2]
    page.send("▶ 2")
    assert page.shown("Cat") == [0, 2]


def test_nothing_is_cleared_where_nothing_was_shown(page: Page) -> None:
    page.send("Cat")
    page.web.clock.sleep(6.0)
    assert page.send("Cat", 4, is_positive=False) == []


@pytest.mark.parametrize("label", ["✕ gone", "✕ gone Dog"])
def test_gone_takes_the_object_at_the_click_off_the_page(page: Page, label: str) -> None:
    page.send("Dog")
    page.send("▶ 2")
    page.send(label, 1)
    assert page.shown("Dog") == [0, 2]
    (absence,) = (prompt for prompt in page.web.stored.prompts(TASK, user=ANN) if prompt.mask is not None)
    assert (absence.object_id, absence.frame_index, absence.mask is not None and absence.mask.any()) == (
        "Dog",
        1,
        False,
    )
    page.send("▶ 2")
    assert page.shown("Dog") == [0, 2]


def test_gone_is_refused_if_two_objects_may_be_meant(page: Page) -> None:
    page.send("Cat")
    page.send("Dog")
    drafts = [{"id": 5, "user": ANN, "updated_at": "2026", "result": list(page.regions.values())}]
    body = predict_body(
        {**pages_task(), "drafts": drafts}, label_config=CONFIG, project="1.17", regions=[keypoint("✕ gone", page=0)]
    )
    reply = page.web.client().post("/predict", json=body)
    assert (reply.status_code, "2 masks may be meant" in reply.json()["detail"]) == (400, True)
