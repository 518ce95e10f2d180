"""Continued training on the mixture, from given weights. Resumable: the state is saved atomically, also on SIGTERM."""

from __future__ import annotations

import logging
import math
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

import numpy as np
import torch
from torch import Tensor

from backend.adapters.sam2.weights.image_size import resize_model
from backend.training import objective
from backend.training.optimizer_step import average_weights, take_step
from backend.training.rollout import ClipRollout, DecoderTap
from backend.training.state_file import Interval, read_state, write_state
from scripts.training.mixture import DataPlan, draw_mixed_batch
from scripts.training.model import build_model, config_of
from scripts.training.photographic.scenes import Batch

log = logging.getLogger(__name__)
Judge = Callable[[Mapping[str, Tensor], int], Mapping[str, float]]
ALPHA = 0.5
WARM_UP_STEPS = 100
LONGEST_COUNTED_STEP_S = 120.0
"""A step that takes longer was stopped (SIGSTOP) or the machine slept: the rest is not counted as training."""


@dataclass(frozen=True, slots=True)
class ContinuedPlan:
    """The parameters of a run.

    cool_down: the last minutes, in which the rate falls to a fiftieth. trunk_share, neck_share: the shares of the rate
    that the image encoder's two parts have; a run that is resumed may have others.
    """

    minutes: float
    peak_rate: float = 4e-4
    cool_down: float = 0.0
    trunk_share: float = 1.0
    neck_share: float = 1.0
    save_every_s: float = 180.0
    log_every_s: float = 30.0
    judge_every_s: float = 900.0
    lookahead: int = 4

    @property
    def shares(self) -> tuple[float, float, float]:
        """Of the rate: the trunk's, the neck's, and that of the rest."""
        return self.trunk_share, self.neck_share, 1.0


@dataclass
class Counters:
    """The progress of a run, restarts included. frames: object frames.

    cpu_seconds: of the training process, all threads; on busy cores it says more than seconds.
    """

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    steps: int = 0
    frames: int = 0


