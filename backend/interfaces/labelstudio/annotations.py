"""Annotations that people submitted, taken as the truth to go on from.

What was submitted is read from Label Studio, never from whoever says that something was. Of an annotation only what
a person changed is news: masks that merely repeat ours confirm them. Objects that the person removed are dropped.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from backend.adapters.labelstudio.api.client import AnnotationRecord
from backend.adapters.labelstudio.config.label_config import read_binding
from backend.adapters.labelstudio.reading.context import prompts_of_annotation
from backend.adapters.labelstudio.reading.known_masks import KnownMasks
from backend.adapters.labelstudio.reading.mask_fingerprints import load_fingerprints
from backend.application.annotation.annotation_service import AnnotationService, UserTask
from backend.application.annotation.prompt_ownership import PromptOwnership, ViewState
from backend.application.annotation.propagate_range import newest_run
from backend.application.ports.engine import ModelDirectory
from backend.application.ports.key_value import KeyValueStore
from backend.application.ports.masks import MaskCodec
from backend.application.ports.prewarm import PrewarmChannel
from backend.application.review.audits import Audits
from backend.application.review.correction_tasks import Corrected, carried_back, corrected_by
from backend.application.review.task_signature import TaskSigner
from backend.bootstrap.web import AnnotationReader
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.jobs import Job
from backend.domain.masklets import MaskRun
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.timeline import FrameClock
from backend.interfaces.labelstudio.anonymous_annotators import AnonymousAnnotators
from backend.interfaces.labelstudio.frame_numbering import numbering
from backend.interfaces.labelstudio.tasks import user_task_of

logger = logging.getLogger(__name__)

LOOK_PATIENCE_S = 20.0
"""How long a worker may take to open a video that nobody has looked at before; a poll asks again after that."""

AUTHOR = re.compile(r"(\S+@\S+), [0-9]+$")
"""How an annotation's author ends; drafts, and so canvases, name the same person by the address alone."""


@dataclass(frozen=True, slots=True)
class ChangeHint:
    """Somebody says that a task was annotated. annotation_id: which annotation, if they say."""

    task: TaskKey
    annotation_id: int | None = None


