"""The Trainer port with SAM 2: reads, measures, trains, measures again, and offers what is better beyond doubt."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from backend.adapters.sam2.engine import Sam2Engine, engine_of
from backend.adapters.sam2.runtime.device import choose_device
from backend.adapters.sam2.weights.calibrators import find_calibrator
from backend.adapters.sam2.weights.checkpoint_files import DEMO, Checkpoint, require_trainable
from backend.adapters.sam2.weights.checkpoints import AUTO, find
from backend.adapters.sam2.weights.image_size import at_image_size
from backend.adapters.sam2.weights.load import load_model, read_weights
from backend.adapters.sam2.weights.trained import WEIGHTS, find_trained, require_name
from backend.application.ports.datasets import DatasetEntry, DatasetSource
from backend.application.ports.engine import CancelToken
from backend.domain.errors import InvalidInput
from backend.domain.training import (
    HeldOutFigures,
    TrainedPart,
    TrainingPlan,
    TrainingProgress,
    TrainingResult,
)
from backend.training.checkpoint_folder import write_checkpoint, write_weights
from backend.training.judgement import Judgement, judge
from backend.training.learning import Learning, LearningPlan
from backend.training.measure.general import SMALL_MODEL_PX
from backend.training.measure.measuring import Measured, Measuring
from backend.training.mixed_weights import MOST_LOST, SHARES, KeptClips, mixed
from backend.training.samples.batches import Batches, BatchPlan
from backend.training.samples.features import KeptFeatures
from backend.training.samples.reading import keep_pictures, read_source
from backend.training.samples.replay import replayed_clips
from backend.training.samples.split import split_videos
from backend.training.samples.videos import KeptVideo, PictureFolder, read_videos, write_videos

logger = logging.getLogger(__name__)

Report = Callable[[TrainingProgress], None]

READ, MEASURED, TRAINED = 0.04, 0.12, 0.86
"""Shares of the whole run after reading, the first measurement, and training."""

RATES: Mapping[str, float] = {DEMO: 2e-4}
PUBLISHED_RATE = 4e-5
"""Peak learning rates. The demo model is small and was trained for hours; the published ones for weeks."""

MOST_VARIANTS = 16
REPLAYED_CLIPS, FEWER_REPLAYED_CLIPS = 60, 16
ROWS, FEWER_ROWS = 6, 3
"""Models with a larger image than SMALL_MODEL_PX need more memory and time a frame: fewer objects a batch and clips."""


@dataclass(frozen=True, slots=True)
class TrainerOptions:
    """device, threads, image_size: as of the engine. feature_bytes: the most bytes of kept features on disk."""

    model_dir: Path | None
    device: str = "auto"
    threads: int = 0
    image_size: str = AUTO
    feature_bytes: int = 4 * 2**30


class SamTrainer:
    """Trains SAM 2 checkpoints. One training at a time."""

    def __init__(self, options: TrainerOptions) -> None:
        self._options = options

    def train(
        self,
        plan: TrainingPlan,
        data: DatasetSource,
        name: str,
        folder: Path,
        *,
        progress: Report,
        cancel: CancelToken,
    ) -> TrainingResult:
        """See the Trainer port."""
        require_name(name)
        if not 0 < plan.minutes < float("inf"):
            raise InvalidInput(f"a training takes some minutes, not {plan.minutes:g}")
        folder.mkdir(parents=True, exist_ok=True)
        return _Training(self._options, plan, data, name, folder, progress, cancel).run()


class _Training:
    """One training, from the first attempt or resumed."""

    def __init__(self, options: TrainerOptions, plan: TrainingPlan, data: DatasetSource, name: str, folder: Path,
                 progress: Report, cancel: CancelToken) -> None:  # fmt: skip
        self._options, self._plan, self._data, self._name, self._folder = options, plan, data, name, folder
        self._progress, self._cancel = progress, cancel
        self._device = choose_device(options.device, threads=options.threads)
        found = find(plan.base, options.model_dir)
        require_trainable(found)
        self._parent = at_image_size(found, options.image_size, on_gpu=self._device.type == "cuda")
        self._root = self._root_name()
        self._share = 1.0

    def run(self) -> TrainingResult:
        model = load_model(self._parent).to(self._device)
        pictures = PictureFolder(self._folder / "kept", int(model.image_size))
        del model
        learnt, held_out = self._read(pictures)
        measuring = Measuring(self._data, held_out, self._folder, self._plan.seed, self._cancel)
        self._report("measuring the checkpoint as it is", READ, {})
        before = measuring.measure("before", self._engine(self._parent), find_calibrator(self._parent))
        learning = self._learn([video for _, video in learnt], pictures)
        candidate = self._candidate(learning)
        learning.close()
        self._report("measuring the trained checkpoint", TRAINED, learning.learnt.figures)
        after = measuring.measure_trained("after", self._engine(candidate), candidate.sha256)
        judgement = judge(before, after, self._plan.seed, learning.learnt.stopped)
        return self._result(learning, [video for _, video in learnt], before, after, judgement, candidate)

    def _read(
        self, pictures: PictureFolder
    ) -> tuple[list[tuple[DatasetEntry, KeptVideo]], list[tuple[DatasetEntry, KeptVideo]]]:
        """The videos to learn from, with their pictures kept, and the held-out ones. Read once for all attempts."""
        path = self._folder / "videos.json"
        self._report("reading the labels", 0.0, {})
        if path.is_file():
            entries = {entry.key: entry for entry in self._data.entries()}
            known = read_videos(path)
            found = [(entries[video.key], video) for video in known if video.key in entries]
        else:
            found = read_source(self._data, self._cancel)
            split_videos([video for _, video in found], self._plan.seed)  # refuses too few before anything is kept
            write_videos(path, [video for _, video in found])
        taught, _ = split_videos([video for _, video in found], self._plan.seed)
        numbers = {video.number for video in taught}
        learnt = [each for each in found if each[1].number in numbers]
        self._report("keeping the pictures", READ / 2, {})
        keep_pictures(self._data, learnt, pictures, self._cancel)
        return learnt, [each for each in found if each[1].number not in numbers]

    def _learn(self, videos: list[KeptVideo], pictures: PictureFolder) -> Learning:
        model = load_model(self._parent).to(self._device)
        small = int(model.image_size) <= SMALL_MODEL_PX
        self._report("drawing clips against forgetting", MEASURED, {})
        replayed = replayed_clips(
            REPLAYED_CLIPS if small else FEWER_REPLAYED_CLIPS,
            self._plan.seed + 1,
            model,
            exact=self._root == DEMO,
            folder=self._folder / "drawn",
            pictures=pictures,
            cancel=self._cancel,
        )
        features = None
        variants = MOST_VARIANTS
        if self._plan.parts is not TrainedPart.ALL:
            features = KeptFeatures(model, self._folder / "features", self._options.feature_bytes)
            frames = sum(len(video.frames) for video in [*videos, *replayed])
            variants = max(1, min(MOST_VARIANTS, features.capacity // max(1, frames)))
        batches = Batches(
            BatchPlan(self._plan.seed, int(model.image_size), variants, ROWS if small else FEWER_ROWS),
            videos,
            replayed,
            pictures,
        )
        rate = RATES.get(self._root, PUBLISHED_RATE)
        plan = LearningPlan(self._plan.minutes, self._plan.parts, rate)
        learning = Learning(plan, model, batches, features, self._folder)
        if learning.resume():
            logger.info("the training resumes after %d steps", learning.counters.steps)

        def report(share: float, figures: dict[str, float]) -> None:
            self._report(f"training, step {learning.counters.steps}", MEASURED + (TRAINED - MEASURED) * share, figures)

        learning.run(report, self._cancel)
        return learning

    def _candidate(self, learning: Learning) -> Checkpoint:
        """The trained weights, or a mixture with the parent's that forgets less, as a checkpoint in the folder."""
        learning.use_average()
        trained = learning.model.state_dict()
        stored = read_weights(self._parent.weights)
        path = self._folder / "candidate" / WEIGHTS
        clips = KeptClips(self._plan.seed)
        before = clips.j(self._engine(self._parent), self._cancel)
        for share in SHARES:
            self._report(f"comparing {share:.0%} of the training with before", TRAINED, learning.learnt.figures)
            self._share = share
            sha256 = write_weights(mixed(stored, trained, share), stored, path)
            size = self._parent.image_size
            candidate = Checkpoint(self._name, path, sha256, self._parent.config, size, trained_size=size)
            lost = before.lost(clips.j(self._engine(candidate), self._cancel))
            logger.info("with a share of %g of the trained weights, J on clips of before falls by %.4f", share, lost)
            if lost <= MOST_LOST:
                break
        return candidate

    def _engine(self, checkpoint: Checkpoint) -> Sam2Engine:
        return engine_of(checkpoint, device=self._options.device, threads=self._options.threads)

    def _result(self, learning: Learning, videos: list[KeptVideo], before: Measured, after: Measured,
                judgement: Judgement, candidate: Checkpoint) -> TrainingResult:  # fmt: skip
        nan = float("nan")
        points = learning.learnt.curve or [(0.0, nan)]
        curve = [
            (0.0, points[0][1], before.figures.j_and_f),
            *((minute, loss, nan) for minute, loss in points[:-1]),
            (*points[-1], after.figures.j_and_f),
        ]
        result = TrainingResult(
            before=before.figures,
            after=after.figures,
            gain=judgement.gain.mean,
            gain_low=judgement.gain.low,
            gain_high=judgement.gain.high,
            better=judgement.better,
            reason=judgement.reason,
            videos=len({video.group for video in videos}),
            held_out_videos=len({each.group for each in before.objects}),
            objects=sum(len(video.objects) for video in videos),
            frames=sum(len(video.labels) for video in videos),
            curve=tuple(curve),
        )
        if judgement.better:
            card = self._card(result, learning, after.calibrator_note)
            write_checkpoint(self._folder / "checkpoint", candidate, card, after.calibrator)
            result = replace(result, checkpoint=self._name)
        self._report("done", 1.0, {})
        return result

    def _card(self, result: TrainingResult, learning: Learning, calibrator: str) -> dict[str, object]:
        return {
            "parent": {"name": self._parent.name, "sha256": self._parent.sha256},
            "root": self._root,
            "image_size": self._parent.image_size,
            "plan": {**asdict(self._plan), "peak_rate": learning.plan.peak_rate},
            "share": self._share,
            "steps": learning.counters.steps,
            "minutes": round(learning.counters.seconds / 60, 1),
            "data": {
                "videos": result.videos,
                "held_out_videos": result.held_out_videos,
                "objects": result.objects,
                "frames": result.frames,
                "source": dict(self._data.record),
            },
            "before": _figures(result.before),
            "after": _figures(result.after),
            "gain": [round(value, 4) for value in (result.gain, result.gain_low, result.gain_high)],
            "reason": result.reason,
            "calibrator": calibrator,
        }

    def _root_name(self) -> str:
        trained = find_trained(self._parent.name, self._options.model_dir)
        return self._parent.name if trained is None else str(trained.card.get("root", ""))

    def _report(self, phase: str, share: float, figures: Mapping[str, float]) -> None:
        self._progress(TrainingProgress(phase, share, dict(figures)))
        self._cancel.raise_if_cancelled()


def _figures(figures: HeldOutFigures) -> dict[str, float | None]:
    return {name: None if value != value else round(value, 4) for name, value in asdict(figures).items()}
