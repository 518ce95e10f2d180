"""Writes into submitted annotations, once per submission: the player's masks, and the rest of unfinished tracks.

The ledger has the pending writes (`AnnotationSync` requests them), so none is lost with a process. A write waits for
its user's open propagation of the task. Label Studio has no conditional update: the annotation is read again just
before its result is replaced, and the result is made anew if it has changed.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.api.annotations import AnnotationRecord
from backend.adapters.labelstudio.writing.player_regions import player_regions, takes_boxes
from backend.adapters.labelstudio.written_regions import Item, replaced
from backend.application.annotation.annotation_service import UserTask
from backend.application.jobs.retry import failed_again, outlook
from backend.application.player.submitted_masks import SubmittedMasks
from backend.application.ports.annotation_writes import AnnotationWrite
from backend.application.ports.engine import ModelDirectory
from backend.application.ports.ledger import Ledger
from backend.application.ports.requests.prewarm import PrewarmChannel
from backend.bootstrap.web import AnnotationEditor, AnnotationReader
from backend.domain.errors import MaskletError, NotFound, ServiceUnavailable
from backend.domain.retries import FailedTry, FailureKind
from backend.interfaces.labelstudio.frame_numbering import video_info
from backend.interfaces.labelstudio.tasks import user_task_of
from backend.interfaces.labelstudio.unfinished_tracks import TrackCompletion, UnfinishedTracks

logger = logging.getLogger(__name__)

CLAIM_S = 60.0
MEDIA_WAIT_S = 5.0
"""How long a worker may take to open an unknown video; the next try waits again."""

READINGS = 3
"""How often a result is made anew in one try because its annotation changed meanwhile."""


@dataclass(frozen=True, slots=True)
class AnnotationWriter:
    """Does the pending writes. `sweep` may be called at any rate, and by several processes."""

    label_studio: AnnotationReader
    editor: AnnotationEditor
    models: ModelDirectory
    submitted: SubmittedMasks
    tracks: UnfinishedTracks
    prewarm_channel: PrewarmChannel
    random: Callable[[], float] = random.random
    """0 to 1: shortens the waits of failed writes."""

    @property
    def _ledger(self) -> Ledger:
        return self.submitted.masks.service.ledger

    def sweep(self) -> None:
        """Does the due writes; nothing before a worker has announced its model. Does not raise for a failed write."""
        model = self.models.announced()
        if model is None:
            return
        clock = self.submitted.masks.service.clock
        for write in self._ledger.due_annotation_writes(clock.now_s()):
            if not self._ledger.claim_annotation_write(write, until_s=clock.now_s() + CLAIM_S):
                continue
            try:
                self._write(write, model.version)
            except Exception as error:  # one write that cannot be made must not hold up the others
                self._failed(write, error)
                if isinstance(error, ServiceUnavailable):
                    return  # it fails the others too

    def _write(self, write: AnnotationWrite, model_version: str) -> None:
        annotation = self._read(write)
        if annotation is None:
            return
        data = self.label_studio.fetch_task(write.task).data
        config = self.label_studio.label_config(write.task.project_id)
        if annotation.was_cancelled or not takes_boxes(config):
            self._ledger.finish_annotation_write(write, seen=annotation.updated_at)
            return
        user_task = user_task_of({"data": data}, write.task, label_config=config, model_version=model_version)
        user_task = replace(user_task, user=write.user)
        name, regions = self._regions(user_task)
        self._put(write, annotation, user_task, regions, name)

    def _regions(self, user_task: UserTask) -> tuple[str, list[Item]]:
        """The name of the stored run, and the player's regions; no name without masks."""
        service = self.submitted.masks.service
        uses_player = self.submitted.masks.records.read(user_task.task, user_task.user).revision > 0
        if not uses_player or not self._ledger.prompts(user_task.task, user=user_task.user):
            return "", []
        info = video_info(service, self.prewarm_channel, user_task, MEDIA_WAIT_S)
        run, digests = self.submitted.collect(user_task, info)
        if not any(masklet.frames for masklet in run.masklets):
            return "", []
        name = self.submitted.store(user_task, run)
        return name, player_regions(
            run,
            digests,
            label_config=user_task.label_config,
            task=user_task.task,
            run_name=name,
            model_version=user_task.model_version,
        )

    def _put(
        self,
        write: AnnotationWrite,
        annotation: AnnotationRecord,
        user_task: UserTask,
        regions: Sequence[Item],
        run_name: str,
    ) -> None:
        """Replaces the result, unless it has the regions and whole tracks.

        Raises ServiceUnavailable if it changes again and again, NotYet if the propagation of a track is not done.
        """
        completion = TrackCompletion(self.submitted.masks.service, self.tracks)
        for _ in range(READINGS):
            completed = completion.completed(user_task, annotation.result)
            result = replaced(annotation.result if completed is None else completed, regions) or completed
            newest = self._read(write)
            if newest is None:
                return
            if newest == annotation:
                if result is not None:
                    annotation = self.editor.put_result(write.annotation_id, result)
                    logger.info("task %s: masks are written into annotation %d", write.task, write.annotation_id)
                self._ledger.finish_annotation_write(write, masks_run=run_name, seen=annotation.updated_at)
                return
            annotation = newest
        raise ServiceUnavailable(f"annotation {write.annotation_id} changes while masks are written into it")

    def _read(self, write: AnnotationWrite) -> AnnotationRecord | None:
        """The annotation as it is now; None if it was deleted, which ends the write."""
        try:
            return self.editor.read(write.annotation_id)
        except NotFound:
            logger.info("task %s: annotation %d is gone; nothing is written", write.task, write.annotation_id)
            self._ledger.forget_annotation(write)
            return None

    def _failed(self, write: AnnotationWrite, error: Exception) -> None:
        now_s = self.submitted.masks.service.clock.now_s()
        before = FailedTry(FailureKind.WRITE, write.subject, write.task, write.failures)
        failed = failed_again(before, error, now_s=now_s, random=self.random())
        self._ledger.record_failure(failed)
        self._ledger.release_annotation_write(write)
        unforeseen = None if isinstance(error, MaskletError) else error
        where = f"task {write.task}: annotation {write.annotation_id}"
        logger.warning("%s gets no masks: %s; %s", where, failed.reason, outlook(failed, now_s), exc_info=unforeseen)
