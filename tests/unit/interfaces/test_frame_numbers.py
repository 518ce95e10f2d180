"""A frame number of the page is the frame shown at it, from the request to the ledger and back."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.api.client import ChangedTask, TaskRecord
from backend.domain.errors import ServiceUnavailable
from backend.domain.frame_times import FrameTimes
from backend.domain.geometry import Box
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex
from backend.interfaces.labelstudio.annotations import ChangeHint
from tests.fakes.engine import FakeMedia, FakeVideo
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.prewarm import FakePrewarmChannel
from tests.fakes.web import VIDEO, FakeWeb, predict_body, video_box, video_task

TASK = TaskKey(2, 8)
STARTS_MS = (0, 10, 500, 530, 540, 600, 610, 900, 1000, 1100)
AT_25 = {1: 0, 2: 1, 13: 1, 14: 2, 15: 4, 31: 9}
"""Number of the page and frame: 2 is 0.042 s, 14 is 0.522 s. Frame 3 is shown at no number."""


class TimedVideo(FakeVideo):
    """Ten frames whose rate varies."""

    def __init__(self) -> None:
        super().__init__()
        times = FrameTimes.of(np.asarray(STARTS_MS, np.int64), Fraction(1, 1000), end=1240)
        self._info = replace(self._info, times=times, variable_rate=True)


def timed_web() -> FakeWeb:
    return FakeWeb(media=FakeMedia(TimedVideo()))


def ask(web: FakeWeb, *regions: dict[str, object], config: str = VIDEO, data: object = None) -> dict[str, Any]:
    task = video_task() if data is None else {**video_task(), "data": data}
    body = predict_body(task, label_config=config, project="2.1", regions=list(regions))
    reply = web.client().post("/predict", json=body)
    assert reply.status_code == 200, reply.text
    result: dict[str, Any] = reply.json()["results"][0]
    return result


def prompted(web: FakeWeb) -> list[int]:
    return [int(prompt.frame_index) for prompt in web.stored.prompts(TASK)]


def frames_of(result: dict[str, Any]) -> list[int]:
    (region,) = result["result"]
    return [keyframe["frame"] for keyframe in region["value"]["sequence"]]


@pytest.mark.parametrize(("number", "frame_index"), AT_25.items())
def test_a_box_is_a_prompt_on_the_shown_frame(number: int, frame_index: int) -> None:
    web = timed_web()
    ask(web, video_box(frame=number))
    assert prompted(web) == [frame_index]


def test_an_answer_has_the_numbers_at_which_its_frames_are_shown() -> None:
    """The page's numbers are 1 to 31; a frame with several numbers has its box at the first and the last."""
    answer = ask(timed_web(), video_box(frame=14))
    assert frames_of(answer) == [1, 2, 13, 14, 15, 16, 17, 23, 24, 25, 26, 28, 29, 31]
    assert answer["result"][0]["value"]["framesCount"] == 31
    assert answer["result"][0]["value"]["duration"] == 1.24


def test_the_frame_rate_is_read_from_the_task_s_data() -> None:
    web = timed_web()
    config = VIDEO.replace('framerate="25"', 'framerate="$fps"')
    answer = ask(web, video_box(frame=6), config=config, data={"video": "/data/clip.mp4", "fps": 10})
    assert prompted(web) == [2]
    assert frames_of(answer) == [1, 2, 5, 6, 7, 8, 9, 10, 11, 12]
    web.parts.reconciler.sweep()
    ((pushed, _),) = web.sink.predictions.values()
    assert frames_of({"result": pushed}) == frames_of(answer)


def test_a_prompt_on_an_unnumbered_frame_is_kept() -> None:
    """An imported prompt on a frame without a number: the page cannot show it, so requests lack it."""
    web = timed_web()
    imported = FramePrompt(ObjectId("b1"), FrameIndex(3), box=Box(0.1, 0.1, 0.5, 0.5))
    web.stored.record_prompts(TASK, PromptSet.of([imported], {ObjectId("b1"): "Dog"}))
    ask(web, video_box(frame=14))
    assert prompted(web) == [2, 3]
    ask(web, video_box(frame=1))
    assert prompted(web) == [0, 3]


def test_without_a_media_status_the_stored_masks_give_the_times() -> None:
    web = timed_web()
    ask(web, video_box(frame=14))
    web.prewarm_channel.statuses.clear()
    web.prewarm_loop.run_next = lambda timeout_s: False  # type: ignore[method-assign]
    ask(web, video_box(frame=15))
    assert prompted(web) == [4]


@dataclass
class LabelStudioStub:
    """A Label Studio with one annotation: a box at number 14."""

    label_config_text: str = VIDEO
    regions: list[object] = field(default_factory=lambda: [video_box(frame=14)])

    def fetch_task(self, task: TaskKey) -> TaskRecord:
        return TaskRecord(task, {"video": "/data/clip.mp4"})

    def annotations(self, task: TaskKey) -> tuple[AnnotationRecord, ...]:
        return (AnnotationRecord(11, "3", False, self.regions, updated_at="2026-01-02"),)

    def label_config(self, project_id: int) -> str:
        return self.label_config_text

    def changed_tasks(self, project_id: int, *, since: str, limit: int) -> tuple[ChangedTask, ...]:
        return ()


def test_an_annotation_is_read_by_the_video_s_times() -> None:
    web = timed_web()
    sync = web.annotation_sync(LabelStudioStub(), key_values=MemoryKeyValueStore())
    assert sync.adopt(ChangeHint(TASK)) is not None
    assert prompted(web) == [2]


def test_an_annotation_of_an_unopened_video_is_left_for_later() -> None:
    web = timed_web()
    with pytest.raises(ServiceUnavailable, match="no worker has opened the media yet"):
        web.annotation_sync(LabelStudioStub(), prewarm_channel=FakePrewarmChannel()).adopt(ChangeHint(TASK))
    assert not prompted(web)
    assert web.annotation_sync(LabelStudioStub(), key_values=MemoryKeyValueStore()).adopt(ChangeHint(TASK)) is not None


def test_only_keyframes_that_a_person_placed_are_prompts() -> None:
    web = timed_web()
    answer = ask(web, video_box(frame=14))
    label_studio = LabelStudioStub(regions=answer["result"])
    sync = web.annotation_sync(label_studio, key_values=MemoryKeyValueStore())
    sync.adopt(ChangeHint(TASK))
    assert prompted(web) == [2]
    moved = answer["result"][0]["value"]["sequence"]
    moved[moved.index(next(entry for entry in moved if entry["frame"] == 29))]["x"] = 40.0
    sync = web.annotation_sync(label_studio, key_values=MemoryKeyValueStore())
    assert sync.adopt(ChangeHint(TASK)) is not None
    assert prompted(web) == [2, 9]
