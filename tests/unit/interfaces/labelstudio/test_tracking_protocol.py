"""The JSON of context.event calls, field by field, and the error of each invalid field."""

from __future__ import annotations

from typing import Any

import pytest

from backend.application.annotation.tracking_sessions import WAITER_S
from backend.domain.errors import MediaError
from backend.domain.jobs import JobKind, JobState
from tests.fakes.clock import WorkingClock
from tests.fakes.engine import FakeMedia
from tests.fakes.events import ask, body, box, columns, pixels, point, read_all, refusal
from tests.fakes.web import FRAMES, VIDEO, FakeWeb, pages_task

Json = dict[str, Any]

IMAGE = """<View><Image name="img" value="$image"/><RectangleLabels name="r" toName="img"><Label value="Cat"/>
</RectangleLabels></View>"""
AN_IMAGE: Json = {
    "tasks": [{"id": 3, "data": {"image": "/data/a.png"}}],
    "label_config": IMAGE,
}
PAGES: Json = {"tasks": [pages_task()], "label_config": FRAMES, "project": "1.1700000000"}


@pytest.fixture
def web() -> FakeWeb:
    return FakeWeb()


def track(web: FakeWeb, **context: object) -> Json:
    context.setdefault("result", [point()])
    value: Json = ask(web.client(), "track", changes=None, **context)["value"]
    return value


class TestCapabilities:
    def test_they_are_sent_without_a_task(self, web: FakeWeb) -> None:
        item = ask(web.client(), "capabilities", changes={"tasks": []})
        assert item["type"] == "capabilities"
        assert item["value"] == {
            "prompts": ["point", "box"],
            "targets": [{"tag": "VideoRectangle", "output": "bbox", "features": ["track"]}],
            "model_info": {"name": "SAM2", "version": "masklet-fake-00000000"},
        }
        assert not {"from_name", "to_name"} & set(item)

    def test_tags_of_pages_and_of_one_image(self, web: FakeWeb) -> None:
        pages = ask(web.client(), "capabilities", changes=PAGES)["value"]["targets"]
        assert [target["tag"] for target in pages] == ["BrushLabels", "RectangleLabels"]
        image = ask(web.client(), "capabilities", changes=AN_IMAGE)["value"]["targets"]
        assert image == [{"tag": "RectangleLabels", "output": "bbox"}]

    def test_they_are_sent_before_a_worker_announces(self, web: FakeWeb) -> None:
        web.models.model = None
        value = ask(web.client(), "capabilities")["value"]
        assert value["model_info"]["version"] == "masklet-auto-starting"


