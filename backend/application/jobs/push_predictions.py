"""Pushes predictions of finished propagations to Label Studio: retried until it answers, never duplicated.

A pending push is a ledger row. A process claims it for CLAIM_S, so several web and worker processes can sweep. The sink
updates the prediction of the same task and model version.

A push that fails is tried again: without an end while Label Studio is unavailable, for a day if it refuses. A sweep
ends when Label Studio seems to fail every push, and postpones the others: after a pause, one push shows how it is.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from backend.application.jobs.table_values import table_values
from backend.application.ports.clock import Clock
from backend.application.ports.label_studio import PredictionSink, RegionBuilder
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.domain.errors import LabelStudioUnavailable, MaskletError, reason_of
from backend.domain.jobs import PendingPush, PropagationRequest, PushState
from backend.domain.masklets import MaskRun
from backend.domain.retries import LONGEST_WAIT_S, Failures
from backend.domain.tasks import TaskKey
from backend.domain.uncertainty.scoring import score_of_frames

logger = logging.getLogger(__name__)

CLAIM_S = 60.0

LONGEST_OUTAGE_WAIT_S = 90.0
"""The longest wait for a Label Studio that does not answer: one push in this time shows whether it is back."""

LONGEST_REFUSED_PAUSE_S = 10.0
REFUSED_IN_A_ROW = 3
"""After so many pushes refused for one cause in a row, the other pushes wait for the next sweep."""


@dataclass(slots=True)
class FailureStreak:
    """The pushes of a process that failed since Label Studio took one, on the monotonic clock."""

    failures: Failures = field(default_factory=Failures)
    refused_in_a_row: int = 0

    def end(self) -> None:
        self.failures, self.refused_in_a_row = Failures(), 0

    def pause_s(self, error: Exception, now_s: float, random: float) -> float | None:
        """Counts a failure; returns the pause of the other pushes in seconds, None without one. random: 0 to 1."""
        before = self.failures.cause
        self.failures = self.failures.after(error, now_s)
        if isinstance(error, LabelStudioUnavailable):
            return self.failures.wait_s(now_s, random, longest_s=LONGEST_OUTAGE_WAIT_S)
        self.refused_in_a_row = self.refused_in_a_row + 1 if before == self.failures.cause else 1
        if self.refused_in_a_row < REFUSED_IN_A_ROW:
            return None
        return self.failures.wait_s(now_s, random, longest_s=LONGEST_REFUSED_PAUSE_S)


@dataclass(frozen=True, slots=True)
class Pusher:
    ledger: Ledger
    masks: MaskStore
    sink: PredictionSink
    build_regions: RegionBuilder
    clock: Clock
    random: Callable[[], float] = random.random
    """0 to 1: shortens waits, so that failures of one moment are not tried again in one moment."""

    streak: FailureStreak = field(default_factory=FailureStreak)

    def sweep(self) -> int:
        """Pushes due predictions; returns the count that reached Label Studio. Does not raise for a push that fails."""
        pushed = 0
        for push in self.ledger.due_pushes(self.clock.now_s()):
            if not self.ledger.claim_push(push, until_s=self.clock.now_s() + CLAIM_S):
                continue
            try:
                prediction_id = self._send(push)
            except Exception as error:  # one push that cannot be made must not hold up the others
                self.ledger.settle_push(self._failed(push, error))
                pause_s = self.streak.pause_s(error, self.clock.monotonic_s(), self.random())
                if pause_s is not None:
                    self.ledger.postpone_pushes(self.clock.now_s() + pause_s)
                    break
                continue
            self.ledger.settle_push(
                replace(
                    push,
                    tries=push.tries + 1,
                    state=PushState.PUSHED,
                    prediction_id=prediction_id,
                    reason="",
                    failures=Failures(),
                )
            )
            self.streak.end()
            pushed += 1
        return pushed

    def _failed(self, push: PendingPush, error: Exception) -> PendingPush:
        """The push after a failure: pending with its next try, or refused after a day of one cause."""
        if not isinstance(error, MaskletError):
            logger.error("task %s: the push failed unexpectedly", push.task, exc_info=error)
        now_s = self.clock.now_s()
        failures = push.failures.after(error, now_s)
        failed = replace(push, tries=push.tries + 1, failures=failures, reason=reason_of(error))
        is_outage = isinstance(error, LabelStudioUnavailable)
        if not is_outage and failures.is_given_up(now_s):
            logger.error("task %s: the push is given up: %s; `masklet jobs retry` tries again", push.task, error)
            return replace(failed, state=PushState.REFUSED)
        longest_s = LONGEST_OUTAGE_WAIT_S if is_outage else LONGEST_WAIT_S
        wait_s = failures.wait_s(now_s, self.random(), longest_s=longest_s)
        logger.warning("task %s: %s; pushing again in %.0f s", push.task, error, wait_s)
        return replace(failed, next_try_s=now_s + wait_s)

    def _send(self, push: PendingPush) -> int:
        request = self.ledger.request(push.job_id)
        assert isinstance(request, PropagationRequest), "only propagations are pushed"
        run = self.masks.read(self.ledger.job(push.job_id).masks_run)
        regions = self.build_regions(run, label_config=request.label_config, task=push.task)
        prediction_id = self.sink.put_prediction(
            push.task, model_version=push.model_version, result=regions, score=task_score(run)
        )
        self._describe(push.task, run)
        return prediction_id

    def _describe(self, task: TaskKey, run: MaskRun) -> None:
        """Renews the task's columns. A pushed prediction is not pushed again for columns that cannot be written."""
        try:
            self.sink.describe_task(task, table_values(run))
        except LabelStudioUnavailable:
            raise
        except Exception as error:
            logger.warning("task %s: the table of tasks does not show its worst page: %s", task, error)


def task_score(run: MaskRun) -> float:
    """A task's score in Label Studio, 0..1: see `score_of_frames`."""
    return score_of_frames(
        (int(frame.frame_index), frame.uncertainty) for masklet in run.masklets for frame in masklet.frames
    )


def frame_uncertainties(run: MaskRun) -> list[float]:
    """Per frame of the video, the largest uncertainty of its objects; 0.0 on frames without objects."""
    worst = [0.0] * run.video.frame_count
    for masklet in run.masklets:
        for frame in masklet.frames:
            worst[frame.frame_index] = max(worst[frame.frame_index], frame.uncertainty)
    return worst
