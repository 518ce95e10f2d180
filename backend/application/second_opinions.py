"""Which frames get a second look, and what it made of their uncertainty: kept beside the run, used by whoever chooses.

Owns the record. It is of one run: of another one's masks it says nothing. Frames that got no second look keep the
uncertainty that they were stored with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from backend.application.ledger_port import Ledger
from backend.application.mask_ports import MaskStore
from backend.application.notes import Notes
from backend.application.requests import Job, TaskKey
from backend.application.review import ReviewVideo, project_jobs, review_video
from backend.application.second_look import SecondLook, ShownMasks, Spot
from backend.application.shots import known_cuts
from backend.domain.errors import IntegrityError
from backend.domain.masklets import MaskOrigin
from backend.domain.prioritization import USUAL, choose_frames
from backend.domain.prompts import ObjectId
from backend.domain.second_look import Findings, SecondOpinion

CANDIDATES = 20
"""Frames of a video that get a second look."""

FOLDER = "second-look"

Opinions = Mapping[Spot, "Opinion"]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a second look found, and the uncertainty that it leads to."""

    findings: Findings
    uncertainty: float


def candidates(video: ReviewVideo, count: int = CANDIDATES) -> tuple[Spot, ...]:
    """The frames that would be chosen by gain, each with its most uncertain object; never what a person made."""
    chosen = choose_frames(
        video.curve(), count, policy=USUAL.by_gain_alone, rng=np.random.default_rng(0), frame_rate=video.frame_rate
    )
    spots = [(video.worst_object(choice.frame_index)[0], int(choice.frame_index)) for choice in chosen]
    made = {
        (object_id, int(seen.frame_index))
        for object_id, frames in video.objects.items()
        for seen in frames
        if seen.origin is MaskOrigin.PROPAGATED
    }
    return tuple(spot for spot in spots if spot in made)


def look_again(
    video: ReviewVideo, shown: Sequence[ShownMasks], look: SecondLook, opinion: SecondOpinion, count: int = CANDIDATES
) -> Opinions:
    """A second look at a video's candidates. video: with the uncertainties that it was stored with."""
    first = {
        (object_id, int(seen.frame_index)): seen.uncertainty
        for object_id, frames in video.objects.items()
        for seen in frames
    }
    found = look.at(shown, candidates(video, count), opinion.names)
    return {spot: Opinion(what, opinion.uncertainty(first[spot], what)) for spot, what in found.items()}


def with_opinions(video: ReviewVideo, opinions: Opinions) -> ReviewVideo:
    """The video with the uncertainties that a second look led to."""
    objects = {}
    for object_id, frames in video.objects.items():
        renewed = []
        for seen in frames:
            opinion = opinions.get((object_id, int(seen.frame_index)))
            kept = (
                seen if opinion is None else replace(seen, uncertainty=opinion.uncertainty, findings=opinion.findings)
            )
            renewed.append(kept)
        objects[object_id] = tuple(renewed)
    return replace(video, objects=objects)


def dump_opinions(run: str, opinions: Opinions) -> bytes:
    """run: the masks that were looked at."""
    spots = [
        {"object": str(object_id), "frame": frame, "uncertainty": one.uncertainty, **dict(one.findings.values())}
        for (object_id, frame), one in opinions.items()
    ]
    return json.dumps({"run": run, "spots": spots}).encode()


def load_opinions(run: str, body: bytes) -> Opinions:
    """What was dumped of that run; empty if it was of another one. Raises IntegrityError."""
    try:
        record = json.loads(body)
        if record["run"] != run:
            return {}
        return {
            (ObjectId(str(spot["object"])), int(spot["frame"])): Opinion(
                Findings(spot.get("forward_backward"), spot.get("cycle")), float(spot["uncertainty"])
            )
            for spot in record["spots"]
        }
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("the record of a second look is not readable: look again") from error


def keep_opinions(notes: Notes, task: TaskKey, run: str, opinions: Opinions) -> None:
    """Keep what a second look at a task's run led to, in place of what an earlier one did."""
    notes.write(_name(task), dump_opinions(run, opinions))


def kept_opinions(notes: Notes, task: TaskKey, run: str) -> Opinions:
    """What a second look at that run led to; empty if there was none."""
    body = notes.read(_name(task))
    return {} if body is None else load_opinions(run, body)


def task_video(job: Job, masks: MaskStore, notes: Notes) -> ReviewVideo:
    """A finished propagation as a video to review, with what a second look made of it, if there was one.

    Raises NotFound or IntegrityError for masks that are gone or damaged.
    """
    run = masks.read(job.masks_run)
    video = review_video(run, f"task {job.task.task_id}", job.model_version, task=job.task)
    video = replace(video, cuts=known_cuts(notes, run.video.content_hash))
    return with_opinions(video, kept_opinions(notes, job.task, job.masks_run))


def project_videos(ledger: Ledger, masks: MaskStore, notes: Notes, project_id: int) -> list[ReviewVideo]:
    """The newest finished propagation of every task of a project."""
    return [task_video(job, masks, notes) for job in project_jobs(ledger, project_id)]


def _name(task: TaskKey) -> str:
    return f"{FOLDER}/{task.project_id}-{task.task_id}"
