"""Interrupted and incremental propagations: computed, kept and bit-identical masks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.adapters.store.masks.files import read_snapshot, write_snapshot
from backend.adapters.store.masks.store import FileMaskStore, ObjectMaskStore
from backend.application.jobs.submit import Submitter
from backend.application.ports.engine import NeverCancelled
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.propagate import SNAPSHOT_EVERY_S
from backend.application.worker.resume_point import ResumePoint
from backend.domain.errors import MediaError
from backend.domain.geometry import Point
from backend.domain.jobs import Job, JobState, PreviewRequest, PropagationRequest
from backend.domain.masklets import MaskletFrame, MaskOrigin, MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.replan import Scope
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.clock import WorkingClock
from tests.fakes.engine import SIZE, FakeCodec, FakeMedia, FakeVideo
from tests.fakes.key_value import MemoryKeyValueStore
from tests.fakes.queue import FakeQueue
from tests.fakes.stateful_engine import StatefulSegmenter
from tests.fakes.stores import closed_stores, damage, temporary_ledger, temporary_masks
from tests.unit.application.builders import TASK, USER_TASK

CAT, DOG = ObjectId("cat"), ObjectId("dog")
FRAMES = 12


class Killed(BaseException):
    """Stands for kill -9 within one process: it is not caught, and no cleanup runs."""


class Worker:
    """A ledger, a mask store and a worker that can be killed and started again."""

    def __init__(self, *, snapshot_frames: int = 3, masks: ObjectMaskStore | None = None) -> None:
        self.clock = WorkingClock()
        self.ledger = temporary_ledger(self.clock)
        self.masks = masks or temporary_masks()
        self.media = FakeMedia(FakeVideo(FRAMES))
        self.engine = StatefulSegmenter()
        self.submitter = Submitter(self.ledger, FakeQueue())
        self.snapshot_frames = snapshot_frames
        self.stopping = False

    def submit(self, prompts: PromptSet, *, scope: Scope = Scope.ONWARD, user: str = "", config: str = "") -> Job:
        return self.submitter.submit(
            PropagationRequest(
                TASK,
                USER_TASK.media,
                prompts,
                label_config=config,
                model_version=USER_TASK.model_version,
                scope=scope,
                user=user,
            )
        )

    def setup(self, max_attempts: int = 3) -> JobRunner:
        return JobRunner(
            self.ledger,
            self.masks,
            FakeCodec(),
            self.media,
            self.engine,
            self.submitter,
            self.clock,
            worker_name="worker-1",
            max_attempts=max_attempts,
            pushes=True,
            key_values=MemoryKeyValueStore(),
            snapshot_frames=self.snapshot_frames,
        )

    def attempt(self, job_id: str) -> Job:
        job = self.ledger.job(job_id)
        return self.setup().run(job_id, job.attempt, lambda: self.stopping)

    def attempt_and_kill(self, job_id: str, on: int, *, max_attempts: int = 3) -> Job:
        """Runs an attempt that is killed while it computes its frame number `on`, counted from 0."""
        left = on

        def count(_: int) -> None:
            nonlocal left
            left -= 1
            if left < 0:
                raise Killed

        self.engine.on_frame = count
        attempt = self.ledger.job(job_id).attempt
        with pytest.raises(Killed):
            self.setup().run(job_id, attempt, lambda: False)
        self.engine.on_frame = lambda _: None
        return self.ledger.requeue(job_id, attempt, reason="ServiceUnavailable: died", max_attempts=max_attempts)

    def made(self, prompts: PromptSet, *, scope: Scope = Scope.ONWARD, user: str = "") -> MaskRun:
        """Runs a propagation to its end."""
        job = self.attempt(self.submit(prompts, scope=scope, user=user).job_id)
        assert job.state is JobState.DONE, job.reason
        return self.masks.read(job.masks_run)


def clicks(*at: tuple[ObjectId, int, float]) -> PromptSet:
    prompts = (FramePrompt(i, FrameIndex(frame), (PointPrompt(Point(x, 0.5)),)) for i, frame, x in at)
    return PromptSet.of(prompts, {})


TWO = clicks((CAT, 2, 0.5), (DOG, 5, 0.5))
with closed_stores():
    UNINTERRUPTED = Worker(snapshot_frames=0).made(TWO)


class TestResume:
    @pytest.mark.parametrize("on", range(15))
    def test_after_a_kill_at_any_frame_the_masks_are_the_same(self, on: int) -> None:
        worker = Worker()
        job = worker.submit(TWO)
        assert worker.attempt_and_kill(job.job_id, on).state is JobState.QUEUED
        before = len(worker.engine.made)
        done = worker.attempt(job.job_id)
        assert (done.state, done.attempt) == (JobState.DONE, 2)
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED
        taken_over = on // 3 * 3
        first = worker.engine.made[before][0]
        assert first == [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 4, 3, 2, 1, 0][taken_over]

    @pytest.mark.parametrize("calls", [4, 5, 6, 7, 20])
    def test_a_drained_worker_loses_no_frame(self, calls: int) -> None:
        """It may be told to stop between two frames, or just before the engine begins one."""
        worker, asked = Worker(snapshot_frames=100), iter(range(calls))
        job = worker.submit(TWO)
        given_back = worker.setup().run(job.job_id, job.attempt, lambda: next(asked, None) is None)
        assert (given_back.state, given_back.attempt) == (JobState.QUEUED, 2)
        made = len(worker.engine.made)
        assert made > 0
        done = worker.attempt(job.job_id)
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED
        assert len(worker.engine.made) == len(set(worker.engine.made)), "no mask is computed twice"

    @given(st.lists(st.integers(0, 8), max_size=8), st.integers(1, 5))
    @settings(max_examples=40)
    @closed_stores()
    def test_after_any_kills(self, kills: list[int], snapshot_frames: int) -> None:
        worker = Worker(snapshot_frames=snapshot_frames)
        job = worker.submit(TWO)
        for on in kills:
            left = 15 - self.saved_frames(worker, job)
            if on >= left:
                break
            worker.attempt_and_kill(job.job_id, on, max_attempts=99)
        done = worker.attempt(job.job_id)
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED
        assert worker.masks.runs() == (done.masks_run,)

    @staticmethod
    def saved_frames(worker: Worker, job: Job) -> int:
        states = [state for run in worker.masks.runs(job.job_id) if (state := worker.masks.snapshot(run))]
        return max((ResumePoint.load(state).done for state in states), default=0)

    def test_after_a_kill_the_masks_on_disk_are_the_same(self, tmp_path: Path) -> None:
        worker = Worker(masks=FileMaskStore(tmp_path / "masks"))
        job = worker.submit(TWO)
        for on in (4, 4, 4):
            worker.attempt_and_kill(job.job_id, on)
        done = worker.attempt(job.job_id)
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED
        assert [path.name for path in (tmp_path / "masks").iterdir()] == [done.masks_run]
        assert not (tmp_path / "masks" / done.masks_run / "snapshot.bin").exists()

    def test_progress_starts_where_the_earlier_attempt_was(self) -> None:
        worker = Worker()
        job = worker.submit(TWO)
        worker.attempt_and_kill(job.job_id, 8)
        seen: list[tuple[int, int]] = []

        def record_progress(_: int) -> None:
            latest = worker.ledger.job(job.job_id)
            seen.append((latest.done, latest.total))

        worker.engine.on_frame = record_progress
        done = worker.attempt(job.job_id)
        assert seen[0] == (6, 15)
        assert (done.done, done.total) == (15, 15)

    def test_a_stopping_worker_loses_no_frame(self) -> None:
        worker = Worker(snapshot_frames=1000)
        job = worker.submit(TWO)

        def stop(frame: int) -> None:
            worker.stopping = frame == 7

        worker.engine.on_frame = stop
        assert worker.attempt(job.job_id).state is JobState.QUEUED
        worker.stopping = False
        done = worker.attempt(job.job_id)
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED
        assert len(worker.engine.made) == sum(len(m.frames) for m in UNINTERRUPTED.masklets)

    def test_snapshots_of_slow_frames_are_saved_by_time(self) -> None:
        worker = Worker(snapshot_frames=1000)
        job = worker.submit(TWO)
        worker.engine.on_frame = lambda _: worker.clock.advance(SNAPSHOT_EVERY_S / 2)
        slow = worker.engine.on_frame

        def slow_then_kill(frame: int) -> None:
            slow(frame)
            if frame == 7:
                raise Killed

        worker.engine.on_frame = slow_then_kill
        with pytest.raises(Killed):
            worker.setup().run(job.job_id, 1, lambda: False)
        assert self.saved_frames(worker, job) == 4

    def test_without_snapshots_an_attempt_starts_over(self) -> None:
        worker = Worker(snapshot_frames=0)
        job = worker.submit(TWO)
        worker.attempt_and_kill(job.job_id, 9)
        assert worker.masks.runs() == ()
        done = worker.attempt(job.job_id)
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED

    def test_a_damaged_snapshot_starts_over(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        root = tmp_path / "masks"
        worker = Worker(masks=FileMaskStore(root))
        job = worker.submit(TWO)
        worker.attempt_and_kill(job.job_id, 7)
        path = root / f"{job.job_id}-a1" / "snapshot.bin"
        path.write_bytes(path.read_bytes()[:-3])
        done = worker.attempt(job.job_id)
        assert "is damaged" in caplog.text
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED
        assert worker.masks.runs() == (done.masks_run,)

    def test_a_damaged_chunk_starts_over(self, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
        root = tmp_path / "masks"
        worker = Worker(masks=FileMaskStore(root))
        job = worker.submit(TWO)
        worker.attempt_and_kill(job.job_id, 7)
        next((root / f"{job.job_id}-a1").glob("*.jsonl")).write_bytes(b"{}\n")
        done = worker.attempt(job.job_id)
        assert "starting over" in caplog.text
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED

    def test_a_snapshot_that_the_engine_refuses_starts_over(self, caplog: pytest.LogCaptureFixture) -> None:
        worker = Worker()
        job = worker.submit(TWO)
        worker.attempt_and_kill(job.job_id, 7)
        objects, run = worker.masks.objects, f"{job.job_id}-a1"
        kept = read_snapshot(objects, run)
        assert kept is not None
        hashes, state = kept
        write_snapshot(objects, run, hashes, state.partition(b"\n")[0] + b"\nnonsense")
        done = worker.attempt(job.job_id)
        assert "start the propagation afresh; starting over" in caplog.text
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED

    def test_a_changed_video_starts_over(self, caplog: pytest.LogCaptureFixture) -> None:
        worker = Worker()
        job = worker.submit(TWO)
        worker.attempt_and_kill(job.job_id, 7)
        worker.media.video = FakeVideo(FRAMES, content="cd")
        done = worker.attempt(job.job_id)
        assert "of another plan" in caplog.text
        assert worker.masks.read(done.masks_run).video == worker.media.video.info

    def test_only_attempts_without_a_new_snapshot_are_counted(self) -> None:
        worker = Worker()
        job = worker.submit(TWO)
        for _ in range(4):  # each is killed one frame after its snapshot
            assert worker.attempt_and_kill(job.job_id, 3, max_attempts=2).state is JobState.QUEUED
        assert worker.attempt_and_kill(job.job_id, 1, max_attempts=2).state is JobState.QUEUED
        assert worker.attempt_and_kill(job.job_id, 1, max_attempts=2).state is JobState.FAILED

    @pytest.mark.parametrize("end", ["cancelled", "superseded", "failed"])
    def test_an_ended_job_leaves_no_run(self, end: str) -> None:
        worker = Worker()
        job = worker.submit(TWO)
        worker.attempt_and_kill(job.job_id, 4)

        def finish(frame: int) -> None:
            if frame == 10:
                worker.clock.advance(1)
                ending[end]()

        def fail() -> None:
            raise MediaError("the video ends in the middle of a frame")

        ending: dict[str, Callable[[], object]] = {
            "cancelled": lambda: worker.ledger.cancel(job.job_id),
            "superseded": lambda: worker.submit(clicks((CAT, 3, 0.1))),
            "failed": fail,
        }
        worker.engine.on_frame = finish
        assert worker.attempt(job.job_id).state == end
        assert worker.masks.runs() == ()

    def test_a_stale_attempt_leaves_its_snapshot_to_the_current_one(self) -> None:
        worker = Worker()
        job = worker.submit(TWO)

        def presumed_dead(frame: int) -> None:
            if frame == 9:
                worker.clock.advance(1)
                worker.ledger.requeue(job.job_id, 1, reason="silent", max_attempts=3)

        worker.engine.on_frame = presumed_dead
        assert worker.attempt(job.job_id).attempt == 2
        worker.engine.on_frame = lambda _: None
        made = len(worker.engine.made)
        done = worker.attempt(job.job_id)
        assert worker.masks.read(done.masks_run) == UNINTERRUPTED
        assert len(worker.engine.made) - made == 15  # of 24: the frames after the sixth


class TestCorrections:
    def kept(self, before: MaskRun, after: MaskRun, object_id: ObjectId = CAT) -> str:
        """One character per frame: ─ equal masks and evidence, ░ others."""
        old, new = (frames_of(run, object_id) for run in (before, after))
        return "".join("─" if old[index] == new[index] else "░" for index in range(FRAMES))

    def test_a_correction_recomputes_up_to_the_next_human_frame(self) -> None:
        worker = Worker()
        first = worker.made(clicks((CAT, 2, 0.5), (CAT, 8, 0.5), (DOG, 5, 0.5)))
        worker.engine.made.clear()
        second = worker.made(clicks((CAT, 2, 0.5), (CAT, 5, 0.1), (CAT, 8, 0.5), (DOG, 5, 0.5)))
        assert worker.engine.made == [(5, CAT), (6, CAT), (7, CAT)]
        assert self.kept(first, second) == "─────░░░────"
        assert self.kept(first, second, DOG) == "─" * FRAMES
        job = worker.ledger.jobs(task=TASK)[0]
        assert (job.done, job.total) == (3, 3)

    def test_all_prompts_of_the_object_condition_the_recomputation(self) -> None:
        worker = Worker()
        worker.made(clicks((CAT, 2, 0.5), (CAT, 8, 0.5)))
        prompts = clicks((CAT, 2, 0.5), (CAT, 5, 0.1), (CAT, 8, 0.5))
        second = worker.made(prompts)
        frame_range = FrameRange(FrameIndex(5), FrameIndex(6))
        (made,) = StatefulSegmenter().propagate(
            worker.media.video, prompts, direction=Direction.FORWARD, frame_range=frame_range, cancel=NeverCancelled()
        )
        assert frames_of(second, CAT)[5].mask == FakeCodec().encode(made.objects[0].mask)

    def test_around_also_recomputes_the_frames_before(self) -> None:
        worker = Worker()
        first = worker.made(clicks((CAT, 2, 0.5), (CAT, 8, 0.5)))
        second = worker.made(clicks((CAT, 2, 0.5), (CAT, 5, 0.1), (CAT, 8, 0.5)), scope=Scope.AROUND)
        assert self.kept(first, second) == "───░░░░░────"

    def test_all_recomputes_every_frame(self) -> None:
        worker = Worker()
        worker.made(clicks((CAT, 2, 0.5)))
        worker.engine.made.clear()
        worker.made(clicks((CAT, 2, 0.5)), scope=Scope.ALL)
        assert len(worker.engine.made) == FRAMES

    def test_a_new_label_config_is_a_new_job_that_reuses_all(self) -> None:
        worker = Worker()
        first = worker.made(TWO)
        worker.engine.made.clear()
        job = worker.attempt(worker.submit(TWO, config="<View/>").job_id)
        assert worker.engine.made == []
        assert (job.state, job.done, job.total) == (JobState.DONE, 0, 0)
        assert worker.masks.read(job.masks_run) == first
        push = worker.ledger.latest_push(TASK)
        assert push is not None
        assert push.job_id == job.job_id

    def test_a_drawn_mask_is_stored_unchanged_and_kept(self) -> None:
        worker = Worker()
        worker.made(clicks((CAT, 2, 0.5)))
        mask = np.zeros((SIZE.height, SIZE.width), np.bool_)
        mask[2:5, 3:9] = True
        drawn = FramePrompt(CAT, FrameIndex(6), mask=mask)
        first = worker.made(PromptSet.of([*clicks((CAT, 2, 0.5)), drawn], {}))
        assert frames_of(first, CAT)[6].mask == FakeCodec().encode(mask)
        assert frames_of(first, CAT)[6].origin is MaskOrigin.HUMAN
        assert frames_of(first, CAT)[6].uncertainty == 0.0
        second = worker.made(PromptSet.of([*clicks((CAT, 2, 0.9)), drawn], {}))
        assert self.kept(first, second) == "░░░░░░──────"

    def test_a_removed_object_is_not_reused(self) -> None:
        worker = Worker()
        worker.made(TWO)
        worker.engine.made.clear()
        second = worker.made(clicks((CAT, 2, 0.5)))
        assert [m.object_id for m in second.masklets] == [CAT]
        assert worker.engine.made == []

    def test_an_interrupted_correction_resumes_with_equal_masks(self) -> None:
        corrected = clicks((CAT, 2, 0.5), (CAT, 9, 0.1), (DOG, 5, 0.5), (DOG, 7, 0.2))
        whole = Worker(snapshot_frames=0)
        whole.made(TWO)
        expected = whole.made(corrected)
        for on in range(8):
            worker = Worker(snapshot_frames=2)
            worker.made(TWO)
            job = worker.submit(corrected)
            worker.attempt_and_kill(job.job_id, on)
            done = worker.attempt(job.job_id)
            assert worker.masks.read(done.masks_run) == expected
            assert done.total == 8

    def test_a_damaged_run_is_not_reused(self, caplog: pytest.LogCaptureFixture) -> None:
        worker = Worker()
        worker.made(clicks((CAT, 2, 0.5)))
        damage(worker.masks, worker.masks.runs()[0])
        worker.engine.made.clear()
        worker.made(clicks((CAT, 2, 0.5), (CAT, 8, 0.5)))
        assert len(worker.engine.made) == FRAMES
        assert "cannot reuse masks of" in caplog.text

    def test_the_earlier_run_is_found_after_many_clicks(self) -> None:
        worker = Worker()
        worker.made(clicks((CAT, 2, 0.5)))
        for number in range(120):
            click = clicks((DOG, 3, number / 200))
            job = worker.submitter.submit(
                PreviewRequest(TASK, USER_TASK.media, click, FrameIndex(3), USER_TASK.model_version)
            )
            worker.attempt(job.job_id)
        worker.engine.made.clear()
        worker.made(clicks((CAT, 2, 0.5), (CAT, 8, 0.5)))
        assert worker.engine.made == [(frame, CAT) for frame in range(8, FRAMES)]

    def test_a_changed_video_is_recomputed(self) -> None:
        worker = Worker()
        worker.made(clicks((CAT, 2, 0.5)))
        worker.media.video = FakeVideo(FRAMES, content="cd")
        worker.engine.made.clear()
        worker.made(clicks((CAT, 2, 0.5), (CAT, 8, 0.5)))
        assert len(worker.engine.made) == FRAMES

    def test_another_user_s_run_is_not_reused(self) -> None:
        worker = Worker()
        worker.made(clicks((CAT, 2, 0.5), (CAT, 10, 0.5)), user="a@b")
        worker.engine.made.clear()
        worker.made(clicks((CAT, 2, 0.5)), user="c@d")
        assert len(worker.engine.made) == FRAMES
        worker.engine.made.clear()
        worker.made(clicks((CAT, 2, 0.5), (CAT, 5, 0.1)), user="a@b")
        assert worker.engine.made == [(frame, CAT) for frame in range(5, FRAMES)]

    @given(st.data())
    @settings(max_examples=40)
    @closed_stores()
    def test_frames_outside_the_plan_are_kept_for_any_prompts(self, data: st.DataObject) -> None:
        worker = Worker(snapshot_frames=data.draw(st.integers(0, 4)))
        frame_prompts = st.dictionaries(st.integers(0, FRAMES - 1), st.sampled_from([0.1, 0.5]), min_size=1, max_size=4)
        prompt_sequence = data.draw(
            st.lists(st.dictionaries(st.sampled_from([CAT, DOG]), frame_prompts, min_size=1), max_size=4)
        )
        before: MaskRun | None = None
        seen: set[str] = set()
        for step in prompt_sequence:
            prompts = clicks(*((i, frame, x) for i, at in step.items() for frame, x in at.items()))
            if prompts.digest() in seen:
                continue
            seen.add(prompts.digest())
            worker.engine.made.clear()
            after = worker.made(prompts)
            made = set(worker.engine.made)
            for object_id in prompts.object_ids:
                new = frames_of(after, object_id)
                assert sorted(new) == list(range(FRAMES))
                old = {} if before is None else frames_of(before, object_id)
                for index in range(FRAMES):
                    assert (index, object_id) in made or new[index] == old[index]
            before = after


def frames_of(run: MaskRun, object_id: ObjectId) -> dict[int, MaskletFrame]:
    return {f.frame_index: f for m in run.masklets if m.object_id == object_id for f in m.frames}
