"""Known faults of other backends of the `context.event` protocol, by number; Masklet does not have them.

Frames are decoded from clips whose pictures contain their own number. The masks are fakes that contain the number of
the picture.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.adapters.media.decode import open_video
from backend.application.annotation.tracking_sessions import TrackingSessions
from backend.application.ports.engine import CancelToken, Propagation
from backend.application.ports.media import VideoSource
from backend.domain.errors import DeviceOutOfMemory, MediaError, MediaUnreachable
from backend.domain.geometry import FrameSize, box_of_mask
from backend.domain.jobs import JobKind, JobState
from backend.domain.masklets import FrameMasks
from backend.domain.prompts import PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import ContentHash, Direction, FrameIndex, FrameRange
from backend.interfaces.labelstudio.tracking_calls import EVENTS
from tests.fakes.clips import ClipSpec, number_of, write_clip
from tests.fakes.clock import WorkingClock
from tests.fakes.engine import FakeMedia, FakeSegmenter, FakeVideo
from tests.fakes.events import ask, body, box, columns, point, read_all, refusal
from tests.fakes.web import ADDRESS, FakeWeb, TestClient

Json = dict[str, Any]


class ClipMedia(FakeMedia):
    """A MediaLibrary of clips on disk. The address is the path."""

    def open(
        self, media: MediaRef, *, task: TaskKey | None = None, frames: Collection[FrameIndex] | None = None
    ) -> VideoSource:
        self.opened.append(media)
        (address,) = media.addresses
        return open_video(Path(address), ContentHash(address))


class FrameNumberSegmenter(FakeSegmenter):
    """A Segmenter whose mask covers the column of the number in the picture, not of the requested index."""

    video: VideoSource | None = None

    def segment(self, video: VideoSource, prompts: PromptSet, frame_index: FrameIndex) -> FrameMasks:
        self.video = video
        return self._masks(prompts, frame_index)

    def propagate(
        self,
        video: VideoSource,
        prompts: PromptSet,
        *,
        direction: Direction,
        frame_range: FrameRange | None = None,
        cancel: CancelToken,
        resume: bytes | None = None,
    ) -> Propagation:
        self.video = video
        return super().propagate(
            video, prompts, direction=direction, frame_range=frame_range, cancel=cancel, resume=resume
        )

    def _masks(self, prompts: PromptSet, index: FrameIndex) -> FrameMasks:
        assert self.video is not None
        shown = number_of(self.video.frame(index))
        made = super()._masks(prompts, index)
        size: FrameSize = self.video.info.size
        mask = np.zeros((size.height, size.width), np.bool_)
        mask[:, shown] = True
        assert box_of_mask(mask) is not None
        objects = tuple(self._object(o.object_id, mask, o.evidence, prompted=False) for o in made.objects)
        return FrameMasks(index, objects)


def on_clip(path: Path) -> tuple[FakeWeb, Json]:
    """A web process with a task of this clip, and the changes of a call's body for it."""
    web = FakeWeb(media=ClipMedia(), segmenter=FrameNumberSegmenter())
    return web, {"tasks": [{"id": 8, "project": 2, "data": {"video": str(path)}}]}


def start_track(client: TestClient, *, changes: Json | None = None, **context: object) -> Json:
    context.setdefault("result", [point()])
    item = ask(client, "track", changes=changes, **context)
    assert item["type"] == "track_started", item
    value: Json = item["value"]
    return value


def clock_of(web: FakeWeb) -> WorkingClock:
    assert isinstance(web.clock, WorkingClock)
    return web.clock


def stop_worker(web: FakeWeb) -> None:
    """Stop the worker."""
    clock_of(web).work = lambda: None


RATES = (Fraction(24000, 1001), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(60))


@pytest.mark.parametrize("rate", RATES, ids=lambda rate: f"{float(rate):.3f}")
def test_b1_preview_and_track_use_the_same_frame(rate: Fraction, tmp_path: Path) -> None:
    web, changes = on_clip(write_clip(tmp_path / "clip.mp4", ClipSpec(rate=rate)))
    with web.client() as client:
        for index in range(0, 40, 3):
            at = {"time_ms": float(1000 * index / rate)}
            assert columns(ask(client, "predict", changes=changes, result=[point()], **at)["value"]) == [index]
            session = start_track(client, changes=changes, max_frames=1, **at)["session_id"]
            frames = ask(client, "track_progress", changes=changes, session_id=session)["value"]["frames"]
            assert [(f["frame"], columns(f)) for f in frames] == [(i, [i]) for i in (index, index + 1) if i < 40]


