"""Makes correction tasks: chosen frames of a project's videos become tasks of another project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from backend.application.jobs.queries import newest_propagation
from backend.application.ports.label_studio import RegionBuilder
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.application.ports.progress import counted
from backend.application.review.audits import Audits
from backend.application.review.correction_tasks import (
    Addresses,
    Corrected,
    CorrectionProject,
    known_corrections,
    one_page,
    page_score,
    task_data,
)
from backend.application.review.next_frames import NextFrame, ReviewVideo, next_frames, project_videos
from backend.application.review.object_pictures import PicturedObject, prompted_frame
from backend.application.review.task_signature import TaskSigner
from backend.domain.errors import NotFound
from backend.domain.jobs import Job, PropagationRequest
from backend.domain.masklets import MaskRun
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.uncertainty.prioritization import Reason
from backend.domain.uncertainty.scoring import fixed_width, label_studio_score
from backend.domain.video import FrameIndex


@dataclass(frozen=True, slots=True)
class CorrectionTask:
    """A correction task. is_new: whether it was just created."""

    frame: NextFrame
    task_id: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class CorrectionMaker:
    """Makes correction tasks. label_config: of the project that the tasks are made in.

    task_address: of a task in Label Studio. object_address: of the picture of an object, by its name. names: of the
    imported tasks.
    """

    ledger: Ledger
    masks: MaskStore
    project: CorrectionProject
    label_config: str
    frame_address: Callable[[MediaRef, FrameIndex], str]
    build_regions: RegionBuilder
    signer: TaskSigner
    audits: Audits
    task_address: Callable[[TaskKey], str]
    object_address: Callable[[str], str]
    names: Mapping[TaskKey, str]

    def make(self, project_id: int, into: int, count: int, *, seed: int) -> list[CorrectionTask]:
        """Chooses frames of a project and makes a task for each in project `into`; existing tasks are left as they are.

        Raises NotFound without a finished propagation, InvalidInput for a frame without an address.
        """
        videos = project_videos(self.ledger, self.masks, self.audits.key_values, project_id, names=self.names)
        if not videos:
            raise NotFound(f"nothing of project {project_id} has been propagated yet: prompt an object in it first")
        chosen = next_frames(videos, count, rng=np.random.default_rng(seed))
        known = known_corrections(self.project.tasks(into), into, self.signer)
        wanted = counted(chosen, "correction tasks")
        made = [self._make(frame, into, known.get(_corrected(frame).key)) for frame in wanted]
        for video in counted(videos, "described videos"):
            priority = max((frame.priority for frame in chosen if frame.video is video), default=0.0)
            self.project.describe(_task(video), {"priority": fixed_width(priority)})
        self.project.serve_worst_first(into, videos[-1].model_version)
        return made

    def _make(self, frame: NextFrame, into: int, known: int | None) -> CorrectionTask:
        corrected, job = _corrected(frame), self._job(_task(frame.video))
        request = self.ledger.request(job.job_id)
        assert isinstance(request, PropagationRequest), "only propagations are reviewed"
        page = one_page(self.masks.read(job.masks_run), corrected.frame_index)
        made = self.put(frame, page, request.media, into, known)
        if frame.choice.reason is Reason.AUDIT and known is None:
            self.audits.draw(corrected, page, job.model_version)
        return made

    def put(self, frame: NextFrame, page: MaskRun, media: MediaRef, into: int, known: int | None) -> CorrectionTask:
        """Makes a task with these masks in project `into`, or gives the known one its prediction again.

        page: the masks of the frame, as a run of one page. media: of the video's task.
        """
        corrected = _corrected(frame)
        addresses = Addresses(
            self.frame_address(media, corrected.frame_index),
            self._picture(frame),
            self.task_address(corrected.task),
        )
        data = task_data(corrected, addresses, frame, signature=self.signer.sign(into, corrected.key))
        task_id = known or self.project.create(into, data)
        task = TaskKey(into, task_id)
        self.project.predict(
            task,
            model_version=frame.video.model_version,
            result=self.build_regions(page, label_config=self.label_config, task=task),
            score=min(page_score(page), label_studio_score(frame.uncertainty)),
            cluster=corrected.task.task_id,
        )
        return CorrectionTask(frame, task_id, is_new=known is None)

    def _picture(self, frame: NextFrame) -> str:
        """The address of the picture of the object where it was prompted; empty if no propagation has it."""
        task = _task(frame.video)
        job = newest_propagation(self.ledger, task)
        request = None if job is None else self.ledger.request(job.job_id)
        if not isinstance(request, PropagationRequest) or frame.object_id not in request.prompts.object_ids:
            return ""
        prompted = prompted_frame(request.prompts, frame.object_id, near=frame.choice.frame_index)
        return self.object_address(PicturedObject(task, prompted, frame.object_id).name)

    def _job(self, task: TaskKey) -> Job:
        """The newest finished propagation, which the frame was chosen from. Raises NotFound if it is gone."""
        job = newest_propagation(self.ledger, task)
        if job is None:
            raise NotFound(f"the propagation of task {task} is being made again: try again when it is finished")
        return job


def _corrected(frame: NextFrame) -> Corrected:
    return Corrected(_task(frame.video), frame.choice.frame_index)


def _task(video: ReviewVideo) -> TaskKey:
    assert video.task is not None, "a project's videos are tasks"
    return video.task
