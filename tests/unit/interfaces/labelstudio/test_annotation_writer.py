"""Masks of the player in submitted annotations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.reading.stored_masks import stored_objects
from backend.adapters.labelstudio.written_regions import reference_of
from backend.application.jobs.retry import retry_now
from backend.application.player.submitted_masks import SubmittedMasks
from backend.application.player.timeline import Timelines
from backend.domain.errors import LabelStudioRefused, LabelStudioUnavailable, NotFound
from backend.domain.tasks import TaskKey
from backend.domain.verdicts import MaskVerdicts
from backend.domain.video import FrameIndex, FrameRange
from backend.interfaces.labelstudio.annotation_writer import CLAIM_S, AnnotationWriter
from backend.interfaces.labelstudio.annotations import AnnotationSync, ChangeHint
from backend.interfaces.labelstudio.unfinished_tracks import UnfinishedTracks
from tests.fakes.web import TestClient
from tests.unit.interfaces.http.player.builders import (
    CLICK,
    TASK,
    Json,
    LabelStudioUsers,
    PlayerWeb,
    TaskReader,
)

KEY = TaskKey(2, 8)
ANN, BOB = "ann@example.org", "bob@example.org"
VERDICT: Json = {"id": "v1", "from_name": "verdict", "to_name": "player", "type": "choices", "value": {"choices": []}}


@dataclass
class Annotations(TaskReader):
    """A Label Studio with annotations. before_read: runs before each read of one annotation."""

    saved: dict[int, AnnotationRecord] = field(default_factory=dict)
    changes: int = 0
    puts: int = 0
    before_read: Callable[[int], object] = lambda _: None
    error: Exception | None = None
    singles: int = 0

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        return tuple(self.saved.values())

    def read(self, annotation_id: int) -> AnnotationRecord:
        self.singles += 1
        self.before_read(self.singles)
        if annotation_id not in self.saved:
            raise NotFound("404")
        return self.saved[annotation_id]

    def put_result(self, annotation_id: int, result: list[object]) -> AnnotationRecord:
        if self.error is not None:
            raise self.error
        self.puts += 1
        self.change(annotation_id, result)
        return self.saved[annotation_id]

    def change(self, annotation_id: int, result: list[object], *, user: str = ANN, is_skipped: bool = False) -> None:
        self.changes += 1
        author, at = f"A B {user}, 3", f"2026-01-02 00:00:00.{self.changes:06d}+00:00"
        self.saved[annotation_id] = AnnotationRecord(annotation_id, "3", is_skipped, result, author, at)


@dataclass
class Stack:
    """A web process with a player in which Ann works, and the Label Studio behind it."""

    label_studio: Annotations = field(default_factory=Annotations)

    def __post_init__(self) -> None:
        self.player = PlayerWeb(LabelStudioUsers(), self.label_studio)
        self.web = self.player.web
        self.client: TestClient = self.player.opened("ann-1")

    @property
    def writer(self) -> AnnotationWriter:
        """A writer as of a process that has just started."""
        masks, channel = self.web.parts.open_current_masks(), self.web.prewarm_channel
        submitted = SubmittedMasks(masks, Timelines(masks, self.web.parts.key_values))
        tracks = UnfinishedTracks(self.web.parts.key_values)
        return AnnotationWriter(
            self.label_studio, self.label_studio, self.web.models, submitted, tracks, channel, random=lambda: 0.0
        )

    @property
    def sync(self) -> AnnotationSync:
        return self.web.annotation_sync(self.label_studio)

    def click(self, name: str = "Cat", *, frame: int = 0, label: str = "Cat") -> None:
        assert self.client.put(f"{TASK}/prompts/{frame}/{name}", json={**CLICK, "label": label}).status_code == 200

    def propagate(self, *, count: int | None = None) -> None:
        wanted = {"start": 0, "direction": "forward", "count": count}
        assert self.client.post(f"{TASK}/propagations", json=wanted).status_code == 202

    def submit(self, *result: object, number: int = 7, user: str = ANN) -> None:
        self.label_studio.change(number, list(result), user=user)
        self.sync.adopt(ChangeHint(KEY, number))

    def result(self, number: int = 7) -> list[Any]:
        return self.label_studio.saved[number].result

    def own(self, number: int = 7) -> dict[str, Any]:
        """The regions that Masklet wrote, by object."""
        return {str(found.object_id): item for item in self.result(number) if (found := reference_of(item))}


@pytest.fixture
def stack() -> Stack:
    return Stack()


def keyframes(region: Any) -> list[tuple[int, bool]]:  # noqa: ANN401
    return [(entry["frame"], entry["enabled"]) for entry in region["value"]["sequence"]]


def box(region_id: str, *, origin: str = "manual") -> Json:
    """A region of one keyframe as the page sends it."""
    keyframe = {"frame": 3, "enabled": True, "rotation": 0, "x": 10, "y": 10, "width": 50, "height": 50}
    return {
        "id": region_id,
        "type": "videorectangle",
        "from_name": "box",
        "to_name": "video",
        "origin": origin,
        "value": {"sequence": [keyframe], "labels": ["Dog"]},
    }


def test_a_submitted_annotation_gets_one_region_an_object(stack: Stack) -> None:
    stack.click()
    stack.click("Cat 2", frame=1)
    stack.propagate(count=3)
    stack.web.work_off_all()
    stack.submit(VERDICT)
    assert stack.result() == [VERDICT]
    stack.writer.sweep()
    verdict, *_ = stack.result()
    assert verdict == VERDICT
    regions = stack.own()
    assert set(regions) == {"Cat", "Cat 2"}
    assert len({region["id"] for region in regions.values()}) == 2
    for region in regions.values():
        assert (region["type"], region["from_name"], region["to_name"]) == ("videorectangle", "box", "video")
        assert region["value"]["labels"] == ["Cat"]
    assert keyframes(regions["Cat"]) == [(1, True), (2, True), (3, True), (4, False)]


def test_the_stored_masks_are_those_that_the_player_shows(stack: Stack) -> None:
    stack.click()
    stack.click("Cat 2", frame=1)
    stack.propagate(count=3)
    stack.web.work_off_all()
    approved = {"object": "Cat", "start": 2, "stop": 3}
    assert stack.client.put(f"{TASK}/approvals", json=approved).status_code == 200
    stack.submit(VERDICT)
    stack.writer.sweep()
    shown = stack.client.get(f"{TASK}/masks?start=0&stop=10").json()["masks"]
    stored = stored_objects(stack.result(), stack.web.masks, stack.web.media.video.info)
    found = [
        {"object": str(name), "frame": index, "counts": frame.mask.counts, "origin": str(frame.origin)}
        for name, each in stored.objects.items()
        for index, frame in each.frames.items()
    ]
    expected = [
        {"object": each["object"], "frame": each["frame"], "counts": each["rle"]["counts"], "origin": each["origin"]}
        for each in shown
        if each["rle"]
    ]
    key = lambda each: (each["object"], each["frame"])  # noqa: E731
    assert sorted(found, key=key) == sorted(expected, key=key)
    assert "human" in {each["origin"] for each in found}


def states(stack: Stack) -> dict[str, str]:
    """What counts for the objects of Ann's annotation, by her verdicts."""
    given = stack.web.stored.everybodys_verdicts(KEY.project_id, task=KEY)
    stored = stored_objects(stack.result(), stack.web.masks, stack.web.media.video.info)
    verdicts = MaskVerdicts.of(given, stored.digests, author=ANN)
    return {str(name): verdicts.state(name).value for name in stored.objects}