def test_b2_the_last_frame_can_be_tracked(tmp_path: Path) -> None:
    web, changes = on_clip(write_clip(tmp_path / "clip.mp4"))
    client = web.client()
    session = start_track(client, changes=changes, frame=40)["session_id"]
    (frame,) = ask(client, "track_progress", changes=changes, session_id=session)["value"]["frames"]
    assert (frame["frame"], columns(frame)) == (39, [39])


def test_b3_a_variable_rate_repeats_and_skips_no_frame(tmp_path: Path) -> None:
    times = [0, *np.cumsum(np.random.default_rng(7).integers(1, 9, 39)).tolist()]
    web, changes = on_clip(write_clip(tmp_path / "clip.mp4", ClipSpec(rate=Fraction(90), times=times)))
    client = web.client()
    session = start_track(client, changes=changes, max_frames=31)["session_id"]
    frames = ask(client, "track_progress", changes=changes, session_id=session)["value"]["frames"]
    assert [(f["frame"], columns(f)) for f in frames] == [(i, [i]) for i in range(32)]
    assert [f["time_ms"] for f in frames] == pytest.approx([1000 * tick / 90 for tick in times[:32]], abs=0.01)
    at = {"time_ms": 1000 * times[20] / 90 + 1}
    assert columns(ask(client, "predict", changes=changes, result=[point()], **at)["value"]) == [20]


def test_b4_a_frame_past_the_end_is_refused_without_a_job() -> None:
    web = FakeWeb()
    client = web.client()
    status, detail = refusal(client, "predict", frame=11, result=[point()])
    assert (status, detail) == (400, "frame 10 is not in the video: it has 10 frames (0 to 9)")
    item = ask(client, "track", frame=10_000, result=[point()])
    assert item["type"] == "track_error"
    assert item["value"] == {"error": "frame 9999 is not in the video: it has 10 frames (0 to 9)", "done": True}
    assert [job for job in web.stored.jobs() if job.kind is JobKind.PROPAGATE] == []


def test_b5_another_video_of_the_same_task_is_another_video(tmp_path: Path) -> None:
    web, changes = on_clip(write_clip(tmp_path / "a.mp4"))
    client = web.client()
    assert columns(ask(client, "predict", changes=changes, frame=6, result=[point()])["value"]) == [5]
    late = write_clip(tmp_path / "b.mp4", ClipSpec(frame_count=8, width=128, height=64))
    other = {"tasks": [{"id": 8, "project": 2, "data": {"video": str(late)}}]}
    value = ask(client, "predict", changes=other, frame=6, result=[point()])["value"]
    assert (value["width"], value["height"], columns(value)) == (128, 64, [5])
    assert ask(client, "prewarm", changes=other)["value"]["frame_count"] == 8


@pytest.mark.parametrize("result", [[], None, [{"type": "videorectangle", "value": {"sequence": []}}]])
def test_b6_a_track_without_prompts_is_an_error_at_once(result: list[object] | None) -> None:
    web = FakeWeb()
    given = {} if result is None else {"result": result}
    item = ask(web.client(), "track", changes=None, **given)
    assert (item["type"], item["value"]["done"]) == ("track_error", True)
    assert item["value"]["error"] == "there is nothing to track: send a click or a box on the object in context.result"
    assert web.stored.jobs() == ()


@pytest.mark.parametrize("no", [{"is_positive": False}, {"value": {"x": 50.0, "y": 50.0, "positive": False}}])
def test_b7_both_forms_of_a_negative_click_are_negative(no: Json) -> None:
    web = FakeWeb()
    ask(web.client(), "predict", result=[point(20.0, 20.0), {**point(), **no}])
    (job,) = web.stored.jobs()
    (prompt,) = web.stored.request(job.job_id).prompts
    assert [p.positive for p in prompt.points] == [True, False]
    item = ask(web.client(), "track", result=[{**point(), **no}])
    assert item["value"]["error"] == "'object' has negative clicks only: add one on the object itself, or a box"


def test_b8_the_media_is_the_field_of_the_tags_value() -> None:
    web = FakeWeb()
    task = {"id": 8, "data": {"clip": "/not/this.mp4", "title": "not this", "video": "/data/clip.mp4"}}
    ask(web.client(), "predict", changes={"tasks": [task]}, result=[point()])
    assert {media.addresses for media in web.media.opened} == {("/data/clip.mp4",)}


