"""The training loop: batches rendered ahead, one optimiser, averaged weights, snapshots for resumption."""

from __future__ import annotations

import logging
import math
import os
import time
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from backend.adapters.sam2.weights.image_size import resize_model
from backend.training import objective
from backend.training.drawn.scenes import render_batch
from backend.training.optimizer_step import average_weights, take_step
from backend.training.rollout import ClipRollout, DecoderTap
from scripts.training.curriculum import STAGES, stage_at
from scripts.training.model import build_model

log = logging.getLogger(__name__)
Batch = tuple[NDArray[np.uint8], NDArray[np.bool_]]


@dataclass(frozen=True)
class RunPlan:
    """The parameters of a training run."""

    minutes: float
    seed: int
    device: str = "cpu"
    peak_rate: float = 1e-3
    snapshot_every_s: float = 120.0
    lookahead: int = 3


@dataclass
class Progress:
    """The progress of a run: seconds trained, steps in total and by stage, object samples."""

    seconds: float
    steps: int
    stage_steps: list[int]
    samples: int


def draw_batch(seed: int, stage_index: int, step: int, share: float) -> Batch:
    """The data of one step of one stage; frames, objects and difficulty come from the same seed."""
    stage = STAGES[stage_index]
    rng = np.random.default_rng((seed, stage_index, step))
    frames = 1 if rng.random() < stage.single_share else int(rng.choice(stage.frames))
    objects = int(rng.choice(stage.objects))
    scenes = stage.scenes if frames > 1 or max(stage.frames) == 1 else stage.scenes * 3
    return render_batch(seed * 1000 + stage_index, step, scenes, stage.spec(share, frames, objects))


class Trainer:
    """One training run, from its first step or from a snapshot."""

    def __init__(self, plan: RunPlan, folder: Path) -> None:
        self.plan, self.folder = plan, folder
        self.device = torch.device(plan.device)
        self.model = build_model(STAGES[0].image_size, plan.seed).to(self.device).train()
        self.average = {name: value.detach().clone() for name, value in self.model.state_dict().items()}
        self.tap = DecoderTap(self.model)
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=plan.peak_rate, betas=(0.9, 0.98), weight_decay=0.02
        )
        self.progress = Progress(0.0, 0, [0] * len(STAGES), 0)
        self.figures: dict[str, float] = {}

    @property
    def snapshot_path(self) -> Path:
        return self.folder / "snapshot.pt"

    def resume(self) -> bool:
        """Loads the snapshot in the folder; returns whether there is one."""
        if not self.snapshot_path.exists():
            return False
        state = torch.load(self.snapshot_path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.average = state["average"]
        self.progress = Progress(**state["progress"])
        self.progress.stage_steps += [0] * (len(STAGES) - len(self.progress.stage_steps))
        return True

    def save(self) -> None:
        """Writes the snapshot by rename, so that a kill keeps the previous one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average,
            "progress": asdict(self.progress),
        }
        torch.save(state, self.snapshot_path.with_suffix(".tmp"))
        os.replace(self.snapshot_path.with_suffix(".tmp"), self.snapshot_path)

    def learning_rate(self) -> float:
        """Linear warm-up over 150 steps, then a cosine to a fiftieth over the run's minutes."""
        fraction = min(1.0, self.progress.seconds / (60 * self.plan.minutes))
        cosine = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * fraction))
        return self.plan.peak_rate * cosine * min(1.0, (self.progress.steps + 1) / 150)

    def train_step(self, stage_index: int, batch: Batch) -> objective.Outcome:
        """One optimiser step on one batch."""
        resize_model(self.model, STAGES[stage_index].image_size)
        rng = np.random.default_rng((self.plan.seed, 77, self.progress.steps))
        rollout = ClipRollout(self.model, self.tap, *batch, STAGES[stage_index].alpha)
        outcome = objective.of_rollout(rollout, rng)
        take_step(self.model, self.optimizer, outcome.loss, learning_rate=self.learning_rate())
        average_weights(self.average, self.model, self.progress.steps)
        self.progress.steps += 1
        self.progress.stage_steps[stage_index] += 1
        self.progress.samples += rollout.scenes * rollout.n_objects * rollout.n_frames
        return outcome

    def run(self) -> None:
        """Trains until the plan's minutes are used up."""
        pending: list[tuple[int, Future[Batch]]] = []
        drawn = list(self.progress.stage_steps)
        last_save = last_log = time.monotonic()
        with ProcessPoolExecutor(1) as pool:
            while self.progress.seconds < 60 * self.plan.minutes:
                start_s = time.monotonic()
                while len(pending) < self.plan.lookahead:
                    index, share = stage_at(self.progress.seconds / (60 * self.plan.minutes))
                    share = round(share, 3)
                    pending.append((index, pool.submit(draw_batch, self.plan.seed, index, drawn[index], share)))
                    drawn[index] += 1
                index, future = pending.pop(0)
                batch = future.result()
                waited_s = time.monotonic() - start_s
                outcome = self.train_step(index, batch)
                now = time.monotonic()
                self.progress.seconds += now - start_s
                self._update_figures(outcome, waited_s / (now - start_s))
                if now - last_log > 15:
                    last_log = now
                    self._log(index)
                if now - last_save > self.plan.snapshot_every_s:
                    last_save = now
                    self.save()
            for _, future in pending:
                future.cancel()
        self.save()

    def _update_figures(self, outcome: objective.Outcome, wait_share: float) -> None:
        for name, value in {**outcome.figures, "loss": outcome.loss.item(), "wait": wait_share}.items():
            if math.isfinite(value):
                self.figures[name] = self.figures.get(name, value) * 0.95 + value * 0.05

    def _log(self, stage_index: int) -> None:
        figures = " ".join(f"{name} {value:.3f}" for name, value in self.figures.items())
        log.info(
            "%5.1f min %s step %d samples %d rate %.1e | %s",
            self.progress.seconds / 60,
            STAGES[stage_index].name,
            self.progress.steps,
            self.progress.samples,
            self.learning_rate(),
            figures,
        )
