"""Box tracks that are answered before they are finished: what the page gets, and what a submitted annotation gets."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from backend.adapters.labelstudio.writing.progress import ENDING
from backend.application.player.submitted_masks import SubmittedMasks
from backend.application.player.timeline import Timelines
from backend.domain.jobs import JobState
from backend.domain.tasks import TaskKey
from backend.interfaces.labelstudio.annotation_writer import AnnotationWriter
from backend.interfaces.labelstudio.annotations import ChangeHint
from backend.interfaces.labelstudio.unfinished_tracks import UnfinishedTracks
from tests.fakes.web import VIDEO, FakeWeb, predict_body, video_box, video_task
from tests.unit.interfaces.labelstudio.test_annotation_writer import Annotations

KEY = TaskKey(2, 8)
ANN = "ann@example.org"
Json = dict[str, Any]


@dataclass
class Page:
    """Ann's page of a video task. Its worker stops after some frames of a propagation until it is told to go on."""

    label_studio: Annotations = field(default_factory=lambda: Annotations(config=VIDEO))

    def __post_init__(self) -> None:
        self.web = FakeWeb()
        self.web.clock.work = self.work  # type: ignore[attr-defined]
        self.frames_left = 0

    def work(self) -> None:
        """Opens media, and computes the frames that are left."""
        while self.web.prewarm_loop.run_next(0.0):
            pass
        while self.frames_left > 0 and (queued := self.web.stored.jobs(states=(JobState.QUEUED,))):
            self.web.segmenter.on_frame = self.count
            self.web.runner.run(queued[0].job_id, queued[0].attempt, lambda: self.frames_left <= 0)

    def count(self, _: int) -> None:
        self.frames_left -= 1

    def finish(self) -> None:
        self.frames_left = 1000
        self.work()

    def label(self, *boxes: Json, frames: int = 0, draft: bool = True) -> list[Json]:
        """The regions of the answer to these boxes, of which one was just labelled. frames: computed meanwhile."""
        self.frames_left = frames
        drafts = [{"user": ANN, "updated_at": "2026-01-01", "result": []}] if draft else []
        body = predict_body({**video_task(), "drafts": drafts}, label_config=VIDEO, project="2.17", regions=list(boxes))
        reply = self.web.client().post("/predict", json=body)
        assert reply.status_code == 200, reply.text
        return list(reply.json()["results"][0]["result"])

    def submit(self, *result: Json, number: int = 7) -> None:
        self.label_studio.change(number, list(result), user=ANN)
        self.web.annotation_sync(self.label_studio).adopt(ChangeHint(KEY, number))

    def write(self) -> None:
        """A sweep of a process that has just started."""
        key_values, masks = self.web.parts.key_values, self.web.parts.open_current_masks()
        submitted, tracks = SubmittedMasks(masks, Timelines(masks, key_values)), UnfinishedTracks(key_values)
        AnnotationWriter(
            self.label_studio, self.label_studio, self.web.models, submitted, tracks, self.web.prewarm_channel
        ).sweep()

    def result(self, number: int = 7) -> list[Any]:
        return self.label_studio.saved[number].result


@pytest.fixture
def page() -> Page:
    return Page()


def box(label: str = "Dog", *frames: int, region_id: str = "b1") -> Json:
    """A box with keyframes on these frames (1-based), as the page sends it."""
    region: Json = video_box(label, frame=frames[0] if frames else 1, region_id=region_id)
    (first,) = region["value"]["sequence"]
    region["value"]["sequence"] = [{**first, "frame": frame} for frame in frames or (1,)]
    return region


def keyframes(region: Json) -> list[tuple[int, bool]]:
    return [(entry["frame"], entry["enabled"]) for entry in region["value"]["sequence"]]


def numbered(first: int, last: int) -> list[tuple[int, bool]]:
    """Keyframes on these frames; the last one switches the box off unless it is the video's last."""
    return [(number, number < last or last == 10) for number in range(first, last + 1)]


def note(region: Json) -> str:
    return " ".join(region.get("meta", {}).get("text", []))


def test_an_unfinished_track_ends_says_how_far_it_is_and_is_longer_the_next_time(page: Page) -> None:
    (first,) = page.label(box(), frames=4)
    assert keyframes(first) == numbered(1, 4)
    assert note(first) == f"4 of 10 {ENDING}"
    (second,) = page.label(first, frames=3)
    assert len(keyframes(second)) > 4
    assert keyframes(second)[-1][1] is False
    (last,) = page.label(second, frames=100)
    assert (keyframes(last), note(last)) == (numbered(1, 10), "")
    assert len(page.web.stored.jobs(task=KEY)) == 1