def test_r1_a_restart_and_a_second_process_lose_no_frame() -> None:
    web = FakeWeb()
    session = start_track(web.client(), max_frames=5)["session_id"]
    web.work_off()
    web.session_cursors.kept.clear()
    done = read_all(web.client(), session)  # another app over the same ledger and masks
    assert [frame["frame"] for frame in done["frames"]] == [0, 1, 2, 3, 4, 5]
    assert start_track(web.client(), max_frames=5)["session_id"] == session


def test_r2_several_users_have_sessions_of_their_own() -> None:
    web = FakeWeb()
    client = web.client()
    sessions = []
    for user in ("annie", "bob", "cyd"):
        task = {"id": 8, "project": 2, "data": {"video": "/data/clip.mp4"}, "drafts": [{"user": user}]}
        sessions.append(start_track(client, changes={"tasks": [task]}, max_frames=2)["session_id"])
    assert len(set(sessions)) == 3
    assert [len(read_all(client, session)["frames"]) for session in sessions] == [3, 3, 3]


def test_r2_unread_finished_sessions_block_no_other() -> None:
    web = FakeWeb()
    client = web.client()
    for x in range(10, 90, 10):
        start_track(client, result=[point(x)], max_frames=2)
        web.work_off()
    assert web.stored.counts() == {(JobKind.PROPAGATE, JobState.DONE): 8}


def test_r3_a_worker_never_waits_for_the_client() -> None:
    web = FakeWeb(media=FakeMedia(FakeVideo(400)))
    session = start_track(web.client(), max_frames=400)["session_id"]
    web.work_off()
    assert web.stored.job(session).state is JobState.DONE


def test_r3_a_session_without_calls_ends() -> None:
    web = FakeWeb()
    client = web.client()
    left, kept = (start_track(client, result=[point(x)])["session_id"] for x in (10, 20))
    sessions = TrackingSessions(web.parts.annotation_service, web.session_cursors)
    stop_worker(web)
    web.session_cursors.kept.clear()  # the cursors expire
    sessions.sweep()
    ask(client, "track_progress", session_id=kept)
    web.clock.sleep(61.0)
    sessions.sweep()
    assert [web.stored.job(session).state for session in (left, kept)] == [JobState.CANCELLED, JobState.QUEUED]


def test_r3_release_ends_it_at_once() -> None:
    web = FakeWeb()
    session = start_track(web.client())["session_id"]
    ask(web.client(), "release")
    assert web.stored.job(session).state is JobState.CANCELLED


def test_r4_a_lost_reply_loses_no_frame() -> None:
    client = FakeWeb().client()
    session = start_track(client, max_frames=5)["session_id"]
    first = ask(client, "track_progress", session_id=session, cursor=0)["value"]
    again = ask(client, "track_progress", session_id=session, cursor=0)["value"]
    assert first == again
    assert [frame["frame"] for frame in first["frames"]] == [0, 1, 2, 3, 4, 5]
    assert ask(client, "track_progress", session_id=session, cursor=first["cursor"])["value"]["frames"] == []
    after_two = ask(client, "track_progress", session_id=session, cursor=2)["value"]
    assert [frame["frame"] for frame in after_two["frames"]] == [2, 3, 4, 5]


def test_r5_results_are_readable_after_two_days() -> None:
    web = FakeWeb()
    client = web.client()
    session = start_track(client, max_frames=3)["session_id"]
    web.work_off()
    web.clock.sleep(48 * 3600.0)
    assert len(read_all(client, session, cursor=0)["frames"]) == 4


def test_r6_frames_are_sent_before_the_track_is_done() -> None:
    replies: list[Json] = []

    def on_frame(index: int) -> None:
        if index == 7:
            replies.append(ask(client, "track_progress", session_id=session, cursor=0)["value"])
        clock_of(web).advance(2.0)

    web = FakeWeb(segmenter=FakeSegmenter(on_frame))
    client = web.client()
    session = start_track(client)["session_id"]
    stop_worker(web)
    web.work_off()
    (early,) = replies
    assert early["done"] is False
    assert 0 < len(early["frames"]) < 8


