"""The training itself: steps until the minutes are used up, averaged weights, a state that survives every kill."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor

from backend.application.ports.engine import CancelToken
from backend.application.ports.progress import work_moved
from backend.domain.errors import Cancelled, IntegrityError
from backend.domain.training import TrainedPart
from backend.training.labelled_objective import of_labelled
from backend.training.objective import Outcome
from backend.training.optimizer_step import average_weights, take_step
from backend.training.parts import choose_parts, copied, parameter_groups
from backend.training.rollout import DecoderTap, FrameFeatures, Rollout, encode_frames
from backend.training.samples.batches import Batches, LabelledBatch
from backend.training.samples.features import KeptFeatures
from backend.training.state_file import Interval, read_state, write_state

logger = logging.getLogger(__name__)

ALPHA = 0.5
WARM_UP_STEPS = 40
LAST_RATE = 0.02
"""The share of the peak rate at the end."""

LONGEST_COUNTED_STEP_S = 120.0
"""A step that takes longer was stopped, or the machine slept: the rest is not counted as training."""

MOST_FAILED_STEPS = 5
"""Steps in a row whose loss is no number. After them the training ends."""


@dataclass(frozen=True, slots=True)
class LearningPlan:
    """minutes: of training in all, resumptions included. most_steps: more would only fit the labels by heart."""

    minutes: float
    part: TrainedPart
    peak_rate: float
    most_steps: int = 4000
    save_every_s: float = 60.0
    report_every_s: float = 5.0


@dataclass
class Counters:
    """The progress, resumptions included. failed: steps in a row without a finite loss."""

    seconds: float = 0.0
    steps: int = 0
    failed: int = 0


@dataclass
class Learnt:
    """figures: running means of the newest steps. curve: (minute, loss), ascending. stopped: why it ended early."""

    figures: dict[str, float] = field(default_factory=dict)
    curve: list[tuple[float, float]] = field(default_factory=list)
    stopped: str = ""


class Learning:
    """One training in one folder. features: of the frozen encoder; None: the encoder is trained too."""

    def __init__(
        self, plan: LearningPlan, model: SAM2Base, batches: Batches, features: KeptFeatures | None, folder: Path
    ) -> None:
        self.plan, self.model, self.batches, self._features = plan, model, batches, features
        self.state_path = folder / "state.pt"
        self.trained = choose_parts(model, plan.part)
        self.model.train()
        self.average = copied(self.trained)
        self._tap = DecoderTap(model)
        self._optimizer = torch.optim.AdamW(
            parameter_groups(self.trained), lr=plan.peak_rate, betas=(0.9, 0.98), weight_decay=0.01
        )
        self.counters, self.learnt = Counters(), Learnt()

    def resume(self) -> bool:
        """Loads the folder's state; False without one. Raises IntegrityError if it is not of this training."""
        if not self.state_path.is_file():
            return False
        state = read_state(self.state_path)
        try:
            self._load(state["trained"])
            self._optimizer.load_state_dict(state["optimizer"])
            self.average = {name: state["average"][name].to(self.model.device) for name in self.average}
            self.counters = Counters(**state["counters"])
            self.learnt = Learnt(state["figures"], [(a, b) for a, b in state["curve"]], state["stopped"])
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise IntegrityError(f"{self.state_path} is of another training: start in another folder") from error
        return True

    def save(self) -> None:
        """Writes the state by rename. Raises StorageFull."""
        state = {
            "trained": copied(self.trained),
            "average": self.average,
            "optimizer": self._optimizer.state_dict(),
            "counters": asdict(self.counters),
            "figures": self.learnt.figures,
            "curve": self.learnt.curve,
            "stopped": self.learnt.stopped,
        }
        write_state(self.state_path, state)

    @property
    def share(self) -> float:
        """0 to 1: how much of the training is done."""
        by_time = self.counters.seconds / (60 * self.plan.minutes) if self.plan.minutes > 0 else 1.0
        return min(1.0, max(by_time, self.counters.steps / self.plan.most_steps))

    @property
    def learning_rate(self) -> float:
        """A linear warm-up, then half a cosine from the peak to LAST_RATE of it."""
        falling = LAST_RATE + (1 - LAST_RATE) * 0.5 * (1 + math.cos(math.pi * self.share))
        return self.plan.peak_rate * falling * min(1.0, (self.counters.steps + 1) / WARM_UP_STEPS)

    def run(self, report: Callable[[float, dict[str, float]], None], cancel: CancelToken) -> None:
        """Trains to the end and saves. report: called with the share done and the figures.

        Raises Cancelled, with the state saved.
        """
        saving, reporting = Interval(self.plan.save_every_s), Interval(self.plan.report_every_s)
        try:
            while self.share < 1.0 and not self.learnt.stopped:
                cancel.raise_if_cancelled()
                work_moved()
                start_s = time.monotonic()
                self.take(self.batches.draw(self.counters.steps))
                self.counters.seconds += min(time.monotonic() - start_s, LONGEST_COUNTED_STEP_S)
                if reporting.is_over():
                    report(self.share, dict(self.learnt.figures))
                if saving.is_over():
                    self._mark()
                    self.save()
        except Cancelled:
            self.save()
            raise
        self._mark()
        self.save()
        logger.info("trained %d steps in %.1f minutes", self.counters.steps, self.counters.seconds / 60)

    def take(self, batch: LabelledBatch) -> None:
        """One step. A loss that is no number changes nothing; MOST_FAILED_STEPS of them in a row end the training."""
        rng = np.random.default_rng((self.batches.plan.seed, 77, self.counters.steps))
        with self._computing():
            features = self._features_of(batch)
            rollout = Rollout(self.model, self._tap, features, batch.clip_of_row, batch.truth_px, ALPHA)
            outcome = of_labelled(rollout, batch.known, rng)
        if math.isfinite(outcome.loss.item()):
            take_step(self.model, self._optimizer, outcome.loss, learning_rate=self.learning_rate)
        if math.isfinite(outcome.loss.item()) and self._is_finite():
            average_weights(self.average, self.model, self.counters.steps)
            self.counters.failed = 0
            self._note(outcome)
        else:
            self._fail()
        self.counters.steps += 1

    def use_average(self) -> None:
        """Gives the model the averaged weights."""
        self._load(self.average)

    def close(self) -> None:
        self._tap.handle.remove()

    def _fail(self) -> None:
        self.counters.failed += 1
        self._load(self.average)
        self._optimizer.state.clear()  # its moments may be no numbers either
        if self.counters.failed >= MOST_FAILED_STEPS:
            self.learnt.stopped = (
                f"the loss was no number any more after {self.counters.steps} steps; the best weights before are used"
            )
            logger.warning("the training ends early: %s", self.learnt.stopped)

    def _is_finite(self) -> bool:
        return all(bool(torch.isfinite(value).all()) for value in self.trained.values())

    def _load(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self.trained.items():
                parameter.copy_(weights[name])

    def _features_of(self, batch: LabelledBatch) -> FrameFeatures:
        if self._features is not None:
            return self._features.of(batch.keys, self.batches.pixels)
        return encode_frames(self.model, np.stack([self.batches.pixels(key) for key in batch.keys]))

    def _computing(self) -> AbstractContextManager[object]:
        if self.model.device.type != "cuda":
            return nullcontext()
        return torch.autocast("cuda", dtype=torch.bfloat16)

    def _note(self, outcome: Outcome) -> None:
        for name, value in {**outcome.figures, "loss": outcome.loss.item()}.items():
            if math.isfinite(value):
                self.learnt.figures[name] = self.learnt.figures.get(name, value) * 0.95 + value * 0.05

    def _mark(self) -> None:
        """Adds a point to the curve."""
        minute = self.counters.seconds / 60
        if "loss" in self.learnt.figures and (minute, self.learnt.figures["loss"]) not in self.learnt.curve[-1:]:
            self.learnt.curve.append((minute, self.learnt.figures["loss"]))
