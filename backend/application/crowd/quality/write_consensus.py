"""Writes the consensus of tasks into Label Studio as predictions, and makes correction tasks where people disagree.

A task's consensus is one prediction of the model version `consensus`, however often it is written. Its masks are stored
first, then named in the ledger, then written: what a kill interrupts is done again with the same result.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from backend.application.crowd.quality.consensus_runs import CONSENSUS, ConsensusRun, consensus_run, store_run
from backend.application.crowd.quality.crowd_tasks import FAULTS, CrowdTasks, ListedTask, OpenTask
from backend.application.crowd.quality.measure import require_one_video
from backend.application.ports.label_studio import PredictionSink
from backend.application.ports.masks import MaskCodec, MaskStore
from backend.application.ports.progress import counted
from backend.application.ports.quality_ledger import QualityLedger, WrittenConsensus
from backend.application.review.correction_tasks import Corrected, known_corrections, one_page
from backend.application.review.make_corrections import CorrectionMaker, CorrectionTask
from backend.application.review.next_frames import NextFrame, review_video
from backend.domain.crowd.adjudication import Disagreement, spread
from backend.domain.crowd.estimates import Estimate
from backend.domain.masklets import MaskRun
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.uncertainty.prioritization import Choice, Reason
from backend.domain.uncertainty.scoring import combined_uncertainty, label_studio_score
from backend.domain.video import FrameIndex

FRAMES_APART = 5
"""Of one task, correction tasks are so many frames apart: the frames beside a corrected one are mended with it."""

Trust = Callable[[str], Estimate]


class ConsensusRegions(Protocol):
    """Makes the result of a consensus prediction for a label config (adapters/labelstudio)."""

    def __call__(self, run: MaskRun, *, label_config: str, task: TaskKey, run_name: str) -> list[dict[str, object]]:
        """run_name: under which the masks are stored. Raises LabelConfigError or PromptError."""
        ...


@dataclass(frozen=True, slots=True)
class TaskConsensus:
    """What became of a task. is_new: it was written now. refused: why it was not, in words; empty otherwise.

    people: how many annotations it is from. uncertainty: of its worst mask, None without a mask. disagreements: the
    frames that need adjudication.
    """

    listed: ListedTask
    people: int
    uncertainty: float | None
    disagreements: tuple[Disagreement, ...]
    is_new: bool = False
    refused: str = ""


@dataclass(frozen=True, slots=True)
class _Made:
    """The consensus of an open task."""

    listed: ListedTask
    found: ConsensusRun
    media: MediaRef


@dataclass(frozen=True, slots=True)
class ConsensusWriter:
    """Makes, writes and adjudicates."""

    source: CrowdTasks
    ledger: QualityLedger
    masks: MaskStore
    codec: MaskCodec
    predictions: PredictionSink
    regions: ConsensusRegions

    def run(self, listed: Sequence[ListedTask], trust: Trust, *, write: bool) -> list[TaskConsensus]:
        """The consensus of each task with at least two people. A task that cannot be read or written stops no other."""
        several = [each for each in listed if len(each.people) > 1]
        done = []
        for each in counted(several, "consensus of tasks"):
            try:
                done.append(self._task(each, trust, write=write))
            except FAULTS as error:
                done.append(TaskConsensus(each, len(each.people), None, (), refused=str(error)))
        return done

    def adjudicate(
        self, listed: Sequence[ListedTask], trust: Trust, maker: CorrectionMaker, into: int, count: int
    ) -> list[CorrectionTask]:
        """Makes correction tasks for up to `count` frames on which people disagree, the most doubtful first.

        A frame that has a correction task in project `into` keeps it. Tasks that cannot be read are left out.
        """
        several = [each for each in listed if len(each.people) > 1]
        made = [one for each in counted(several, "consensus of tasks") if (one := self._made(each, trust)) is not None]
        found = [
            (each, disagreement)
            for each in made
            for disagreement in spread(each.found.disagreements, apart=FRAMES_APART)
        ]
        found.sort(key=lambda entry: (-entry[1].doubt, entry[0].listed.task.task_id, entry[1].frame_index))
        chosen = found[:count]
        known = known_corrections(maker.project.tasks(into), into, maker.signer)
        tasks = [
            self._correction(maker, each, disagreement, 1.0 - place / len(chosen), into, known)
            for place, (each, disagreement) in enumerate(counted(chosen, "correction tasks"))
        ]
        if tasks:
            maker.project.serve_worst_first(into, CONSENSUS)
        return tasks

    def _task(self, listed: ListedTask, trust: Trust, *, write: bool) -> TaskConsensus:
        with self.source.open(listed.task, listed.people) as opened:
            require_one_video(listed.task, [each.video for each in opened.videos])
            found = consensus_run(opened.videos, trust, self.codec)
            is_new = write and self._write(listed, found, opened, _state(listed, trust))
        needed = tuple(each for each in found.disagreements if each.needs_adjudication)
        return TaskConsensus(listed, len(listed.people), _worst(found.run), needed, is_new)

    def _write(self, listed: ListedTask, found: ConsensusRun, opened: OpenTask, state: str) -> bool:
        """Whether anything was written: a task whose annotations and trust are the same has its consensus already."""
        known = self.ledger.consensus(listed.task.project_id).get(listed.task)
        if not found.has_masks or (known is not None and known.state == state):
            return False
        name = store_run(self.masks, listed.task, found.run)
        result = self.regions(found.run, label_config=opened.label_config, task=listed.task, run_name=name)
        number = known.prediction_id if known is not None else 0
        self.ledger.put_consensus(WrittenConsensus(listed.task, "", name, number))
        score = label_studio_score(_worst(found.run) or 0.0)
        number = self.predictions.put_prediction(listed.task, model_version=CONSENSUS, result=result, score=score)
        self.ledger.put_consensus(WrittenConsensus(listed.task, state, name, number))
        return True

    def _made(self, listed: ListedTask, trust: Trust) -> _Made | None:
        try:
            with self.source.open(listed.task, listed.people) as opened:
                require_one_video(listed.task, [each.video for each in opened.videos])
                return _Made(listed, consensus_run(opened.videos, trust, self.codec), opened.media)
        except FAULTS:
            return None

    def _correction(
        self,
        maker: CorrectionMaker,
        made: _Made,
        disagreement: Disagreement,
        priority: float,
        into: int,
        known: dict[str, int],
    ) -> CorrectionTask:
        task, run = made.listed.task, made.found.run
        frame_index = FrameIndex(disagreement.frame_index)
        labels = {each.object_id: each.label for each in made.found.objects}
        video = review_video(run, made.listed.name, CONSENSUS, task=task)
        video = replace(video, labels=labels, objects={each: video.objects.get(each, ()) for each in labels})
        choice = Choice(frame_index, Reason.DISAGREEMENT, disagreement.doubt)
        object_id = made.found.objects[disagreement.object_number - 1].object_id
        frame = NextFrame(video, choice, object_id, disagreement.doubt, priority)
        page = one_page(run, frame_index)
        return maker.put(frame, page, made.media, into, known.get(Corrected(task, frame_index).key))


def _worst(run: MaskRun) -> float | None:
    """The uncertainty of a run's worst mask; None without a mask."""
    found = [frame.uncertainty for masklet in run.masklets for frame in masklet.frames]
    return combined_uncertainty(found) if found else None


def _state(listed: ListedTask, trust: Trust) -> str:
    """Of all that a task's consensus depends on; trust to two decimals, as it moves with every hour."""
    parts = [listed.state, *(f"{each.annotation_id} {trust(each.user).mean:.2f}" for each in listed.people)]
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