@dataclass(frozen=True, slots=True)
class AnnotationSync:
    """Reads submitted annotations and hands their prompts to the desk."""

    desk: AnnotationService
    label_studio: AnnotationReader
    models: ModelDirectory
    key_values: KeyValueStore
    seal: TaskSigner
    codec: MaskCodec
    prewarm_channel: PrewarmChannel

    def adopt_all(self, hints: Iterable[ChangeHint]) -> list[Job]:
        """Follow each hint; one that leads nowhere is logged and does not stop the others. Returns the new work."""
        return [job for hint in hints if (job := self._tried(hint)) is not None]

    def _tried(self, hint: ChangeHint) -> Job | None:
        try:
            job = self.adopt(hint)
            logger.info("task %s: %s", hint.task, f"job {job.job_id}" if job else "the annotation is no news")
        except MaskletError as error:
            logger.warning("task %s is not adopted: %s: %s", hint.task, type(error).__name__, error)
        except Exception:  # nobody waits for the outcome, so the log is the only place to tell it
            logger.exception("task %s is not adopted", hint.task)
        else:
            return job
        return None

    def adopt(self, hint: ChangeHint) -> Job | None:
        """Propagate from an annotation of the task, the newest if the hint names none; None if it says nothing new.

        Raises what Label Studio, the label config or the annotation gives reason for.
        """
        model = self.models.announced()
        if model is None:
            raise ServiceUnavailable("no worker has announced its model yet; update the annotation again later")
        annotation = _chosen(self.label_studio.annotations(hint.task), hint.annotation_id)
        if annotation is None or self._is_adopted(hint.task, annotation):
            return None
        data = self.label_studio.fetch_task(hint.task).data
        label_config = self.label_studio.label_config(hint.task.project_id)
        corrected = corrected_by(data, hint.task.project_id, self.seal)
        if corrected is not None:
            drawn = prompts_of_annotation(annotation.result, read_binding(label_config))
            job = self._carry_back(drawn, corrected, model.version, author_of(annotation))
            Audits(self.key_values).settle(corrected, drawn, self.codec)
            self.key_values.write(_adopted_note(hint.task), _state_of(annotation))
            return job
        canvas = user_task_of({"data": data}, hint.task, label_config=label_config, model_version=model.version)
        canvas = replace(canvas, user=author_of(annotation))
        self._settle(canvas, annotation)
        prompts = self._prompts(canvas, annotation)
        job = None if prompts is None else self.desk.replace_prompts(canvas, prompts)
        self.key_values.write(_adopted_note(hint.task), _state_of(annotation))
        return job

    def _is_adopted(self, task: TaskKey, annotation: AnnotationRecord) -> bool:
        """Whether this very state of the annotation was the last that was taken up: a push changes the task too."""
        return bool(annotation.updated_at) and self.key_values.read(_adopted_note(task)) == _state_of(annotation)

    def _carry_back(self, drawn: PromptSet, corrected: Corrected, version: str, author: str) -> Job | None:
        """What was drawn on a correction task, as prompts of the task that its frame is of; None if nothing was."""
        if not drawn:
            return None
        data = self.label_studio.fetch_task(corrected.task).data
        config = self.label_studio.label_config(corrected.task.project_id)
        canvas = user_task_of({"data": data}, corrected.task, label_config=config, model_version=version)
        canvas = replace(canvas, user=author)
        shown = newest_run(self.desk, corrected.task, version)
        if shown is None:
            led_here = self.desk.ledger.prompts(corrected.task, user=author)
        else:
            led_here = self.desk.ledger.request(shown.job.job_id).prompts
        return self.desk.replace_prompts(canvas, carried_back(drawn, corrected, led_here))

    def _settle(self, canvas: UserTask, annotation: AnnotationRecord) -> None:
        """Give the author what they said before Label Studio named them."""
        if canvas.user:
            newcomers = AnonymousAnnotators(self.key_values, self.desk.clock, read_binding(canvas.label_config))
            claims = newcomers.match(canvas.task, annotation.result)
            PromptOwnership(self.desk, self.key_values).settle(canvas, ViewState(claims))

    def _prompts(self, canvas: UserTask, annotation: AnnotationRecord) -> PromptSet | None:
        """What led to the masks shown, less removed objects, with what the person changed; None if nothing was."""
        binding = read_binding(canvas.label_config)
        shown = newest_run(self.desk, canvas.task, canvas.model_version)
        numbers = self._numbers(canvas, shown.run if shown is not None else None)
        there = prompts_of_annotation(annotation.result, binding, clock=numbers)
        if shown is None or shown.run is None:
            return there
        known = self._known(canvas, shown.run)
        changed = prompts_of_annotation(annotation.result, binding, known=known, clock=numbers)
        # On a task of several annotators the newest masks may be another one's: what the author said goes first.
        own = self.desk.ledger.prompts(canvas.task, user=canvas.user) if canvas.user else PromptSet(())
        led_here = own or self.desk.ledger.request(shown.job.job_id).prompts
        kept = [prompt for prompt in led_here if prompt.object_id in there.object_ids]
        if not changed and len(kept) == len(led_here.prompts):
            return None
        return PromptSet.of([*kept, *changed], {**led_here.labels, **there.labels})

    def _numbers(self, canvas: UserTask, shown: MaskRun | None) -> FrameClock | None:
        """How the page numbers the task's frames. Raises ServiceUnavailable if no worker can open a video not known."""
        clock = self.desk.clock
        info = None if shown is None else shown.video
        give_up_s = clock.monotonic_s() + LOOK_PATIENCE_S
        return numbering(self.prewarm_channel, clock, canvas, give_up_s=give_up_s, info=info)

    def _known(self, canvas: UserTask, shown: MaskRun) -> KnownMasks:
        pushed = self.desk.latest_run(canvas.task, canvas.model_version)
        runs = [] if pushed is None or pushed.run is None else [pushed.run]
        said = self.desk.ledger.prompts(canvas.task, user=canvas.user)
        return KnownMasks(shown, load_fingerprints(self.key_values, canvas.task, runs), said)


def _adopted_note(task: TaskKey) -> str:
    return f"adopted/{task.project_id}-{task.task_id}"


def _state_of(annotation: AnnotationRecord) -> bytes:
    return f"{annotation.annotation_id} {annotation.updated_at}".encode()


def author_of(annotation: AnnotationRecord) -> str:
    """Who made an annotation, in the words that their drafts use; empty if it does not say."""
    found = AUTHOR.search(annotation.author)
    return found[1] if found else ""


def _chosen(annotations: Iterable[AnnotationRecord], annotation_id: int | None) -> AnnotationRecord | None:
    """The named annotation, or the one that was changed last; never one that was cancelled."""
    kept = [annotation for annotation in annotations if not annotation.was_cancelled]
    named = (annotation for annotation in kept if annotation.annotation_id == annotation_id)
    newest = max(kept, key=lambda annotation: (annotation.updated_at, annotation.annotation_id), default=None)
    return next(named, newest)