class TestPredict:
    def test_a_click_is_answered_with_a_mask_as_a_png(self, web: FakeWeb) -> None:
        item = ask(web.client(), "predict", frame=4, result=[point()])
        assert {name: item[name] for name in ("type", "from_name", "to_name", "origin")} == {
            "type": "bitmask",
            "from_name": "box",
            "to_name": "clip",
            "origin": "manual",
        }
        image = pixels(item["value"])
        assert image.shape == (8, 16)
        assert sorted(set(image.flatten().tolist())) == [0, 255]
        assert image[:, 3].tolist() == [255] * 8  # the fake's mask on frame 3 is its third column, 0-based

    def test_the_reply_names_model_and_score(self, web: FakeWeb) -> None:
        reply = web.client().post("/predict", json=body("predict", {"result": [point()]})).json()
        (entry,) = reply["results"]
        assert (entry["model_version"], set(entry)) == ("masklet-fake-00000000", {"model_version", "score", "result"})
        assert 0 < entry["score"] < 1

    @pytest.mark.parametrize(
        ("context", "column"),
        [
            ({}, 0),
            ({"frame": 0}, 0),
            ({"frame": 1}, 0),
            ({"frame": 6}, 5),
            ({"frame": 6, "time_ms": 80}, 2),
            ({"time_ms": 79.9}, 1),
            ({"time_ms": 10**9}, 9),
            ({"frame": None, "time_ms": None}, 0),
        ],
    )
    def test_the_frame_of_a_call(self, web: FakeWeb, context: Json, column: int) -> None:
        assert columns(ask(web.client(), "predict", result=[point()], **context)["value"]) == [column]

    def test_a_frame_or_a_time_without_an_event_is_a_predict(self, web: FakeWeb) -> None:
        assert ask(web.client(), None, frame=2, result=[point()])["type"] == "bitmask"
        assert ask(web.client(), None, time_ms=40, result=[point()])["type"] == "bitmask"

    def test_no_prompts_no_mask(self, web: FakeWeb) -> None:
        assert ask(web.client(), "predict", result=[]) == {}
        assert ask(web.client(), "predict") == {}
        assert ask(web.client(), "predict", result=[{"type": "videorectangle", "value": {"sequence": []}}]) == {}
        assert web.stored.jobs() == ()

    def test_it_starts_no_propagation_of_the_task(self, web: FakeWeb) -> None:
        ask(web.client(), "predict", result=[point()])
        assert [job.kind for job in web.stored.jobs()] == [JobKind.INTERACTIVE]

    def test_each_label_is_an_object(self, web: FakeWeb) -> None:
        items = [
            {**point(x=x), "value": {"x": x, "y": 50, "keypointlabels": [label]}} for x, label in ((20, "a"), (70, "b"))
        ]
        reply = web.client().post("/predict", json=body("predict", {"result": items})).json()
        named = [item["value"]["labels"] for item in reply["results"][0]["result"]]
        assert named == [["a"], ["b"]]

    def test_a_shape_counts_where_a_type_is_missing(self, web: FakeWeb) -> None:
        ask(web.client(), "predict", result=[{"value": {"x": 10, "y": 20}}, {"value": box()["value"]}])
        (job,) = web.stored.jobs()
        (prompt,) = web.stored.request(job.job_id).prompts
        assert prompt.box is not None
        assert [(p.point.x_rel, p.point.y_rel) for p in prompt.points] == [(0.1, 0.2)]


class TestPrewarm:
    def test_the_first_frames_are_pending_and_then_cached(self, web: FakeWeb) -> None:
        first = ask(web.client(), "prewarm", frame=3, window=2)
        assert first["type"] == "prewarm_ack"
        assert first["value"] == {"status": "ok", "cached": [], "pending": [2, 3, 4], "frame_count": 10}
        web.work_off_all()
        again = ask(web.client(), "prewarm", frame=3, window=2)["value"]
        assert (again["cached"], again["pending"]) == ([2, 3, 4], [])

    def test_backward_the_nearest_comes_first(self, web: FakeWeb) -> None:
        value = ask(web.client(), "prewarm", frame=3, window=20, direction="backward")["value"]
        assert value["pending"] == [2, 1, 0]

    def test_unreadable_media_are_reported(self) -> None:
        web = FakeWeb(media=FakeMedia(error=MediaError("clip.mp4 is not a video")))
        value = ask(web.client(), "prewarm")["value"]
        assert value == {"status": "error", "error": "clip.mp4 is not a video"}

    def test_one_image(self, web: FakeWeb) -> None:
        value = ask(web.client(), "prewarm", changes=AN_IMAGE, window=0)["value"]
        assert value["pending"] + value["cached"] == [0]