def test_without_a_mask_yet_the_box_alone_comes_back(page: Page) -> None:
    (answered,) = page.label(box("Dog", 3))
    assert (keyframes(answered), note(answered)) == ([(3, False)], f"0 of 10 {ENDING}")
    (again,) = page.label(answered, frames=100)
    assert keyframes(again) == numbered(1, 10)


def test_boxes_after_the_last_mask_stay_prompts(page: Page) -> None:
    (answered,) = page.label(box("Dog", 1, 8), frames=4)
    assert keyframes(answered) == [*numbered(1, 4), (8, False)]
    page.label(answered)
    assert [prompt.frame_index for prompt in page.web.stored.prompts(KEY, user=ANN)] == [0, 7]
    answered["value"]["sequence"].pop()
    page.label(answered)
    assert [prompt.frame_index for prompt in page.web.stored.prompts(KEY, user=ANN)] == [0]


def test_an_unfinished_track_is_completed_in_the_annotation_once(page: Page) -> None:
    (partial,) = page.label(box(), frames=4)
    page.submit(partial)
    page.write()
    assert page.result() == [partial]
    page.finish()
    page.write()
    (whole,) = page.result()
    assert (keyframes(whole), note(whole), whole["id"]) == (numbered(1, 10), "", "b1")
    assert whole["value"]["labels"] == ["Dog"]
    jobs = len(page.web.stored.jobs())
    for _ in range(2):
        page.web.annotation_sync(page.label_studio).adopt(ChangeHint(KEY, 7))
        page.write()
    assert (page.label_studio.puts, len(page.web.stored.jobs())) == (1, jobs)


def test_a_box_whose_answer_the_page_dropped_is_completed(page: Page) -> None:
    first, second = box("Dog", 2), box("Cat", 1, region_id="b2")
    page.label(first, frames=100, draft=False)
    (answered,) = page.label(second, frames=100, draft=False)
    page.submit(first, answered)
    page.finish()
    page.write()
    assert [keyframes(region) for region in page.result()] == [numbered(1, 10), numbered(1, 10)]
    assert [region["value"]["labels"] for region in page.result()] == [["Dog"], ["Cat"]]


def test_a_track_that_the_person_changed_stays(page: Page) -> None:
    (partial,) = page.label(box(), frames=4)
    sequence = [{**entry, "x": 30.0} if entry["frame"] == 2 else entry for entry in partial["value"]["sequence"]]
    changed = {**partial, "value": {**partial["value"], "sequence": sequence}}
    page.submit(changed)
    page.finish()
    page.write()
    assert page.result() == [changed]


def test_a_newer_change_during_the_write_stays(page: Page) -> None:
    (partial,) = page.label(box(), frames=4)
    page.submit(partial)
    page.finish()
    cut = {**partial, "value": {**partial["value"], "sequence": partial["value"]["sequence"][:2]}}

    def change(reading: int) -> None:
        if reading == 2:
            page.label_studio.change(7, [cut])

    page.label_studio.before_read = change
    page.write()
    assert page.result() == [cut]


def test_a_box_that_was_never_sent_is_not_completed(page: Page) -> None:
    drawn = box()
    page.submit(drawn)
    page.finish()
    page.write()
    assert page.result() == [drawn]
    assert page.web.stored.prompts(KEY, user=ANN)


def test_a_submission_does_not_start_the_running_propagation_over(page: Page) -> None:
    drawn = box()
    drawn["value"]["sequence"][0]["x"] = 10.123456789
    (partial,) = page.label(drawn, frames=4)
    page.submit(partial)
    (job,) = page.web.stored.jobs(task=KEY)
    assert job.state is JobState.QUEUED


def test_tracks_of_another_model_are_not_completed(page: Page) -> None:
    (partial,) = page.label(box(), frames=4)
    model = page.web.models.model
    assert model is not None
    page.web.models.model = replace(model, version="masklet-other-00000000")
    page.submit(partial)
    page.finish()
    page.write()
    assert page.result() == [partial]


def test_the_boxes_of_one_label_are_all_in_the_next_answer(page: Page) -> None:
    first, second = box("Dog", 1), box("Dog", 2, region_id="b2")
    page.label(first)
    answered = page.label(first, second, frames=100)
    assert [(region["id"], keyframes(region)) for region in answered] == [
        ("b1", numbered(1, 10)),
        ("b2", numbered(1, 10)),
    ]