def judge(stack: Stack, verdict: str, name: str = "") -> None:
    address = f"{TASK}/verdicts/{name}" if name else f"{TASK}/verdicts"
    assert stack.client.put(address, json={"verdict": verdict, "comment": ""}).status_code == 200


def test_a_verdict_counts_for_the_masks_of_the_annotation(stack: Stack) -> None:
    stack.click()
    stack.click("Cat 2", frame=1)
    stack.propagate()
    stack.web.work_off_all()
    judge(stack, "satisfactory", "Cat")
    stack.submit(VERDICT)
    stack.writer.sweep()
    assert states(stack) == {"Cat": "satisfactory", "Cat 2": "none"}
    judge(stack, "redo")
    assert states(stack) == {"Cat": "satisfactory", "Cat 2": "redo"}
    moved = stack.own()["Cat"]
    moved["value"]["sequence"][0]["x"] += 5
    assert states(stack) == {"Cat": "outdated", "Cat 2": "outdated"}


def test_edits_after_submit_do_not_outdate_the_verdict_on_the_annotation(stack: Stack) -> None:
    stack.click()
    stack.propagate()
    stack.web.work_off_all()
    judge(stack, "satisfactory", "Cat")
    stack.submit(VERDICT)
    stack.writer.sweep()
    stack.click(frame=4)
    assert stack.client.get(TASK).json()["verdicts"][0]["is_outdated"] is True
    assert states(stack) == {"Cat": "satisfactory"}
    judge(stack, "redo", "Cat")
    assert states(stack) == {"Cat": "outdated"}
    stack.submit(*stack.result())
    stack.writer.sweep()
    assert states(stack) == {"Cat": "redo"}