class TestTrack:
    def test_the_reply_has_session_frames_and_rate(self, web: FakeWeb) -> None:
        value = track(web, frame=3, max_frames=4)
        (job,) = web.stored.jobs(states=(JobState.QUEUED,))
        assert value == {"session_id": job.job_id, "total_frames": 5, "fps": 25.0, "duration_ms": 200, "cursor": 0}

    @pytest.mark.parametrize(
        ("context", "expected"),
        [
            ({"frame": 3, "max_frames": 2}, [2, 3, 4]),
            ({"frame": 3, "max_frames": 2, "direction": "backward"}, [0, 1, 2]),
            ({"frame": 3, "max_frames": 1, "direction": "both"}, [1, 2, 3]),
            ({"frame": 3, "max_frames": 9, "max_duration_ms": 80}, [2, 3, 4]),
            ({"frame": 3, "max_frames": 0}, [2]),
            ({"frame": 8}, [7, 8, 9]),
        ],
    )
    def test_which_frames_it_covers(self, web: FakeWeb, context: Json, expected: list[int]) -> None:
        value = track(web, **context)
        assert value["total_frames"] == len(expected)
        done = read_all(web.client(), value["session_id"])
        assert [frame["frame"] for frame in done["frames"]] == expected
        assert (done["produced"], done["total"], done["error"]) == (len(expected), len(expected), None)

    def test_a_frame_of_progress(self, web: FakeWeb) -> None:
        frame = read_all(web.client(), track(web, frame=3, max_frames=0)["session_id"])["frames"][0]
        assert (frame["frame"], frame["time_ms"], frame["width"], frame["height"]) == (2, 80.0, 16, 8)
        assert 0 < frame["score"] < 1
        assert columns(frame) == [2]

    def test_progress_without_frames_returns_after_a_second(self, web: FakeWeb) -> None:
        session = track(web)["session_id"]
        web.clock.work = lambda: None  # type: ignore[attr-defined]  # no worker is free
        before_s = web.clock.monotonic_s()
        value = ask(web.client(), "track_progress", session_id=session)["value"]
        assert (value["frames"], value["done"], value["cursor"]) == ([], False, 0)
        assert web.clock.monotonic_s() - before_s == pytest.approx(1.0)

    def test_a_polled_session_has_a_waiter(self, web: FakeWeb) -> None:
        session = track(web)["session_id"]
        assert isinstance(web.clock, WorkingClock)
        web.clock.work = lambda: None
        web.clock.advance(WAITER_S - 1)
        assert [one.job_id for one in web.stored.pending_waits().jobs] == [session]
        ask(web.client(), "track_progress", session_id=session)  # waits for a second
        web.clock.advance(WAITER_S - 2)
        assert [one.job_id for one in web.stored.pending_waits().jobs] == [session]
        web.clock.advance(2)
        assert web.stored.pending_waits().jobs == ()

    def test_one_image_is_predicted(self, web: FakeWeb) -> None:
        assert ask(web.client(), "track", changes=AN_IMAGE, result=[box()])["type"] == "bitmask"

    def test_pages_are_tracked_too(self, web: FakeWeb) -> None:
        value = ask(web.client(), "track", changes=PAGES, frame=2, max_frames=1, result=[point()])["value"]
        assert value["total_frames"] == 2

    def test_a_session_is_no_prediction(self, web: FakeWeb) -> None:
        read_all(web.client(), track(web)["session_id"])
        web.parts.reconciler.sweep()
        assert web.sink.predictions == {}


class TestCancelAndRelease:
    def test_cancel_is_acknowledged_for_a_known_session(self, web: FakeWeb) -> None:
        session = track(web)["session_id"]
        assert ask(web.client(), "track_cancel", session_id=session) == {
            **ask(web.client(), "track_cancel", session_id=session),
            "type": "track_cancel_ack",
            "value": {"status": "cancelled"},
        }
        assert ask(web.client(), "track_cancel", session_id="s-nothing")["value"] == {"status": "not_found"}
        value = ask(web.client(), "track_progress", session_id=session)["value"]
        assert (value["done"], value["error"]) == (True, "cancelled on request")

    def test_progress_of_an_unknown_session(self, web: FakeWeb) -> None:
        value = ask(web.client(), "track_progress", session_id="s-nothing")["value"]
        assert value == {"error": "session not found", "done": True}

    def test_release_cancels_sessions_and_drops_the_frames(self, web: FakeWeb) -> None:
        ask(web.client(), "prewarm", window=1)
        web.work_off_all()
        assert web.segmenter.warm
        session = track(web)["session_id"]
        assert ask(web.client(), "release")["value"] == {"status": "released", "cancelled": 1}
        assert web.stored.job(session).state is JobState.CANCELLED
        web.work_off_all()
        assert not any(web.segmenter.warm.values())


