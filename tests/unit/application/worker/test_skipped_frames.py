"""Propagations that skip frames: what is computed, what is kept, and what a kill costs."""

from __future__ import annotations

import pytest

from backend.domain.frame_grid import FrameGrid
from backend.domain.jobs import Job, JobState, PropagationRequest
from backend.domain.masklets import MaskRun
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.fakes.stores import closed_stores
from tests.unit.application.builders import TASK, USER_TASK
from tests.unit.application.worker.test_propagate import CAT, DOG, FRAMES, Worker, clicks

TWO = clicks((CAT, 1, 0.5), (DOG, 4, 0.5))
VISITED = [1, 4, 6, 11]


def submit(worker: Worker, prompts: PromptSet, start: int, stride: int) -> Job:
    return worker.submitter.submit(
        PropagationRequest(
            TASK,
            USER_TASK.media,
            prompts,
            Direction.FORWARD,
            frames=FrameRange(FrameIndex(start), FrameIndex(FRAMES)),
            model_version=USER_TASK.model_version,
            grid=FrameGrid(FrameIndex(start), stride),
        )
    )


def run(worker: Worker, job: Job) -> MaskRun:
    done = worker.attempt(job.job_id)
    assert done.state is JobState.DONE, done.reason
    return worker.masks.read(done.masks_run)


def frames_of(made: MaskRun) -> dict[ObjectId, list[int]]:
    return {masklet.object_id: [int(frame.frame_index) for frame in masklet.frames] for masklet in made.masklets}


with closed_stores():
    _WORKER = Worker(snapshot_frames=0)
    UNINTERRUPTED = run(_WORKER, submit(_WORKER, TWO, 1, 5))


def test_the_grid_and_the_prompted_frames_get_masks() -> None:
    assert frames_of(UNINTERRUPTED) == {CAT: VISITED, DOG: VISITED[1:]}


@pytest.mark.parametrize("on", range(len(VISITED)))
def test_after_a_kill_at_any_frame_the_masks_are_the_same(on: int) -> None:
    worker = Worker(snapshot_frames=1)
    job = submit(worker, TWO, 1, 5)
    worker.attempt_and_kill(job.job_id, on)
    made = len(worker.engine.made)
    assert run(worker, job) == UNINTERRUPTED
    assert len(worker.engine.made) - made == 7 - made, "a frame was computed twice"


def test_progress_counts_the_visited_frames() -> None:
    worker = Worker()
    done = worker.attempt(submit(worker, TWO, 1, 5).job_id)
    assert (done.done, done.total) == (len(VISITED), len(VISITED))


def test_masks_between_the_grids_frames_are_kept() -> None:
    worker = Worker()
    whole = worker.made(clicks((CAT, 1, 0.5)))
    made = run(worker, submit(worker, TWO, 1, 5))
    assert made.masklets[0] == whole.masklets[0]
    assert frames_of(made)[DOG] == VISITED[1:]


def test_a_whole_propagation_computes_the_skipped_frames() -> None:
    worker = Worker()
    run(worker, submit(worker, TWO, 1, 5))
    whole = worker.made(TWO)
    fresh = Worker(snapshot_frames=0).made(TWO)
    # The unchanged prompted frames are kept.
    prompted = {(prompt.object_id, prompt.frame_index) for prompt in TWO}
    assert whole.select(lambda *key: key not in prompted) == fresh.select(lambda *key: key not in prompted)


def test_requests_with_other_grids_are_other_jobs() -> None:
    worker = Worker()
    ids = {submit(worker, TWO, start, stride).job_id for start, stride in ((1, 5), (1, 4), (2, 5))}
    assert len(ids) == 3
