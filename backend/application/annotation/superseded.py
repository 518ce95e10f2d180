"""Jobs of one user that a newer request of the same user superseded, and the jobs that answer in their place."""

from __future__ import annotations

from itertools import islice

from backend.application.jobs.queries import ANY, propagations, recent_clicks
from backend.application.ports.ledger import Ledger
from backend.domain.jobs import Job
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import FrameIndex

SUPERSEDED_ANSWER_S = 5.0
"""The longest time of an answer from here through Label Studio to the page."""

MAX_SUPERSEDED_ANSWERS = 20
"""The most superseded clicks of a user task that an answer includes."""


def is_own(job: Job, prompts: PromptSet, user: str, known: PromptSet) -> bool:
    """Whether a user requested this job of these prompts, and the prompts are still among the known ones.

    A job of another name is the user's own if all of its prompts are: Label Studio names a user after the first clicks.
    """
    return prompted(known).issuperset(prompted(prompts)) if job.user == user else known.covers(prompts)


def prompted(prompts: PromptSet) -> frozenset[tuple[ObjectId, FrameIndex]]:
    """The objects and frames of prompts."""
    return frozenset((prompt.object_id, prompt.frame_index) for prompt in prompts)


def superseded_clicks(ledger: Ledger, task: TaskKey, user: str, *, now_s: float) -> list[Job]:
    """The user's recent clicks on a task whose answers may not have reached the page, oldest first."""
    recent = recent_clicks(ledger, task, since_s=now_s - SUPERSEDED_ANSWER_S)
    if not recent:
        return []
    known = ledger.prompts(task, user=user)
    known_keys, keys = prompted(known), ledger.prompted([job.job_id for job in recent if job.user == user])

    def is_still_own(job: Job) -> bool:  # as is_own, without reading what the prompts of the user's own clicks say
        if job.user != user:
            return is_own(job, ledger.request(job.job_id).prompts, user, known)
        return job.job_id in keys and known_keys.issuperset(keys[job.job_id])

    return list(islice(filter(is_still_own, recent), MAX_SUPERSEDED_ANSWERS))[::-1]


def newer_propagation(ledger: Ledger, job: Job, user: str) -> Job | None:
    """The propagation that answers in place of a superseded one: a newer one of the user, or of all of its prompts."""
    prompts = ledger.request(job.job_id).prompts
    for newer in propagations(ledger, job.task, model_version=job.model_version, states=ANY):
        if newer.job_id == job.job_id:
            return None
        if newer.user == user or ledger.request(newer.job_id).prompts.covers(prompts):
            return newer
    return None
