"""What a new task begins with: prompts that are propagated, or a copy of masks, as masks that no person made.

The player shows both to whoever opens the task, and the person's first edit makes them the person's own. Filling twice
changes nothing.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from backend.application.annotation.annotation_service import FIRST_FRAME, AnnotationService, UserTask
from backend.application.jobs.queries import propagations
from backend.application.player.submitted_masks import is_stored
from backend.application.ports.masks import MaskCodec, RunExists
from backend.domain.crowd.routing import Source, Start, Step
from backend.domain.errors import NotFound
from backend.domain.geometry import box_of_mask
from backend.domain.jobs import JobState, PropagationRequest, job_id_of, run_name
from backend.domain.masklets import MaskletFrame, MaskRun
from backend.domain.prompts import PromptSet


@dataclass(frozen=True, slots=True)
class FilledTasks:
    """Fills the tasks of steps."""

    service: AnnotationService
    codec: MaskCodec

    def fill(self, step: Step, user_task: UserTask) -> None:
        """user_task: of the new task, without a user. Raises NotFound or IntegrityError if the masks are gone."""
        source = step.source
        if source is None or step.start is Start.EMPTY:
            return
        prompts = self._prompts(source)
        if step.start is Start.PROMPTS:
            self.service.ledger.record_prompts(user_task.task, prompts)
            self.service.propagate(user_task)
            return
        self._copy(source, prompts, user_task)

    def _prompts(self, source: Source) -> PromptSet:
        prompts = self.service.ledger.prompts(source.task, user=source.user)
        kept = prompts if source.objects is None else prompts.only(source.objects)
        if not kept:
            raise NotFound(f"the prompts of {source.user or 'the masks'} on task {source.task} are gone")
        return kept

    def _copy(self, source: Source, prompts: PromptSet, user_task: UserTask) -> None:
        request = PropagationRequest(
            user_task.task,
            user_task.media,
            prompts,
            label_config=user_task.label_config,
            model_version=user_task.model_version,
        )
        ledger, job_id = self.service.ledger, job_id_of(request)
        attempt = 1
        with suppress(NotFound):
            known = ledger.job(job_id)
            if known.state is JobState.DONE and self.service.masks_of(known, FIRST_FRAME) is not None:
                return
            attempt = known.attempt + 1
        name = run_name(job_id, attempt)
        if not is_stored(self.service.masks, name):
            self._store(name, self._run(source))
        ledger.adopt_run(request, name, attempt=attempt)

    def _run(self, source: Source) -> MaskRun:
        """The masks of the source's objects."""
        name = source.run
        if not name:
            found = propagations(self.service.ledger, source.task)
            job = next((each for each in found if each.user == source.user and each.masks_run), None)
            if job is None:
                raise NotFound(f"the masks of task {source.task} are gone: open it in the player and propagate again")
            name = job.masks_run
        run = self.service.masks.read(name)
        if source.objects is None:
            return run
        return replace(run, masklets=tuple(each for each in run.masklets if each.object_id in source.objects))

    def _store(self, name: str, run: MaskRun) -> None:
        labels = {masklet.object_id: masklet.label for masklet in run.masklets}
        # A process of another machine may store the same masks at this moment: either's are right.
        with suppress(RunExists), self.service.masks.writer(name, video=run.video, labels=labels) as writer:
            for masklet in run.masklets:
                for frame in masklet.frames:
                    writer.append(masklet.object_id, self._measured(frame))
            writer.commit()

    def _measured(self, frame: MaskletFrame) -> MaskletFrame:
        """The frame with its area and box, without which the player takes the object as absent."""
        if frame.evidence.area_rel > 0.0:
            return frame
        mask = self.codec.decode(frame.mask)
        evidence = replace(frame.evidence, area_rel=float(mask.mean()), box=box_of_mask(mask))
        return replace(frame, evidence=evidence)