def test_r7_more_than_three_hundred_frames() -> None:
    web = FakeWeb(media=FakeMedia(FakeVideo(700)))
    client = web.client()
    value = start_track(client, max_frames=650)
    assert value["total_frames"] == 651
    assert [frame["frame"] for frame in read_all(client, value["session_id"])["frames"]] == list(range(651))
    assert start_track(client, result=[box()])["total_frames"] == 301


def test_r8_out_of_memory_is_reported_and_the_next_call_works() -> None:
    def full(_: int) -> None:
        raise DeviceOutOfMemory("the device's memory did not suffice: use a smaller checkpoint")

    web = FakeWeb(segmenter=FakeSegmenter(full))
    client = web.client()
    status, detail = refusal(client, "predict", result=[point()])
    assert (status, detail) == (503, "the device's memory did not suffice: use a smaller checkpoint")
    session = start_track(client)["session_id"]
    assert read_all(client, session)["error"] == "the device's memory did not suffice: use a smaller checkpoint"
    web.segmenter.on_frame = lambda _: None
    assert ask(client, "predict", frame=2, result=[point()])["type"] == "bitmask"


def test_r9_an_error_of_prewarming_is_reported() -> None:
    client = FakeWeb(media=FakeMedia(error=MediaError("clip.mp4 has no video in it"))).client()
    assert ask(client, "prewarm")["value"] == {"status": "error", "error": "clip.mp4 has no video in it"}


def test_r10_a_reply_is_in_time_if_the_media_server_hangs() -> None:
    """Workers download with timeouts (test_download.py). A request waits for them at most as long as for a job."""
    web = FakeWeb()
    stop_worker(web)
    before_s = web.clock.monotonic_s()
    item = ask(web.client(), "track", result=[point()])
    assert item["value"]["error"].startswith("no worker has opened the media yet")
    assert web.clock.monotonic_s() - before_s == pytest.approx(25, abs=0.1)
    web = FakeWeb(media=FakeMedia(error=MediaUnreachable("Label Studio did not answer in time")))
    assert ask(web.client(), "track", result=[point()])["value"]["error"] == "Label Studio did not answer in time"


@pytest.mark.parametrize("at", [0, 4])
def test_r11_cancel_ends_the_job_before_its_next_frame(at: int) -> None:
    """Frames are decoded one by one on demand: a job can be cancelled between any two frames."""
    made: list[int] = []

    def cancelling(index: int) -> None:
        made.append(index)
        clock_of(web).advance(1.0)
        if index == at:
            assert ask(client, "track_cancel", session_id=session)["value"] == {"status": "cancelled"}

    web = FakeWeb(segmenter=FakeSegmenter(cancelling))
    client = web.client()
    session = start_track(client)["session_id"]
    web.work_off()
    assert made == list(range(at + 1))
    assert web.stored.job(session).state is JobState.CANCELLED


def test_r11_a_cancelled_queued_job_is_never_started() -> None:
    made: list[int] = []
    web = FakeWeb(segmenter=FakeSegmenter(made.append))
    client = web.client()
    session = start_track(client)["session_id"]
    job = web.stored.job(session)
    ask(client, "track_cancel", session_id=session)
    web.runner.run(job.job_id, job.attempt, lambda: False)
    assert made == []


def test_r12_health_answers_while_many_calls_wait() -> None:
    """A progress call is held for a second at most, in threads that /health and prompts do not use."""
    web = FakeWeb()
    with web.client() as client, ThreadPoolExecutor(24) as pool:
        session = start_track(client)["session_id"]
        stop_worker(web)
        asked = [pool.submit(ask, client, "track_progress", session_id=session) for _ in range(24)]
        assert client.get("/health").json()["status"] == "UP"
        assert {reply.result()["value"]["done"] for reply in asked} == {False}


def test_r13_a_client_gets_no_traceback_and_metrics_count_it() -> None:
    def broken(_: int) -> None:
        raise RuntimeError("secret detail")

    web = FakeWeb(segmenter=FakeSegmenter(broken))
    with TestClient(web.app, base_url=ADDRESS, raise_server_exceptions=False) as client:
        reply = client.post("/predict", json=body("predict", {"result": [point()]}))
        assert reply.status_code == 500
        assert reply.json()["detail"] == "Masklet made a mistake; its log says what happened"
        assert "secret" not in reply.text
        assert 'masklet_predict_seconds_count{kind="predict",status="500"} 1.0' in client.get("/metrics").text


def test_r14_every_event_is_documented() -> None:
    page = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text()
    assert [event for event in EVENTS if f"`{event}`" not in page] == []
