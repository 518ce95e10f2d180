"""The masks of a submitted annotation: all current masks of the user, stored as a run of their own.

Later edits in the player do not change such a run: an annotation keeps the masks with which it was submitted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from backend.application.annotation.annotation_service import FIRST_FRAME, UserTask
from backend.application.player.current_masks import MAX_FRAMES, CurrentMasks
from backend.application.player.timeline import Timelines
from backend.application.ports.masks import MaskStore, RunExists
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.jobs import run_name
from backend.domain.masklets import NO_EVIDENCE, Masklet, MaskletFrame, MaskRun
from backend.domain.prompts import ObjectId
from backend.domain.verdicts import MaskDigests
from backend.domain.video import FrameIndex, FrameRange, VideoInfo

PREFIX = "m-"
"""The beginning of these runs' names, instead of a job's."""


@dataclass(frozen=True, slots=True)
class SubmittedMasks:
    """Collects and stores masks."""

    masks: CurrentMasks
    timelines: Timelines

    def collect(self, user_task: UserTask, info: VideoInfo) -> tuple[MaskRun, MaskDigests]:
        """The user's current masks on the whole video, and their digests; frames without an object are left out.

        No digests if the masks changed meanwhile: a verdict must not count for other masks than its own.
        """
        before = self.timelines.digests(user_task)
        run = self._collected(user_task, info)
        return run, before if self.timelines.digests(user_task) == before else MaskDigests()

    def _collected(self, user_task: UserTask, info: VideoInfo) -> MaskRun:
        prompts = self.masks.service.ledger.prompts(user_task.task, user=user_task.user)
        frames: dict[ObjectId, list[MaskletFrame]] = {object_id: [] for object_id in prompts.object_ids}
        for start in range(0, info.frame_count, MAX_FRAMES):
            stop = min(start + MAX_FRAMES, info.frame_count)
            for shown in self.masks.on(user_task, FrameRange(FrameIndex(start), FrameIndex(stop))):
                if shown.mask is not None and shown.object_id in frames:
                    frames[shown.object_id].append(
                        MaskletFrame(shown.frame_index, shown.mask, NO_EVIDENCE, shown.origin, shown.uncertainty)
                    )
        labels = prompts.labels
        return MaskRun(info, tuple(Masklet(each, labels[each], tuple(found)) for each, found in frames.items()))

    def store(self, user_task: UserTask, run: MaskRun) -> str:
        """Stores masks, on disk on return; returns the run's name. The same masks of the same user are stored once."""
        owner = f"{user_task.task}\0{user_task.user}\0{user_task.model_version}"
        return store_once(self.masks.service.masks, run, prefix=PREFIX, owner=owner)


def store_once(store: MaskStore, run: MaskRun, *, prefix: str, owner: str) -> str:
    """Stores masks under a name that is a function of them and their owner, on disk on return; returns the name."""
    name = run_name(prefix + _digest(owner, run), 1)
    if is_stored(store, name):
        return name
    labels = {masklet.object_id: masklet.label for masklet in run.masklets}
    # A process of another machine may store the same masks at this moment: either's are right.
    with suppress(RunExists), store.writer(name, video=run.video, labels=labels) as writer:
        for masklet in run.masklets:
            for frame in masklet.frames:
                writer.append(masklet.object_id, frame)
        writer.commit()
    return name


def is_stored(store: MaskStore, name: str) -> bool:
    """Whether a run is complete; a damaged one is removed."""
    try:
        store.read(name, FIRST_FRAME)
    except NotFound:
        return False
    except IntegrityError:
        store.remove(name)
        return False
    return True


def _digest(owner: str, run: MaskRun) -> str:
    digest = hashlib.sha256(f"{owner}\n".encode())
    for line in _lines(run):
        digest.update(line.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()[:40]


def _lines(run: MaskRun) -> Iterator[str]:
    yield f"{run.video.content_hash} {run.video.frame_count}\n"
    for masklet in run.masklets:
        yield f"{masklet.object_id}\0{masklet.label}\n"
        for frame in masklet.frames:
            yield f"{frame.frame_index} {frame.origin} {frame.uncertainty!r} {frame.mask.counts}\n"