class TestRefusals:
    @pytest.mark.parametrize(
        ("event", "context", "expected_detail"),
        [
            ("fly", {}, "invalid field 'params.context.event': it must be one of capabilities, prewarm, predict"),
            (7, {}, "invalid field 'params.context.event'"),
            (["track"], {}, "invalid field 'params.context.event'"),
            ("track_progress", {}, "context.session_id must be a string, not missing"),
            ("track_cancel", {"session_id": 5}, "context.session_id must be a string, not int"),
            ("track_progress", {"session_id": "x" * 101}, "context.session_id has 101 characters"),
            ("prewarm", {"window": "wide"}, "context.window must be a number, not str"),
            ("prewarm", {"window": -1}, "context.window must be a whole number from 0 up"),
            (
                "prewarm",
                {"direction": "both"},
                "invalid field 'params.context.direction': it must be one of forward, backw",
            ),
            ("track", {"direction": "sideways"}, "invalid field 'params.context.direction'"),
            ("track", {"max_frames": 1.5}, "context.max_frames must be a whole number"),
            ("track", {"max_frames": True}, "context.max_frames must be a number, not bool"),
            ("track", {"max_duration_ms": {}}, "context.max_duration_ms must be a number, not dict"),
            ("predict", {"frame": "3"}, "context.frame must be a number, not str"),
            ("predict", {"time_ms": -1}, "context.time_ms must be a number of milliseconds"),
            ("predict", {"result": {}}, "context.result must be a list, not dict"),
            ("predict", {"result": [3]}, "context.result[0] must be an object, not int"),
            ("predict", {"result": [{"type": "keypointlabels"}]}, "context.result[0].value must be an object"),
            (
                "predict",
                {"result": [{"type": "keypointlabels", "value": {"x": 1}}]},
                "context.result[0].value.y must be",
            ),
            ("predict", {"result": [point(x=101)]}, "context.result[0].value.x must lie within the frame"),
            ("predict", {"result": [point(is_positive="no")]}, "context.result[0].is_positive must be true or false"),
            ("predict", {"result": [box(width=0)]}, "context.result[0].value has no area"),
        ],
    )
    def test_the_field_is_named(self, web: FakeWeb, event: object, context: Json, expected_detail: str) -> None:
        status, detail = refusal(web.client(), event, **context)
        assert (status, detail[: len(expected_detail)]) == (400, expected_detail)

    @pytest.mark.parametrize("event", ["prewarm", "predict", "track", "track_progress", "track_cancel", "release"])
    @pytest.mark.parametrize(
        ("changes", "status", "expected_detail"),
        [
            ({"tasks": []}, 400, "invalid field 'tasks': the event"),
            ({"tasks": 4}, 400, "invalid field 'tasks': it must be a list"),
            ({"tasks": ["a"]}, 400, "invalid field 'tasks[0]': it must be an object"),
            ({"tasks": [{"data": {"video": "/a"}}]}, 400, "invalid field 'task.id'"),
            ({"tasks": [{"id": 8, "data": {}}]}, 400, "the task's data.video is missing"),
            (
                {"tasks": [{"id": 8, "project": 3, "data": {"video": "/a"}}]},
                403,
                "task 8 is of project 3, not of project 2",
            ),
            ({"project": 2}, 400, "invalid field 'project'"),
            ({"label_config": None}, 400, "invalid field 'label_config'"),
            ({"label_config": "<View/>"}, 400, "the label config has no <Video> or <Image> tag"),
        ],
    )
    def test_fields_of_all_events(
        self, web: FakeWeb, event: str, changes: Json, status: int, expected_detail: str
    ) -> None:
        got, detail = refusal(web.client(), event, changes=changes, session_id="s-1")
        assert (got, detail[: len(expected_detail)]) == (status, expected_detail)

    def test_no_worker_yet(self, web: FakeWeb) -> None:
        web.models.model = None
        status, detail = refusal(web.client(), "track", result=[point()])
        assert (status, detail) == (503, "no worker has announced its model yet; start one with: masklet worker")

    def test_label_studios_own_calls_are_unchanged(self, web: FakeWeb) -> None:
        reply = web.client().post("/predict", json=body(None, {"result": []}, label_config=VIDEO))
        assert (reply.status_code, reply.json()["detail"][:37]) == (400, "invalid field 'params.context.result'")