def test_an_update_adds_the_digests_that_an_earlier_version_did_not_write(stack: Stack) -> None:
    stack.click()
    judge(stack, "satisfactory", "Cat")
    stack.submit(VERDICT)
    stack.writer.sweep()
    for field_name in ("masks", "all_masks"):
        del stack.own()["Cat"]["meta"]["masklet"][field_name]
    assert states(stack) == {"Cat": "outdated"}
    stack.submit(*stack.result())
    stack.writer.sweep()
    assert states(stack) == {"Cat": "satisfactory"}


def test_a_write_causes_no_other(stack: Stack) -> None:
    stack.click()
    stack.propagate()
    stack.web.work_off_all()
    stack.submit(VERDICT)
    jobs = len(stack.web.stored.jobs())
    for _ in range(3):
        stack.writer.sweep()
        stack.sync.adopt(ChangeHint(KEY, 7))
        stack.sync.adopt(ChangeHint(KEY))
    assert (stack.label_studio.puts, len(stack.web.stored.jobs())) == (1, jobs)
    assert stack.web.stored.prompts(KEY, user=ANN).object_ids == ("Cat",)


def test_submission_keeps_the_prompts_of_the_player(stack: Stack) -> None:
    stack.click()
    before = stack.web.stored.prompts(KEY, user=ANN).digest()
    stack.submit(VERDICT)
    assert stack.web.stored.prompts(KEY, user=ANN).digest() == before


def test_a_write_waits_for_the_running_propagation(stack: Stack) -> None:
    stack.click()
    stack.propagate()
    stack.submit(VERDICT)
    stack.writer.sweep()
    assert (stack.label_studio.puts, stack.label_studio.singles) == (0, 0)
    stack.web.work_off_all()
    stack.writer.sweep()
    assert len(keyframes(stack.own()["Cat"])) == 10
    assert keyframes(stack.own()["Cat"])[-1] == (10, True)


def test_an_update_replaces_the_earlier_regions(stack: Stack) -> None:
    stack.click()
    stack.submit(VERDICT)
    stack.writer.sweep()
    before = stack.own()["Cat"]
    assert keyframes(before) == [(1, False)]
    stack.propagate()
    stack.web.work_off_all()
    stack.writer.sweep()
    assert stack.own()["Cat"] == before  # no update was pressed
    stack.submit(*stack.result())
    stack.writer.sweep()
    assert len(keyframes(stack.own()["Cat"])) == 10
    assert stack.own()["Cat"]["id"] == before["id"]
    assert stack.client.delete(f"{TASK}/objects/Cat").status_code == 200
    stack.submit(*stack.result())
    stack.writer.sweep()
    assert stack.result() == [VERDICT]


def test_a_newer_annotation_is_not_overwritten(stack: Stack) -> None:
    stack.click()
    stack.submit(VERDICT)
    changed = {**VERDICT, "value": {"choices": ["redo"]}}

    def change(reading: int) -> None:
        if reading == 2:
            stack.label_studio.change(7, [changed])

    stack.label_studio.before_read = change
    stack.writer.sweep()
    assert stack.result()[0] == changed
    assert set(stack.own()) == {"Cat"}


def test_a_deleted_annotation_ends_its_write(stack: Stack) -> None:
    stack.click()
    stack.submit(VERDICT)
    stack.label_studio.saved.clear()
    stack.writer.sweep()
    assert stack.web.stored.due_annotation_writes(9e9) == ()
    assert stack.web.stored.failed_tries() == ()


def test_a_pending_write_survives_outages_and_restarts(stack: Stack) -> None:
    stack.click()
    stack.submit(VERDICT)
    stack.label_studio.error = LabelStudioUnavailable("503")
    stack.writer.sweep()
    (failed,) = stack.web.stored.failed_tries()
    assert (failed.kind, failed.task, failed.is_given_up) == ("write", KEY, False)
    (write,) = stack.web.stored.due_annotation_writes(9e9)
    stack.label_studio.error = None
    stack.writer.sweep()
    assert stack.own() == {}
    stack.web.clock.sleep(10)
    stack.web.stored.claim_annotation_write(write, until_s=stack.web.clock.now_s() + CLAIM_S)  # and is killed
    stack.writer.sweep()
    assert stack.own() == {}
    stack.web.clock.sleep(CLAIM_S)
    stack.writer.sweep()
    assert set(stack.own()) == {"Cat"}
    assert stack.web.stored.failed_tries() == ()


