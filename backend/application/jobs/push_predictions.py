"""Pushes predictions of finished propagations to Label Studio: retried until it answers, never duplicated.

A pending push is a ledger row. A process claims it for CLAIM_S, so several web and worker processes can sweep. The sink
updates the prediction of the same task and model version.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace

from backend.application.ports.clock import Clock
from backend.application.ports.label_studio import PredictionSink, RegionBuilder
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.domain.errors import LabelStudioUnavailable, MaskletError, reason_of
from backend.domain.jobs import PendingPush, PropagationRequest, PushState
from backend.domain.masklets import MaskRun
from backend.domain.scoring import combined_uncertainty, label_studio_score

logger = logging.getLogger(__name__)

CLAIM_S = 60.0
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class Pusher:
    ledger: Ledger
    masks: MaskStore
    sink: PredictionSink
    build_regions: RegionBuilder
    clock: Clock

    def sweep(self) -> int:
        """Pushes all due predictions; returns the count that reached Label Studio."""
        pushed = 0
        for push in self.ledger.due_pushes(self.clock.now_s()):
            if self.ledger.claim_push(push, until_s=self.clock.now_s() + CLAIM_S):
                settled = self._attempt(push)
                self.ledger.settle_push(settled)
                pushed += settled.state is PushState.PUSHED
        return pushed

    def _attempt(self, push: PendingPush) -> PendingPush:
        tries = push.tries + 1
        try:
            prediction_id = self._send(push)
        except LabelStudioUnavailable as error:
            wait_s = min(FIRST_RETRY_S * 2 ** min(push.tries, 10), LONGEST_RETRY_S)
            logger.warning("task %s: %s; pushing again in %g s", push.task, error, wait_s)
            return replace(push, tries=tries, next_try_s=self.clock.now_s() + wait_s, reason=reason_of(error))
        except MaskletError as error:
            logger.error("task %s: the prediction cannot be pushed: %s", push.task, error)
            return replace(push, tries=tries, state=PushState.REFUSED, reason=reason_of(error))
        return replace(push, tries=tries, state=PushState.PUSHED, prediction_id=prediction_id, reason="")

    def _send(self, push: PendingPush) -> int:
        request = self.ledger.request(push.job_id)
        assert isinstance(request, PropagationRequest), "only propagations are pushed"
        run = self.masks.read(self.ledger.job(push.job_id).masks_run)
        regions = self.build_regions(run, label_config=request.label_config, task=push.task)
        return self.sink.put_prediction(
            push.task, model_version=push.model_version, result=regions, score=label_studio_score(run_uncertainty(run))
        )


def run_uncertainty(run: MaskRun) -> float:
    """A task's uncertainty: the uncertainty of its most uncertain frame."""
    return combined_uncertainty(frame.uncertainty for masklet in run.masklets for frame in masklet.frames)


def frame_uncertainties(run: MaskRun) -> list[float]:
    """Per frame of the video, the largest uncertainty of its objects; 0.0 on frames without objects."""
    worst = [0.0] * run.video.frame_count
    for masklet in run.masklets:
        for frame in masklet.frames:
            worst[frame.frame_index] = max(worst[frame.frame_index], frame.uncertainty)
    return worst
