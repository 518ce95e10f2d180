"""Trainings for tests: values, a queue in memory, a trainer that only counts its steps."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from backend.adapters.sam2.weights.checkpoints import SHIPPED_DIR
from backend.application.ports.datasets import DatasetSource
from backend.application.ports.engine import CancelToken
from backend.application.ports.training.ledger import TrainingLedger
from backend.application.training.reconcile import TrainingReconciler
from backend.application.training.requests import Trainings
from backend.bootstrap.container import Container
from backend.bootstrap.training.web import WebTrainings
from backend.codecs.atomic_file import write_atomically
from backend.domain.errors import QueueUnavailable
from backend.domain.training import HeldOutFigures, TrainingPlan, TrainingProgress, TrainingResult
from backend.domain.training.rows import Training
from backend.settings import Settings
from tests.fakes.clock import FakeClock

ID, OTHER_ID = "t-" + "3f9a1c" + "0" * 34, "t-" + "7b" * 20


def result(*, better: bool = True, checkpoint: str = "p7-3f9a1c") -> TrainingResult:
    """A result with a figure that does not exist."""
    return TrainingResult(
        before=HeldOutFigures(0.61, 0.6, 4.5, math.nan, 0.7),
        after=HeldOutFigures(0.72, 0.71, 3.25, 0.05, 0.7),
        gain=0.11,
        gain_low=0.04 if better else -0.02,
        gain_high=0.18,
        better=better,
        reason="The gain is above 0 with 95 % confidence." if better else "The gain may be chance.",
        videos=8,
        held_out_videos=2,
        objects=12,
        frames=30,
        curve=((0.0, math.nan, 0.61), (1.0, 0.4, math.nan), (2.0, 0.25, 0.72)),
        checkpoint=checkpoint if better else "",
    )


@dataclass
class FakeTrainingQueue:
    """A TrainingQueue in memory. is_away: it does not answer."""

    offered: list[tuple[str, int]] = field(default_factory=list)
    is_away: bool = False
    count: int = 0

    def offer(self, training: Training) -> None:
        self._require()
        self.offered.append((training.training_id, training.attempt))

    def is_known(self, training: Training) -> bool:
        self._require()
        return (training.training_id, training.attempt) in self.offered

    def workers(self) -> int:
        self._require()
        return self.count

    def _require(self) -> None:
        if self.is_away:
            raise QueueUnavailable("the queue does not answer")


@dataclass
class SteppingTrainer:
    """A Trainer that counts steps in a file of its folder, as a real one keeps its state, and resumes from there.

    steps: of a whole training. step_s: how long one takes. each: called before each step with its number.
    """

    steps: int = 4
    step_s: float = 0.0
    better: bool = True
    each: Callable[[int], None] = lambda _: None
    first_steps: list[int] = field(default_factory=list)

    def train(
        self,
        plan: TrainingPlan,
        data: DatasetSource,
        name: str,
        folder: Path,
        *,
        progress: Callable[[TrainingProgress], None],
        cancel: CancelToken,
    ) -> TrainingResult:
        state = folder / "steps"
        done = int(state.read_text()) if state.is_file() else 0
        self.first_steps.append(done)
        for entry in data.entries():
            with data.open(entry) as video:
                assert list(video.frames())
        for step in range(done, self.steps):
            self.each(step)
            time.sleep(self.step_s)
            cancel.raise_if_cancelled()
            # A kill leaves the file of the last step.
            write_atomically(state, str(step + 1).encode())
            progress(TrainingProgress("trains", (step + 1) / self.steps, {"loss": 1 / (step + 1)}))
        (folder / "pictures").mkdir(exist_ok=True)
        for when in ("before", "after"):
            (folder / "pictures" / f"01-{when}.jpg").write_bytes(b"a JPEG file")
        return replace(result(better=self.better), checkpoint=name if self.better else "")


def web_trainings(ledger: TrainingLedger, folder: Path, **settings: object) -> WebTrainings:
    """Trainings of a web process whose queue is in memory. settings: of Masklet."""
    container = Container(Settings(data_dir=folder, **settings))  # type: ignore[arg-type]
    queue = FakeTrainingQueue()
    reconciler = TrainingReconciler(ledger, queue, FakeClock(), heartbeat_ttl_s=60.0, max_tries=3)
    return WebTrainings(container, Trainings(ledger, queue), reconciler)


def write_trained(model_dir: Path, name: str) -> Path:
    """The folder of a trained checkpoint: the demo's config, and weights that are none."""
    folder = model_dir / "trained" / name
    folder.mkdir(parents=True)
    weights = f"the weights of {name}".encode()
    (folder / "weights.safetensors").write_bytes(weights)
    shutil.copyfile(SHIPPED_DIR / "demo.yaml", folder / "config.yaml")
    card = {"format": 1, "name": name, "sha256": hashlib.sha256(weights).hexdigest(), "gain": [0.11, 0.04, 0.18]}
    (folder / "card.json").write_text(json.dumps({**card, "parent": {"name": "tiny"}}))
    return folder