def test_a_refused_write_is_given_up_after_a_day_and_retried_on_request(stack: Stack) -> None:
    stack.click()
    stack.submit(VERDICT)
    stack.label_studio.error = LabelStudioRefused("400")
    for _ in range(30):
        stack.writer.sweep()
        stack.web.clock.sleep(3600)
    assert [failed.is_given_up for failed in stack.web.stored.failed_tries()] == [True]
    stack.label_studio.error = None
    stack.writer.sweep()
    assert stack.own() == {}
    assert retry_now(stack.web.stored).given_up == 1
    stack.writer.sweep()
    assert set(stack.own()) == {"Cat"}


def test_other_peoples_annotations_get_nothing(stack: Stack) -> None:
    stack.click()
    stack.submit(VERDICT, number=9, user=BOB)
    stack.writer.sweep()
    assert stack.result(9) == [VERDICT]


def test_annotations_that_changed_since_the_last_poll_are_all_written(stack: Stack) -> None:
    stack.click()
    stack.label_studio.change(7, [VERDICT])
    stack.label_studio.change(9, [VERDICT], user=BOB)
    stack.sync.adopt(ChangeHint(KEY))  # a poll names the task alone
    stack.writer.sweep()
    assert (set(stack.own(7)), stack.own(9)) == ({"Cat"}, {})


def test_a_skipped_task_gets_nothing(stack: Stack) -> None:
    stack.click()
    stack.submit(VERDICT)
    stack.label_studio.change(7, [VERDICT], is_skipped=True)
    stack.writer.sweep()
    assert stack.result() == [VERDICT]
    assert stack.web.stored.due_annotation_writes(9e9) == ()


def test_a_box_that_a_person_moved_stays_and_is_no_prompt(stack: Stack) -> None:
    stack.click()
    stack.click("Dog", label="Dog")
    stack.submit(VERDICT)
    stack.writer.sweep()
    region = stack.own()["Cat"]
    moved = {**region, "value": {**region["value"], "sequence": [{**region["value"]["sequence"][0], "x": 50.0}]}}
    rest = [item for item in stack.result() if item != region]
    before = stack.web.stored.prompts(KEY, user=ANN).digest()
    stack.submit(*rest, moved)
    stack.propagate()
    stack.web.work_off_all()
    stack.writer.sweep()
    assert stack.web.stored.prompts(KEY, user=ANN).digest() == before
    assert stack.own()["Cat"] == moved
    assert len(keyframes(stack.own()["Dog"])) == 10


def test_a_region_that_the_person_drew_is_added_to_the_prompts_and_stays(stack: Stack) -> None:
    stack.click()
    drawn = box("b1")
    stack.submit(VERDICT, drawn)
    assert set(stack.web.stored.prompts(KEY, user=ANN).object_ids) == {"Cat", "b1"}
    stack.web.work_off_all()
    stack.writer.sweep()
    assert stack.result()[:2] == [VERDICT, drawn]
    assert set(stack.own()) == {"Cat"}


def test_copies_of_an_older_prediction_are_no_prompts(stack: Stack) -> None:
    stack.click()
    stack.click("Dog", label="Dog")
    before = stack.web.stored.prompts(KEY, user=ANN).digest()
    changed = box("Dog", origin="prediction-changed")
    stack.submit(box("Cat", origin="prediction"), changed)
    stack.writer.sweep()
    assert stack.web.stored.prompts(KEY, user=ANN).digest() == before
    assert set(stack.own()) == {"Cat"}
    assert [item for item in stack.result() if not reference_of(item)] == [changed]


def test_without_a_videorectangle_nothing_is_written(stack: Stack) -> None:
    stack.label_studio.config = stack.label_studio.config.replace('<VideoRectangle name="box" toName="video"/>', "")
    stack.click()
    stack.label_studio.change(7, [VERDICT])
    with pytest.raises(Exception, match="no tag on its <Video>"):
        stack.sync.adopt(ChangeHint(KEY, 7))
    assert stack.web.stored.due_annotation_writes(9e9) == ()


def test_later_edits_do_not_change_the_masks_of_an_annotation(stack: Stack) -> None:
    stack.click()
    stack.submit(VERDICT)
    stack.writer.sweep()
    reference = reference_of(stack.own()["Cat"])
    assert reference is not None
    before = stack.web.masks.read(reference.run, FrameRange(FrameIndex(0), FrameIndex(1)))
    stack.client.delete(f"{TASK}/objects/Cat")
    after = stack.web.masks.read(reference.run, FrameRange(FrameIndex(0), FrameIndex(1)))
    assert replace(after) == replace(before)
    assert len(after.masklets[0].frames) == 1
