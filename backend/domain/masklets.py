"""Masks and masklets, with the model's evidence per mask."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from backend.domain.geometry import BoolMask, Box, Point
from backend.domain.prompts import FramePrompt, ObjectId
from backend.domain.video import FrameIndex, VideoInfo


class MaskOrigin(StrEnum):
    """The origin of a frame's mask.

    HUMAN: drawn or approved by a person. PROMPTED: made by the model from a person's click or box. AUTOMATIC: made from
    a prompt that a program gave, for example `--prompts auto`. PROPAGATED: made by the model without a prompt.
    CONSENSUS: what several annotations say together; in exports, and in written predictions of it.
    """

    HUMAN = "human"
    PROMPTED = "prompted"
    AUTOMATIC = "automatic"
    PROPAGATED = "propagated"
    CONSENSUS = "consensus"

    @property
    def is_by_person(self) -> bool:
        """Whether a person drew, approved or prompted this very frame."""
        return self in (MaskOrigin.HUMAN, MaskOrigin.PROMPTED)


def origin_of(prompt: FramePrompt) -> MaskOrigin:
    """The origin of the mask that a prompt gives on its frame."""
    if prompt.automatic is not None:
        return MaskOrigin.AUTOMATIC
    return MaskOrigin.PROMPTED if prompt.mask is None else MaskOrigin.HUMAN


@dataclass(frozen=True, slots=True)
class FrameEvidence:
    """The model's evidence for one object on one frame; reduced to numbers on the device.

    predicted_ious: the candidates' predicted IoU, best first, read before the presence gate. Untrained where the object
        is absent: ignore it there. For a mask prompt, where SAM 2 has no estimate: the score of an automatic one, empty
        for a person's.
    presence_logit: SAM 2's object_score_logits; above 0 means "in the frame".
    stability: |logit > 1| / |logit > -1| of the chosen candidate before the presence gate; 1.0 if both are empty.
    soft_iou: sum(p*m) / (sum(m) + sum(p*(1-m))) with p = sigmoid(logit), m = logit > 0, before the gate.
    area_rel: the mask's share of the frame, 0..1.
    centroid, box: of the mask, relative coordinates; None if it is empty.
    components: connected components of the mask.
    boundary_entropy: mean binary entropy, in bits (0..1), of p over the boundary band, before the gate: the pixels
        whose surroundings lie on both sides of logit 0. 0.0 if there is no boundary.
    candidate_disagreement: 1 - mean pairwise IoU of the candidates' masks before the gate (two empty masks agree);
        0.0 if there is one candidate.
    embedding: the frame's coarse features averaged under p, reduced to a unit vector of fixed length. The cosine
        of two embeddings measures the objects' visual similarity; comparable within one checkpoint only. Masks
        stored before these fields existed have an empty embedding, and 0.0 for candidate_disagreement and
        boundary_entropy.
    """

    predicted_ious: tuple[float, ...]
    presence_logit: float
    stability: float
    soft_iou: float
    area_rel: float
    centroid: Point | None
    box: Box | None
    components: int
    boundary_entropy: float = 0.0
    candidate_disagreement: float = 0.0
    embedding: tuple[float, ...] = ()


NO_EVIDENCE = FrameEvidence((), 0.0, 1.0, 1.0, 0.0, None, None, 0)
"""Of masks that no model made, and of copies that are read for their masks alone."""


@dataclass(frozen=True, slots=True, eq=False)
class ObjectFrame:
    """One object's mask on one frame: [H, W] bool at the video's own resolution; all False means absent."""

    object_id: ObjectId
    mask: BoolMask
    evidence: FrameEvidence
    origin: MaskOrigin


@dataclass(frozen=True, slots=True, eq=False)
class FrameMasks:
    """All objects' masks on one frame."""

    frame_index: FrameIndex
    objects: tuple[ObjectFrame, ...]


@dataclass(frozen=True, slots=True)
class EncodedMask:
    """A mask as COCO run-length counts (compressed ASCII form), column-major, with its shape."""

    height: int
    width: int
    counts: str


@dataclass(frozen=True, slots=True)
class MaskletFrame:
    """One stored frame of a masklet.

    uncertainty: 0..1; high means that a person should check the mask. undecodable: the frame does not decode; the mask
    is of the last good picture before it.
    """

    frame_index: FrameIndex
    mask: EncodedMask
    evidence: FrameEvidence
    origin: MaskOrigin
    uncertainty: float
    undecodable: bool = False


@dataclass(frozen=True, slots=True)
class Masklet:
    """One object's masks over time, ascending by frame index."""

    object_id: ObjectId
    label: str
    frames: tuple[MaskletFrame, ...]


@dataclass(frozen=True, slots=True)
class MaskRun:
    """The masklets of one propagation (or one click), with their video.

    complete: False while the run is being written.
    """

    video: VideoInfo
    masklets: tuple[Masklet, ...]
    complete: bool = True

    def select(self, keeps: Callable[[ObjectId, FrameIndex], bool]) -> MaskRun:
        """The masks that keeps accepts. An object without an accepted mask stays, with no frames."""
        return replace(
            self,
            masklets=tuple(
                replace(each, frames=tuple(f for f in each.frames if keeps(each.object_id, f.frame_index)))
                for each in self.masklets
            ),
        )
