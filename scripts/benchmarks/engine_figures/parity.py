"""Parity with SAM 2's own predictor: masks compared frame by frame, in float32 with the same weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from backend.application.ports.engine import NeverCancelled
from backend.domain.geometry import mask_iou
from backend.domain.prompts import PromptSet
from backend.domain.video import Direction
from scripts.benchmarks.engine_figures.cases import CASES, FEW, SIZE, ParityCase
from scripts.benchmarks.engine_figures.models import Pair, demo_pair, seeded_pair
from scripts.benchmarks.engine_figures.panning import PanningVideo
from scripts.benchmarks.engine_figures.prompting import whole
from scripts.benchmarks.engine_figures.setup import Figures, Setup
from scripts.benchmarks.engine_figures.upstream import Logits, UpstreamSession

MIN_IOU = 0.999
MAX_LOGIT_DIFFERENCE = 1e-3
SMALL_IMAGE = 128
"""Image size of the published shape in this check; its own 1024 takes minutes per frame on a CPU."""


@dataclass(frozen=True, slots=True)
class Agreement:
    """The agreement of two sides. masks: number of compared masks; areas: number of distinct mask areas."""

    iou_min: float
    logit_max: float
    masks: int
    areas: int

    @property
    def holds(self) -> bool:
        return self.iou_min >= MIN_IOU and self.logit_max <= MAX_LOGIT_DIFFERENCE

    @property
    def has_varied_masks(self) -> bool:
        """Whether masks vary between frames; agreement on one constant mask proves nothing."""
        return self.areas > self.masks // 4


def measure(setup: Setup) -> Figures:
    """The worst values over all cases and both models, on the CPU in float32; bfloat16 agrees only roughly."""
    device = torch.device("cpu")
    pairs = {"demo": demo_pair(device)}
    if not setup.quick:
        pairs["tiny"] = seeded_pair("tiny", device, image_size=SMALL_IMAGE)
    found: list[Agreement] = []
    for model, pair in pairs.items():
        names = ("one click, forward",) if setup.quick else tuple(CASES) if model == "demo" else FEW
        for name in names:
            found.append(agreement_of(pair, CASES[name]))
            print(f"  {model}, {name}: IoU {found[-1].iou_min:.6f}, logits {found[-1].logit_max:.2e}", flush=True)
    yield "parity.iou_min", min(item.iou_min for item in found)
    yield "parity.logit_max", max(item.logit_max for item in found)
    yield "parity.masks", float(sum(item.masks for item in found))
    yield "parity.distinct_areas", float(sum(item.areas for item in found))


def agreement_of(pair: Pair, case: ParityCase) -> Agreement:
    """Runs one case on both sides. Raises ValueError if the sides have masks of different frames."""
    return compared(our_logits(pair, case), upstream_logits(pair, case))


def compared(ours: Mapping[str, Logits], theirs: Mapping[str, Logits]) -> Agreement:
    """Compares two sides. Raises ValueError if their objects or frames differ."""
    if covered(ours) != covered(theirs):
        raise ValueError(f"ours has {covered(ours)}, upstream {covered(theirs)}")
    pairs = [(ours[name][index], theirs[name][index]) for name in theirs for index in theirs[name]]
    return Agreement(
        iou_min=min(mask_iou(got > 0, expected > 0) for got, expected in pairs),
        logit_max=max(float(np.abs(got - expected).max()) for got, expected in pairs),
        masks=len(pairs),
        areas=len({int((expected > 0).sum()) for _, expected in pairs}),
    )


def covered(side: Mapping[str, Logits]) -> dict[str, list[int]]:
    """The frames of each object."""
    return {name: sorted(frames) for name, frames in side.items()}


def our_logits(pair: Pair, case: ParityCase) -> dict[str, Logits]:
    """Our engine's mask logits by object. Raises ValueError if a frame of an object comes twice."""
    video = PanningVideo(case.frames, SIZE)
    found: dict[str, Logits] = {}
    for frame_index, items in pair.engine.track(
        video, case.prompts, direction=case.direction, frame_range=whole(case.frames), cancel=NeverCancelled()
    ):
        for item in items:
            full = F.interpolate(item.decoded.logits, size=(SIZE.height, SIZE.width), mode="bilinear")
            logits = found.setdefault(item.track.object_id, {})
            if frame_index in logits:
                raise ValueError(f"frame {frame_index} of {item.track.object_id!r} came twice")
            logits[frame_index] = full[0, 0].float().cpu().numpy()
    return found


def upstream_logits(pair: Pair, case: ParityCase) -> dict[str, Logits]:
    """Upstream's mask logits by object: all prompts, then propagation; late objects join the finished session."""
    session = UpstreamSession(pair.predictor, PanningVideo(case.frames, SIZE), precision=pair.precision)
    early = [name for name in case.prompts.object_ids if name not in case.late]
    session.prompt(_of(case.prompts, early))
    found = _propagated(session, case.direction)
    for name in sorted(case.late):
        prompts = _of(case.prompts, [name])
        session.prompt(prompts)
        again = session.propagate(start=prompts.prompted_frames[0])
        found[name] = again.pop(name)
        # The earlier objects are propagated again; a joining object must not change them.
        for other, logits in again.items():
            found[other] |= logits
    return found


def _propagated(session: UpstreamSession, direction: Direction) -> dict[str, Logits]:
    if direction is Direction.FORWARD:
        return session.propagate()
    if direction is Direction.BACKWARD:
        return session.propagate(backward=True)
    forward, backward = session.propagate(), session.propagate(backward=True)
    return {name: {**backward.get(name, {}), **forward[name]} for name in forward}


def _of(prompts: PromptSet, names: Sequence[str]) -> PromptSet:
    return PromptSet(tuple(prompt for prompt in prompts if prompt.object_id in names), prompts.labels)
