"""Submitted annotations, turned into prompts of a new propagation.

Annotations are read from Label Studio, never from the webhook's body. Only regions that a person changed become
prompts: a mask equal to one of Masklet's own confirms it. Objects that the person removed are dropped.

A person who prompted objects of the task in the player deletes them there: what their annotation lacks is not dropped.
Their masks are to be written into the annotation, for which the ledger gets a pending write (`AnnotationWriter`); so
does an annotation with unfinished tracks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.api.annotations import AnnotationRecord, author_of
from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.context import prompts_of_annotation, read_annotation
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.reading.mask_fingerprints import load_fingerprints
from backend.adapters.labelstudio.writing.player_regions import takes_boxes
from backend.adapters.labelstudio.written_regions import is_from_prediction
from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.annotation.change_detection import last_adoption, record_adoption
from backend.application.annotation.prompt_checks import usable
from backend.application.annotation.prompt_ownership import PromptOwnership, ViewState
from backend.application.annotation.propagate_range import newest_run
from backend.application.player.user_record import UserRecords
from backend.application.ports.engine import ModelDirectory
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.masks import MaskCodec
from backend.application.ports.requests.prewarm import PrewarmChannel
from backend.application.review.audits import Audits
from backend.application.review.correction_tasks import Corrected, corrected_by, on_source_task
from backend.application.review.task_signature import TaskSigner
from backend.bootstrap.web import AnnotationReader
from backend.domain.datasets import kinds_text
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.jobs import Job
from backend.domain.masklets import MaskRun
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.timeline import FrameClock
from backend.interfaces.labelstudio.anonymous_annotators import AnonymousAnnotators
from backend.interfaces.labelstudio.frame_numbering import frame_clock_of
from backend.interfaces.labelstudio.tasks import user_task_of
from backend.interfaces.labelstudio.unfinished_tracks import UnfinishedTracks

logger = logging.getLogger(__name__)

MEDIA_WAIT_S = 20.0
"""How long a worker may take to open an unknown video; the next poll tries again."""


@dataclass(frozen=True, slots=True)
class ChangeHint:
    """A report that a task was annotated. annotation_id: the annotation; None if the report names none."""

    task: TaskKey
    annotation_id: int | None = None


@dataclass(frozen=True, slots=True)
class AnnotationSync:
    """Reads submitted annotations and passes their prompts to the annotation service."""

    service: AnnotationService
    label_studio: AnnotationReader
    models: ModelDirectory
    key_values: KeyValueStore
    signer: TaskSigner
    codec: MaskCodec
    prewarm_channel: PrewarmChannel
    is_verified: Callable[[int], bool]
    """Whether people verify masks in a project, by its number: their annotations have verdicts and no prompts."""

    def adopt_all(self, hints: Iterable[ChangeHint]) -> list[Job]:
        """Adopts each hint's annotation; returns the new jobs. A failed hint is logged and stops no other."""
        return [job for hint in hints if (job := self._adopt_or_log(hint)) is not None]

    def _adopt_or_log(self, hint: ChangeHint) -> Job | None:
        try:
            job = self.adopt(hint)
            logger.info("task %s: %s", hint.task, f"job {job.job_id}" if job else "the annotation changes nothing")
        except MaskletError as error:
            logger.warning("task %s is not adopted: %s: %s", hint.task, type(error).__name__, error)
        except Exception:  # no caller waits for the result: the log is the only place to report it
            logger.exception("task %s is not adopted", hint.task)
        else:
            return job
        return None

    def adopt(self, hint: ChangeHint) -> Job | None:
        """Starts a propagation from an annotation, the newest if the hint names none; None if it changes nothing.

        Raises the errors of Label Studio, the label config and the annotation; ServiceUnavailable without a worker.
        """
        if self.is_verified(hint.task.project_id):
            return None
        model = self.models.announced()
        if model is None:
            raise ServiceUnavailable("no worker has announced its model yet; update the annotation again later")
        annotations = self.label_studio.annotations(hint.task)
        annotation = _chosen(annotations, hint.annotation_id)
        if annotation is None or self._is_adopted(hint.task, annotation):
            return None
        data = self.label_studio.fetch_task(hint.task).data
        label_config = self.label_studio.label_config(hint.task.project_id)
        try:
            job = self._adopt(hint.task, annotation, data, label_config, model.version)
        finally:  # a fault in a person's regions does not hold up the masks
            if takes_boxes(label_config):
                user_task = user_task_of(
                    {"data": data}, hint.task, label_config=label_config, model_version=model.version
                )
                self._want_writes(user_task, annotation, annotations)
        record_adoption(self.key_values, hint.task, annotation.annotation_id, annotation.updated_at)
        return job

    def _adopt(
        self, task: TaskKey, annotation: AnnotationRecord, data: Mapping[str, object], label_config: str, version: str
    ) -> Job | None:
        corrected = corrected_by(data, task.project_id, self.signer)
        if corrected is not None:
            drawn = _read(task, annotation, read_binding(with_task_data(label_config, data)))
            job = self._carry_back(drawn, corrected, version, author_of(annotation))
            Audits(self.key_values).settle(corrected, drawn, self.codec)
            return job
        user_task = user_task_of({"data": data}, task, label_config=label_config, model_version=version)
        user_task = replace(user_task, user=author_of(annotation))
        self._settle(user_task, annotation)
        is_in_player = self._uses_player(task, user_task.user)
        prompts = self._added(user_task, annotation) if is_in_player else self._prompts(user_task, annotation)
        return None if prompts is None else self._replace(user_task, prompts)

    def _want_writes(
        self, user_task: UserTask, chosen: AnnotationRecord, annotations: Iterable[AnnotationRecord]
    ) -> None:
        """Requests writes into the chosen annotation and those changed since the last adoption."""
        task = user_task.task
        _, adopted = last_adoption(self.key_values, task)
        for annotation in annotations:
            is_newer = not annotation.was_cancelled and annotation.updated_at > adopted
            user = author_of(annotation)
            if not (annotation == chosen or is_newer) or not user:
                continue
            if self._uses_player(task, user) or self._has_unfinished(replace(user_task, user=user), annotation):
                number, state = annotation.annotation_id, annotation.updated_at
                self.service.ledger.want_annotation_write(task, number, user=user, seen=state)

    def _has_unfinished(self, user_task: UserTask, annotation: AnnotationRecord) -> bool:
        """Whether the annotation has unfinished tracks. The author then has an open propagation, or finished masks.

        A write waits for the propagations of its own user.
        """
        tracks = UnfinishedTracks(self.key_values)
        if not tracks.among(user_task.task, user_task.model_version, annotation.result):
            return False
        self._settle(user_task, annotation)
        self.service.propagate(user_task)
        return True

    def _uses_player(self, task: TaskKey, user: str) -> bool:
        return bool(user) and UserRecords(self.key_values).read(task, user).revision > 0

    def _added(self, user_task: UserTask, annotation: AnnotationRecord) -> PromptSet | None:
        """The user's prompts and those of the regions that the person drew beside the player; None without new ones.

        Copies of a prediction are left out: it may be older than the masks that the person made since.
        """
        binding = read_binding(user_task.label_config)
        regions = [item for item in annotation.result if not is_from_prediction(item)]
        if not _read(user_task.task, replace(annotation, result=regions), binding):
            return None
        shown = newest_run(self.service, user_task.task, user_task.model_version)
        run = None if shown is None else shown.run
        known = None if run is None else self._known(user_task, run)
        clock = self._frame_clock(user_task, run)
        drawn = prompts_of_annotation(regions, binding, known=known, clock=clock)
        own = self.service.ledger.prompts(user_task.task, user=user_task.user)
        return None if own.covers(drawn) else PromptSet.of([*own, *drawn], {**own.labels, **drawn.labels})

    def _replace(self, user_task: UserTask, prompts: PromptSet) -> Job | None:
        """Replaces the prompts by the usable ones of an annotation: one bad region does not hold back the others."""
        kept = usable(prompts, self.service.frame_count(user_task))
        if left_out := {prompt.object_id for prompt in prompts} - set(kept.object_ids):
            logger.warning("task %s: unusable prompts of %s are left out", user_task.task, sorted(left_out))
        return self.service.replace_prompts(user_task, kept) if kept or not prompts else None

    def _is_adopted(self, task: TaskKey, annotation: AnnotationRecord) -> bool:
        """Whether this state of the annotation was the last adopted. A pushed prediction changes the task too."""
        state = str(annotation.annotation_id), annotation.updated_at
        return bool(annotation.updated_at) and last_adoption(self.key_values, task) == state

    def _carry_back(self, drawn: PromptSet, corrected: Corrected, version: str, author: str) -> Job | None:
        """Turns the masks of a correction task into prompts of the source task; None if nothing was drawn."""
        if not drawn:
            return None
        data = self.label_studio.fetch_task(corrected.task).data
        config = self.label_studio.label_config(corrected.task.project_id)
        user_task = user_task_of({"data": data}, corrected.task, label_config=config, model_version=version)
        user_task = replace(user_task, user=author)
        shown = newest_run(self.service, corrected.task, version)
        if shown is None:
            source_prompts = self.service.ledger.prompts(corrected.task, user=author)
        else:
            source_prompts = self.service.ledger.request(shown.job.job_id).prompts
        return self.service.replace_prompts(user_task, on_source_task(drawn, corrected, source_prompts))

    def _settle(self, user_task: UserTask, annotation: AnnotationRecord) -> None:
        """Assigns the author the prompts they made before Label Studio named them."""
        if user_task.user:
            anonymous = AnonymousAnnotators(self.key_values, self.service.clock, read_binding(user_task.label_config))
            claims = anonymous.match(user_task.task, annotation.result)
            PromptOwnership(self.service, self.key_values).settle(user_task, ViewState(claims))

    def _prompts(self, user_task: UserTask, annotation: AnnotationRecord) -> PromptSet | None:
        """The prompts of the shown masks, less removed objects, plus the person's changes; None without changes."""
        binding = read_binding(user_task.label_config)
        shown = newest_run(self.service, user_task.task, user_task.model_version)
        frame_clock = self._frame_clock(user_task, shown.run if shown is not None else None)
        submitted = _read(user_task.task, annotation, binding, frame_clock)
        if shown is None or shown.run is None:
            return submitted
        known = self._known(user_task, shown.run)
        changed = known.unrounded(prompts_of_annotation(annotation.result, binding, known=known, clock=frame_clock))
        # The newest masks may be of another annotator: the author's own prompts take precedence.
        own_prompts = (
            self.service.ledger.prompts(user_task.task, user=user_task.user) if user_task.user else PromptSet(())
        )
        source_prompts = own_prompts or self.service.ledger.request(shown.job.job_id).prompts
        kept = [prompt for prompt in source_prompts if prompt.object_id in submitted.object_ids]
        if not changed and len(kept) == len(source_prompts.prompts):
            return None
        return PromptSet.of([*kept, *changed], {**source_prompts.labels, **submitted.labels})

    def _frame_clock(self, user_task: UserTask, shown: MaskRun | None) -> FrameClock | None:
        """The page's frame clock. Raises ServiceUnavailable if no worker opens an unknown video in time."""
        clock = self.service.clock
        info = None if shown is None else shown.video
        give_up_s = clock.monotonic_s() + MEDIA_WAIT_S
        return frame_clock_of(self.prewarm_channel, clock, user_task, give_up_s=give_up_s, info=info)

    def _known(self, user_task: UserTask, shown: MaskRun) -> KnownMasks:
        pushed = self.service.latest_run(user_task.task, user_task.model_version)
        runs = [] if pushed is None or pushed.run is None else [pushed.run]
        prompted = self.service.ledger.prompts(user_task.task, user=user_task.user)
        return KnownMasks(shown, load_fingerprints(self.key_values, user_task.task, runs), prompted)


def _read(task: TaskKey, annotation: AnnotationRecord, binding: Binding, clock: FrameClock | None = None) -> PromptSet:
    """The prompts of an annotation; logs what a person drew that is none."""
    read = read_annotation(annotation.result, binding, clock=clock)
    if read.left_out:
        number = annotation.annotation_id
        logger.warning("task %s: annotation %d: drawn and no prompts: %s", task, number, kinds_text(read.left_out))
    return read.prompts


def _chosen(annotations: Iterable[AnnotationRecord], annotation_id: int | None) -> AnnotationRecord | None:
    """The named annotation, or the one changed last; never a cancelled one."""
    kept = [annotation for annotation in annotations if not annotation.was_cancelled]
    named = (annotation for annotation in kept if annotation.annotation_id == annotation_id)
    newest = max(kept, key=lambda annotation: (annotation.updated_at, annotation.annotation_id), default=None)
    return next(named, newest)
