"""Second looks at trial clips, whose truth is known: what extra passes find there, and what came of the frames.

Owns the protocol: every object is prompted as in other trials and once more, by its mask, on the last frame that shows
it well, so that most frames lie between human frames. Candidates are those that a second look would be given.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from backend.application.mask_ports import MaskCodec
from backend.application.offline import NeverCancelled
from backend.application.ports import Clock, Segmenter
from backend.application.review import ReviewVideo, SeenFrame
from backend.application.second_look import SecondLook, ShownMasks, Spot
from backend.application.second_opinions import candidates
from backend.application.trial_rows import trial_rows
from backend.application.trials import (
    SMALLEST_FIRST_REL,
    Judgement,
    Track,
    TruthClip,
    first_prompts,
    judged_tracks,
    mask_prompt,
    tracked_objects,
)
from backend.application.uncertainty_report import scores_of
from backend.domain.calibration import Calibrator
from backend.domain.geometry import BoolMask
from backend.domain.masklets import MaskOrigin
from backend.domain.prompts import FramePrompt, ObjectId, PromptSet
from backend.domain.second_look import Findings
from backend.domain.video import FrameIndex

LEAST_STRETCH = 8
"""Frames from the first prompt to the last one; objects that go sooner have one prompt alone."""


@dataclass(frozen=True, slots=True, eq=False)
class SecondRow:
    """A frame: what was said of it first, what a second look found, and what is true."""

    clip: str
    spot: Spot
    uncertainty: float
    findings: Findings
    iou: float
    is_present: bool


@dataclass(frozen=True, slots=True)
class SecondTrial:
    """One clip. others: its propagated frames that got no second look. first_s: the propagation's own seconds."""

    tracks: tuple[Track, ...]
    candidates: tuple[SecondRow, ...]
    others: tuple[SecondRow, ...]
    first_s: float
    forward_backward_s: float
    cycle_s: float


def run_second_trial(
    segmenter: Segmenter, clip: TruthClip, *, codec: MaskCodec, calibrator: Calibrator | None, clock: Clock
) -> SecondTrial | None:
    """Propagate, rate, look again at the candidates; None for a clip without objects."""
    prompts = PromptSet.of(_prompts(clip), {})
    if not prompts:
        return None
    masks: dict[Spot, BoolMask] = {}
    begun_s = clock.monotonic_s()
    tracks = judged_tracks(segmenter, clip, prompts, masks)
    first_s = clock.monotonic_s() - begun_s
    rated = _rated(tracks, calibrator)
    spots = set(candidates(_as_video(clip, tracks, {spot: row.uncertainty for spot, row in rated.items()})))
    spots = {spot for spot in spots if spot in rated and masks[spot].any()}
    shown = [_shown(track, masks) for track in tracks]
    look = SecondLook(segmenter, clip.video, codec, NeverCancelled())
    begun_s = clock.monotonic_s()
    both_ways = look.forward_backward(shown, spots)
    then_s = clock.monotonic_s()
    back = look.cycle(shown, spots)
    ended_s = clock.monotonic_s()
    found = {spot: Findings(both_ways.get(spot), back.get(spot)) for spot in spots}
    return SecondTrial(
        tracks=tuple(tracks),
        candidates=tuple(replace(row, findings=found[spot]) for spot, row in rated.items() if spot in found),
        others=tuple(row for spot, row in rated.items() if spot not in found),
        first_s=first_s,
        forward_backward_s=then_s - begun_s,
        cycle_s=ended_s - then_s,
    )


def _prompts(clip: TruthClip) -> list[FramePrompt]:
    rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
    prompts: list[FramePrompt] = []
    for number in tracked_objects(clip):
        prompts += first_prompts(rng, clip, number)
        well = [t for t in range(LEAST_STRETCH, len(clip.masks)) if clip.masks[t, number].mean() >= SMALLEST_FIRST_REL]
        prompts += [mask_prompt(clip, number, well[-1])] if well else []
    return prompts


def _rated(tracks: Sequence[Track], calibrator: Calibrator | None) -> dict[Spot, SecondRow]:
    """Every propagated frame with its first uncertainty."""
    scores: NDArray[np.float64] = scores_of(trial_rows(tracks), calibrator)
    rows = [
        SecondRow(
            track.clip,
            (track.object_id, judged.frame_index),
            float(score),
            Findings(),
            judged.iou,
            judged.is_present,
        )
        for (track, judged), score in zip(rated_frames(tracks), scores, strict=True)
        if judged.seen.origin is MaskOrigin.PROPAGATED
    ]
    return {row.spot: row for row in rows}


def rated_frames(tracks: Sequence[Track]) -> Iterator[tuple[Track, Judgement]]:
    """The frames of tracks in the order of their rows in `trial_rows`; the tracks of a clip follow each other."""
    for track in tracks:
        for judged in track.frames:
            if judged.seen.origin is not MaskOrigin.HUMAN:
                yield track, judged


def _as_video(clip: TruthClip, tracks: Sequence[Track], uncertainty: dict[Spot, float]) -> ReviewVideo:
    objects: dict[ObjectId, tuple[SeenFrame, ...]] = {
        track.object_id: tuple(
            SeenFrame(
                FrameIndex(one.frame_index),
                uncertainty.get((track.object_id, one.frame_index), 0.0),
                one.seen.origin,
                one.seen.evidence.embedding,
            )
            for one in track.frames
        )
        for track in tracks
    }
    info = clip.video.info
    return ReviewVideo(clip.name, info.frame_count, float(info.frame_rate), "", objects)


def _shown(track: Track, masks: dict[Spot, BoolMask]) -> ShownMasks:
    return ShownMasks(track.object_id, track.prompted, lambda frame: masks[track.object_id, frame])
