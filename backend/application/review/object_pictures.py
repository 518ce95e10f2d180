"""The object that a correction task is about, on a frame where it was prompted.

Owns the choice of that frame, the name in the picture's signed address, and what the picture shows. Does not draw: see
`adapters/report/object_picture.py`.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass

from backend.application.jobs.queries import newest_propagation
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.application.review.next_frames import object_name
from backend.domain.errors import NotFound
from backend.domain.geometry import Box
from backend.domain.jobs import PropagationRequest
from backend.domain.masklets import EncodedMask
from backend.domain.prompts import ObjectId, PromptSet
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex, FrameRange, VideoInfo

NAME = re.compile(r"object-([0-9]{1,18})-([0-9]{1,18})-([0-9]{1,9})-([A-Za-z0-9_-]+)")


@dataclass(frozen=True, slots=True)
class PicturedObject:
    """An object of a task on one frame."""

    task: TaskKey
    frame_index: FrameIndex
    object_id: ObjectId

    @property
    def name(self) -> str:
        """Its name in addresses, of letters, digits, - and _."""
        encoded = urlsafe_b64encode(self.object_id.encode()).decode("ascii").rstrip("=")
        return f"object-{self.task.project_id}-{self.task.task_id}-{self.frame_index}-{encoded}"

    @classmethod
    def of_name(cls, name: str) -> PicturedObject | None:
        """Of a name that `name` made; None of any other name, such as a medium's."""
        found = NAME.fullmatch(name)
        if found is None:
            return None
        project, task, frame, encoded = found.groups()
        object_id = urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
        return cls(TaskKey(int(project), int(task)), FrameIndex(int(frame)), ObjectId(object_id))


@dataclass(frozen=True, slots=True)
class ObjectView:
    """What a picture shows: a frame of the media, and there the object's mask, or the box of its prompt, or neither.

    run: the masks' run. It and the subject determine the picture.
    """

    media: MediaRef
    video: VideoInfo
    caption: str
    mask: EncodedMask | None
    box: Box | None
    run: str


def prompted_frame(prompts: PromptSet, object_id: ObjectId, *, near: FrameIndex) -> FrameIndex:
    """The object's prompted frame that is the nearest to another frame; the earlier of two.

    `near` itself counts as the farthest: it is the frame that the correction task shows. It is returned for an object
    without any prompt.
    """
    located = [prompt.frame_index for prompt in prompts.of_object(object_id) if prompt.has_positive]
    return min(located, key=lambda index: (index == near, abs(index - near), index), default=near)


def object_view(subject: PicturedObject, ledger: Ledger, masks: MaskStore) -> ObjectView:
    """The object in the newest propagation of its task. Raises NotFound if that or the object is gone."""
    job = newest_propagation(ledger, subject.task)
    if job is None:
        raise NotFound(f"task {subject.task} has no finished propagation any more; its objects cannot be shown")
    request = ledger.request(job.job_id)
    assert isinstance(request, PropagationRequest), "newest_propagation gives propagations"
    start = subject.frame_index
    run = masks.read(job.masks_run, FrameRange(start, FrameIndex(start + 1)))
    labels = {masklet.object_id: masklet.label for masklet in run.masklets}
    if subject.object_id not in labels:
        raise NotFound(f"task {subject.task} has no object {subject.object_id!r} any more")
    (masklet,) = (masklet for masklet in run.masklets if masklet.object_id == subject.object_id)
    box = next((p.box for p in request.prompts.on_frame(start) if p.object_id == subject.object_id), None)
    return ObjectView(
        request.media,
        run.video,
        f"{object_name(subject.object_id, labels)}, page {start + 1}",
        next((frame.mask for frame in masklet.frames), None),
        box,
        job.masks_run,
    )