class ContinuedTraining:
    """One run in one folder: ``state.pt`` (to resume) and ``judged.jsonl`` are its files."""

    def __init__(self, plan: ContinuedPlan, data: DataPlan, folder: Path, weights: Mapping[str, Tensor]) -> None:
        self.plan, self.data, self.folder = plan, data, folder
        self.model = build_model(data.side, data.seed, config_of(weights))
        self.model.load_state_dict({name: value.float() for name, value in weights.items()})
        self.model.train()
        resize_model(self.model, data.side)
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.tap = DecoderTap(self.model)
        self.optimizer = torch.optim.AdamW(self._groups(), lr=plan.peak_rate, betas=(0.9, 0.98), weight_decay=0.02)
        self.counters = Counters()
        self.figures: dict[str, float] = {}
        self.is_stopping = False

    def _groups(self) -> list[dict[str, object]]:
        """Trunk, neck and the rest, each with its share of the rate. A trunk with none is frozen."""
        encoder = self.model.image_encoder
        encoder.trunk.requires_grad_(self.plan.trunk_share > 0)
        rest = [value for name, value in self.model.named_parameters() if not name.startswith("image_encoder.")]
        parts = (list(encoder.trunk.parameters()), list(encoder.neck.parameters()), rest)
        return [{"params": part, "share": share} for part, share in zip(parts, self.plan.shares, strict=True)]

    @property
    def state_path(self) -> Path:
        return self.folder / "state.pt"

    def resume(self) -> None:
        """Loads the state of the folder. Raises FileNotFoundError without one."""
        state = read_state(self.state_path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        for group, share in zip(self.optimizer.param_groups, self.plan.shares, strict=True):
            group["share"] = share
        self.average = state["average"]
        self.counters = Counters(**state["counters"])
        self.figures = state["figures"]
        torch.set_rng_state(state["random"])

    def save(self) -> None:
        """Writes the state and renames it into place, so that a kill keeps the previous one."""
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "counters": asdict(self.counters),
            "figures": self.figures,
            "random": torch.get_rng_state(),
            "image_size": self.data.side,
        }
        write_state(self.state_path, state)

    def stop(self, signal_number: int, _frame: FrameType | None = None) -> None:
        """Ends the run after the current step; the handler of SIGTERM and SIGINT."""
        log.info("%s: the run ends after this step", signal.Signals(signal_number).name)
        self.is_stopping = True

    def learning_rate(self) -> float:
        """A linear warm-up, then the peak, then a linear fall to a fiftieth over the cool-down."""
        rate = self.plan.peak_rate * min(1.0, (self.counters.steps + 1) / WARM_UP_STEPS)
        left = self.plan.minutes - self.counters.seconds / 60
        return rate * max(0.02, left / self.plan.cool_down) if left < self.plan.cool_down else rate

    def train_step(self, batch: Batch) -> objective.Outcome:
        """One optimiser step on one batch."""
        rng = np.random.default_rng((self.data.seed, 43, self.counters.steps))
        rollout = ClipRollout(self.model, self.tap, *batch, ALPHA)
        outcome = objective.of_rollout(rollout, rng)
        take_step(self.model, self.optimizer, outcome.loss, learning_rate=self.learning_rate())
        average_weights(self.average, self.model, self.counters.steps)
        self.counters.steps += 1
        self.counters.frames += rollout.scenes * rollout.n_objects * rollout.n_frames
        return outcome

    def run(self, renderers: Executor, judge: Judge | None = None) -> None:
        """Trains until the plan's minutes are used up or a signal stops it, and saves the state."""
        pending: deque[Future[Batch]] = deque()
        save, show, judging = (
            Interval(every) for every in (self.plan.save_every_s, self.plan.log_every_s, self.plan.judge_every_s)
        )
        while self.counters.seconds < 60 * self.plan.minutes and not self.is_stopping:
            start_s, cpu_start_s = time.monotonic(), time.process_time()
            while len(pending) < self.plan.lookahead:
                pending.append(renderers.submit(draw_mixed_batch, self.data, self.counters.steps + len(pending)))
            batch = pending.popleft().result()
            waited_s = time.monotonic() - start_s
            outcome = self.train_step(batch)
            step_s = time.monotonic() - start_s
            self.counters.seconds += min(step_s, LONGEST_COUNTED_STEP_S)
            self.counters.cpu_seconds += time.process_time() - cpu_start_s
            self._update_figures(outcome, waited_s / max(step_s, 1e-9))
            if show.is_over():
                self._log()
            if save.is_over():
                self.save()
            if judge is not None and judging.is_over():
                self.judge(judge)
        for future in pending:
            future.cancel()
        self.save()
        log.info("saved %s after %.1f minutes", self.state_path, self.counters.seconds / 60)

    def judge(self, judge: Judge) -> None:
        """Logs the figures of the averaged weights."""
        figures = judge(self.average, self.data.side)
        shown = " ".join(f"{name} {value:.3f}" for name, value in figures.items())
        minutes, cpu_minutes = self.counters.seconds / 60, self.counters.cpu_seconds / 60
        log.info("%6.1f min (CPU %.1f) JUDGED step %d | %s", minutes, cpu_minutes, self.counters.steps, shown)

    def _update_figures(self, outcome: objective.Outcome, wait_share: float) -> None:
        for name, value in {**outcome.figures, "loss": outcome.loss.item(), "wait": wait_share}.items():
            if math.isfinite(value):
                self.figures[name] = self.figures.get(name, value) * 0.97 + value * 0.03

    def _log(self) -> None:
        figures = " ".join(f"{name} {value:.3f}" for name, value in self.figures.items())
        log.info(
            "%6.1f min (CPU %.1f) step %d frames %d rate %.1e | %s",
            self.counters.seconds / 60,
            self.counters.cpu_seconds / 60,
            self.counters.steps,
            self.counters.frames,
            self.learning_rate(),
            figures,
        )
