"""The parts of `masklet next --into`: frames of a project's videos as correction tasks of another project."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

import numpy as np

from backend.adapters.labelstudio.api.correction_tasks import CorrectionTasks
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.adapters.media.serving.addresses import PREFIX, open_signer, page_leaf
from backend.application.jobs.queries import newest_propagation
from backend.application.ports.ledger import Ledger
from backend.application.ports.masks import MaskStore
from backend.application.review.audits import Audits
from backend.application.review.correction_tasks import (
    Corrected,
    CorrectionProject,
    known_corrections,
    one_page,
    page_score,
    task_data,
    video_columns,
)
from backend.application.review.next_frames import NextFrame, ReviewVideo, next_frames, project_videos
from backend.application.review.task_signature import TaskSigner
from backend.bootstrap.batch import public_url
from backend.bootstrap.container import (
    SystemClock,
    data_folder,
    load_settings,
    open_key_values,
    open_label_studio,
    open_ledger_of,
    open_masks,
    open_task_signer,
)
from backend.domain.errors import InvalidInput, NotFound
from backend.domain.jobs import Job, PropagationRequest
from backend.domain.prioritization import Reason
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex
from backend.settings import Settings


@dataclass(frozen=True, slots=True)
class Made:
    """A correction task. is_new: whether it was not there before."""

    frame: NextFrame
    task_id: int
    is_new: bool


def make_corrections(project_id: int, into: int, count: int, *, seed: int) -> list[Made]:
    """Choose frames of a project and make their tasks in another one; what is there already is left as it is.

    Raises InvalidInput without a Label Studio or for frames that have no address, NotFound if nothing is propagated.
    """
    settings = load_settings()
    client = open_label_studio(settings)
    if client is None:
        raise InvalidInput("no Label Studio is named: set LABEL_STUDIO_URL and LABEL_STUDIO_API_KEY")
    if project_id == into:
        raise InvalidInput("correction tasks need a project of their own, with a label config such as keyframe.xml")
    try:
        maker = CorrectionMaker(
            open_ledger_of(settings, SystemClock()),
            open_masks(settings),
            CorrectionTasks(client.imports.session),
            client.label_config(into),
            settings,
            open_task_signer(settings),
            Audits(open_key_values(settings)),
        )
        return maker.make(project_id, into, count, seed=seed)
    finally:
        client.close()


@dataclass(frozen=True, slots=True)
class CorrectionMaker:
    """What choosing frames and making their tasks needs. label_config: of the project that they are made in."""

    ledger: Ledger
    masks: MaskStore
    project: CorrectionProject
    label_config: str
    settings: Settings
    seal: TaskSigner
    audits: Audits

    def make(self, project_id: int, into: int, count: int, *, seed: int) -> list[Made]:
        """See make_corrections."""
        videos = project_videos(self.ledger, self.masks, self.audits.notes, project_id)
        if not videos:
            raise NotFound(f"nothing of project {project_id} has been propagated yet: prompt an object in it first")
        chosen = next_frames(videos, count, rng=np.random.default_rng(seed))
        known = known_corrections(self.project.tasks(into), into, self.seal)
        made = [self._make(frame, into, known.get(_corrected(frame).key)) for frame in chosen]
        for video in videos:
            priority = max((frame.priority for frame in chosen if frame.video is video), default=0.0)
            self.project.describe(_task(video), video_columns(video, priority))
        self.project.serve_worst_first(into, videos[-1].model_version)
        return made

    def _make(self, frame: NextFrame, into: int, known: int | None) -> Made:
        corrected, job = _corrected(frame), self._job(_task(frame.video))
        request = self.ledger.request(job.job_id)
        assert isinstance(request, PropagationRequest), "only propagations are reviewed"
        address = frame_address(request.media, corrected.frame_index, self.settings)
        proof = self.seal.sign(into, corrected.key)
        task_id = known or self.project.create(into, task_data(corrected, address, frame, proof=proof))
        page = one_page(self.masks.read(job.masks_run), corrected.frame_index)
        task = TaskKey(into, task_id)
        self.project.predict(
            task,
            model_version=job.model_version,
            result=build_regions(page, label_config=self.label_config, task=task),
            score=page_score(page),
            cluster=corrected.task.task_id,
        )
        if frame.choice.reason is Reason.AUDIT and known is None:
            self.audits.draw(corrected, page, job.model_version)
        return Made(frame, task_id, is_new=known is None)

    def _job(self, task: TaskKey) -> Job:
        """The newest finished propagation, which the frame was chosen from. Raises NotFound if it is gone since."""
        job = newest_propagation(self.ledger, task)
        if job is None:
            raise NotFound(f"the propagation of task {task} is being made again: try again when it is finished")
        return job


def frame_address(media: MediaRef, frame_index: FrameIndex, settings: Settings) -> str:
    """Where a browser finds one frame: the task's own page, or a page that Masklet cuts from a video it serves.

    Raises InvalidInput for a video that somebody else serves: its frames have no addresses.
    """
    if media.is_pages:
        return media.addresses[frame_index]
    path = urlsplit(media.addresses[0]).path
    if PREFIX not in path:
        raise InvalidInput(
            "a frame of this video has no address of its own: bring the video in with `masklet import`, which serves it"
        )
    signer = open_signer(data_folder(settings).media_key)
    media_id = signer.read(path[path.index(PREFIX) :], 0.0).media_id
    return public_url(settings).rstrip("/") + signer.path(media_id, page_leaf(frame_index))


def _corrected(frame: NextFrame) -> Corrected:
    return Corrected(_task(frame.video), frame.choice.frame_index)


def _task(video: ReviewVideo) -> TaskKey:
    assert video.task is not None, "a project's videos are tasks"
    return video.task
