"""The consensus of a task as stored masks, and the frames on which its people disagree."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.application.crowd.quality.crowd_tasks import SubmittedVideo
from backend.application.crowd.quality.measure import groups_by_matching
from backend.application.exports.agreement import pixels_of_box
from backend.application.exports.trusted_consensus import TrustedConsensusVideo
from backend.application.player.submitted_masks import store_once
from backend.application.ports.masks import MaskCodec, MaskStore
from backend.domain.crowd.adjudication import Disagreement
from backend.domain.crowd.estimates import Estimate
from backend.domain.datasets import DatasetObject, LabelledMask
from backend.domain.geometry import FrameSize
from backend.domain.masklets import NO_EVIDENCE, EncodedMask, Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.tasks import TaskKey

CONSENSUS = "consensus"
"""The model version of predictions with a consensus: what marks them in Label Studio."""

PREFIX = "u-"
"""The beginning of the names of runs with a consensus, instead of a job's."""


@dataclass(frozen=True, slots=True)
class ConsensusRun:
    """The masks of a consensus. disagreements: of all frames and objects, whose numbers count `objects` from 1.

    objects: those of the run, then those that too few people have.
    """

    run: MaskRun
    objects: tuple[DatasetObject, ...]
    disagreements: tuple[Disagreement, ...]

    @property
    def has_masks(self) -> bool:
        return any(masklet.frames for masklet in self.run.masklets)


def consensus_run(
    submitted: Sequence[SubmittedVideo], trust: Callable[[str], Estimate], codec: MaskCodec
) -> ConsensusRun:
    """The consensus of several people's annotations. A box becomes the pixels within it."""
    videos = [each.video for each in submitted]
    groups = groups_by_matching(videos, codec)
    voted = TrustedConsensusVideo(videos, codec, [trust(each.submission.user) for each in submitted], groups=groups)
    frames: dict[ObjectId, list[MaskletFrame]] = {item.object_id: [] for item in voted.objects}
    disagreements: list[Disagreement] = []
    for frame, found in voted.with_disagreements():
        disagreements += found
        for shown in frame.present:
            uncertainty = 1.0 if shown.uncertainty is None else shown.uncertainty
            mask = _mask_of(shown, voted.info.size, codec)
            frames[shown.item.object_id].append(
                MaskletFrame(frame.frame_index, mask, NO_EVIDENCE, shown.origin, uncertainty)
            )
    masklets = (Masklet(item.object_id, item.label, tuple(frames[item.object_id])) for item in voted.objects)
    run = MaskRun(voted.info, tuple(masklets))
    return ConsensusRun(run, (*voted.objects, *voted.left_out), tuple(disagreements))


def store_run(masks: MaskStore, task: TaskKey, run: MaskRun) -> str:
    """Stores a consensus, on disk on return; returns the run's name. The same masks are stored once."""
    return store_once(masks, run, prefix=PREFIX, owner=f"{task}\0{CONSENSUS}")


def _mask_of(shown: LabelledMask, size: FrameSize, codec: MaskCodec) -> EncodedMask:
    if shown.mask is not None:
        return shown.mask
    assert shown.box is not None, "only present objects are stored"
    return codec.encode(pixels_of_box(shown.box, size))
