"""A frame's uncertainty depends on the frames before it: it is equal in resumed, partial and full runs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from backend.application.ports.engine import NeverCancelled
from backend.application.worker.job_runner import JobRunner
from backend.application.worker.mask_records import scorer_of
from backend.domain.jobs import JobState
from backend.domain.masklets import MaskRun
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.replan import Pass, Scope, pass_frames, total_frames
from backend.domain.uncertainty.calibration import Calibrator, Layer, Network
from backend.domain.uncertainty.features import FEATURES, ObjectEvidence
from backend.domain.video import Direction, FrameIndex, FrameRange
from tests.unit.application.worker.test_propagate import CAT, DOG, FRAMES, TWO, Worker, clicks

ALL = FrameRange(FrameIndex(0), FrameIndex(FRAMES))
Numbers = dict[tuple[ObjectId, int], float]


def sensitive_calibrator() -> Calibrator:
    """A calibrator whose output changes with every feature."""
    rng = np.random.default_rng(5)

    def network() -> Network:
        return Network((Layer(rng.uniform(0.005, 0.02, (len(FEATURES), 1)), np.zeros(1)),))

    zero, one = np.zeros(len(FEATURES)), np.ones(len(FEATURES))
    line = np.array([0.0, 1.0])
    return Calibrator("ab", zero, one, (network(),), (network(),), line, line, ())


class ScoringWorker(Worker):
    """A worker with a calibrator."""

    def setup(self, max_attempts: int = 3) -> JobRunner:
        return replace(super().setup(max_attempts), calibrator=sensitive_calibrator())


def uncertainties_of_full_run(run: MaskRun, prompts: PromptSet) -> Numbers:
    """The uncertainties of these masks in one full propagation of these prompts."""
    seen = {
        (m.object_id, int(f.frame_index)): ObjectEvidence(f.evidence, f.origin) for m in run.masklets for f in m.frames
    }
    scorer = scorer_of(sensitive_calibrator(), prompts)
    found: Numbers = {}
    for frame, objects in pass_frames(Pass(prompts.object_ids, Direction.BOTH, ALL), prompts):
        scores = scorer.frame(frame, {object_id: seen[object_id, frame] for object_id in objects})
        found |= {(object_id, frame): value for object_id, value in scores.items()}
    return found


def stored(run: MaskRun) -> Numbers:
    return {(m.object_id, int(f.frame_index)): f.uncertainty for m in run.masklets for f in m.frames}


@pytest.mark.parametrize("on", range(15))
def test_after_a_kill_all_uncertainties_are_bit_identical(on: int) -> None:
    worker = ScoringWorker()
    job = worker.submit(TWO)
    worker.attempt_and_kill(job.job_id, on)
    done = worker.attempt(job.job_id)
    assert done.state is JobState.DONE
    assert stored(worker.masks.read(done.masks_run)) == uncertainties_of_full_run(
        ScoringWorker(snapshot_frames=0).made(TWO), TWO
    )


CORRECTIONS = {
    "ahead": clicks((CAT, 2, 0.5), (CAT, 7, 0.1), (DOG, 5, 0.5)),
    "the first prompt": clicks((CAT, 2, 0.1), (DOG, 5, 0.5)),
    "in the lead": clicks((CAT, 0, 0.1), (CAT, 2, 0.5), (DOG, 5, 0.5)),
    "of one between two": clicks((CAT, 2, 0.5), (CAT, 4, 0.1), (CAT, 8, 0.5), (DOG, 5, 0.5)),
}


@pytest.mark.parametrize("name", list(CORRECTIONS))
@pytest.mark.parametrize("scope", [Scope.ONWARD, Scope.AROUND])
def test_recomputed_frames_are_scored_as_in_a_full_run(name: str, scope: Scope) -> None:
    worker, prompts = ScoringWorker(), CORRECTIONS[name]
    before = stored(worker.made(TWO))
    worker.engine.made.clear()
    run = worker.made(prompts, scope=scope)
    expected, found = uncertainties_of_full_run(run, prompts), stored(run)
    again = {
        (object_id, frame)
        for frame, object_id in worker.engine.made
        if found[object_id, frame] != before[object_id, frame]
    }
    assert again
    assert {key: found[key] for key in again} == {key: expected[key] for key in again}
    kept = found.keys() - {(object_id, frame) for frame, object_id in worker.engine.made}
    assert {key: found[key] for key in kept} == {key: before[key] for key in kept}


@pytest.mark.parametrize("on", range(5))
def test_an_interrupted_correction_has_equal_uncertainties(on: int) -> None:
    prompts = CORRECTIONS["ahead"]
    whole = ScoringWorker(snapshot_frames=0)
    whole.made(TWO)
    expected = whole.made(prompts)
    worker = ScoringWorker(snapshot_frames=1)
    worker.made(TWO)
    job = worker.submit(prompts)
    worker.attempt_and_kill(job.job_id, on)
    assert worker.masks.read(worker.attempt(job.job_id).masks_run) == expected


def test_a_drawn_frame_is_certain_and_restarts_the_history() -> None:
    worker = ScoringWorker()
    worker.made(TWO)
    mask = np.ones((8, 16), np.bool_)
    prompts = PromptSet.of([*TWO, FramePrompt(CAT, FrameIndex(6), mask=mask)], {})
    run = worker.made(prompts)
    expected, found = uncertainties_of_full_run(run, prompts), stored(run)
    assert found[CAT, 6] == 0.0
    assert [found[CAT, frame] for frame in range(6, FRAMES)] == [expected[CAT, frame] for frame in range(6, FRAMES)]


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize("frame_range", [(0, 12), (4, 9), (0, 3), (6, 12)])
def test_the_frames_of_a_pass_are_the_engine_s(direction: Direction, frame_range: tuple[int, int]) -> None:
    worker = Worker()
    one = Pass(TWO.object_ids, direction, FrameRange(FrameIndex(frame_range[0]), FrameIndex(frame_range[1])))
    found = list(pass_frames(one, TWO))
    assert len(found) == total_frames(one, TWO)
    made = worker.engine.propagate(
        worker.media.video, TWO, direction=direction, frame_range=one.frames, cancel=NeverCancelled()
    )
    assert found == [(int(masks.frame_index), tuple(shown.object_id for shown in masks.objects)) for masks in made]
