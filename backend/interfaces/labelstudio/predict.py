"""The model as Label Studio's ML library knows one: a LabelStudioMLBase whose work is done by workers elsewhere.

One instance serves one request, with that request's project and label config: two projects never see each other's,
and a restart forgets nothing. It reads and answers Label Studio's JSON; what it asks for is the desk's to do.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.reading.fields import as_object
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.prompt_file import parse_prompts, refuse_masks
from backend.application.annotation.propagate_range import newest_run
from backend.application.jobs.push_predictions import run_uncertainty
from backend.application.ports.prewarm import PrewarmRequest, frames_around
from backend.bootstrap.web import WebParts
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.masklets import MaskRun
from backend.domain.prompts import PromptSet
from backend.domain.scoring import label_studio_score
from backend.domain.timeline import FrameClock
from backend.interfaces.labelstudio.frame_numbering import numbering
from backend.interfaces.labelstudio.interactive import InteractivePredictor
from backend.interfaces.labelstudio.tasks import require_labels, task_key, user_task_of

logger = logging.getLogger(__name__)

PROMPTS_KEY = "prompts"
"""Where a task's data may bring prompts of its own, in the prompt file's form."""

ANNOUNCEMENT_POLL_S = 0.1

PENDING = "not all masks were ready in time: the rest follows as the task's prediction"

Prediction = dict[str, object]
"""{"model_version", "score", "result"}: what a task is answered with."""


@contextmanager
def _without_torch() -> Iterator[None]:
    """Keeps an import from loading torch.

    label_studio_ml imports torch.multiprocessing if it can and does without if it cannot. The web process has no use
    for half a gigabyte of torch; None in sys.modules makes the import fail as if torch were not installed. If torch
    is loaded already (a test process), nothing is gained by hiding it. The package's own sources also make Python
    warn (escape sequences) when they are compiled for the first time.
    """
    hides = "torch" not in sys.modules
    if hides:
        sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        if hides:
            del sys.modules["torch"]


if TYPE_CHECKING:

    class LabelStudioMLBase:
        """The library has no types; this is the part of it that is used."""

        label_config: str | None

        def __init__(self, label_config: str | None = None) -> None: ...

else:
    with _without_torch():
        from label_studio_ml.model import LabelStudioMLBase


class MaskletModel(LabelStudioMLBase):
    """Answers /predict for one project's label config."""

    def __init__(
        self, *, parts: WebParts, label_config: str | None = None, project_id: str = "", **ignored: object
    ) -> None:
        """project_id: "ID.TIMESTAMP" or empty. ignored: the address and token that Label Studio sends, among others.

        The library would parse the config here with a parser that follows entities, so it is not given the config.
        """
        super().__init__()
        self.label_config = label_config
        self._project_id = int(project_id.partition(".")[0]) if project_id else None
        self._parts = parts

    @property
    def model_version(self) -> str:
        """The version of the model that the workers hold; a name that says so before any worker is there."""
        model = self._parts.models.announced()
        return f"masklet-{self._parts.settings.model}-starting" if model is None else model.version

    @property
    def binding(self) -> Binding:
        """Raises LabelConfigError if the config cannot work."""
        return read_binding(self.label_config or "")

    def predict(
        self,
        tasks: Sequence[object],
        context: Mapping[str, object] | None = None,
        *,
        give_up_s: float | None = None,
        **ignored: object,
    ) -> list[Prediction | list[Prediction]]:
        """One answer per task, in order; an empty list where there is nothing to say yet.

        With regions in context it is an annotator's prompt on the one task, and what is wrong with it is raised.
        Without, it is a batch: a task that cannot be answered gets an empty list and a line in the log.
        give_up_s: when the reply is due, on the clock's monotonic scale; None for the whole deadline from now.
        """
        if give_up_s is None:
            give_up_s = self._parts.clock.monotonic_s() + self._parts.settings.reply_deadline_s
        binding = self.binding
        if not tasks:
            return []
        version = self._announced_version(give_up_s)
        if context and context.get("result"):
            return [self._answer_prompt(as_object(tasks[0], "tasks[0]"), context, version=version, give_up_s=give_up_s)]
        if len(tasks) == 1:
            self._request_prewarm(tasks[0], binding)
        return [self._answer_or_nothing(task, binding, version=version) for task in tasks]

    def _request_prewarm(self, task: object, binding: Binding) -> None:
        """One task by itself is one that somebody opens: its first frames are encoded before the first click."""
        reach = self._parts.settings.prewarm_frames
        try:
            media = media_of_task(as_object(task, "task"), binding)
        except MaskletError:
            return  # the answer says what is wrong with it
        if reach:
            self._parts.prewarm_channel.request(PrewarmRequest(media, frames_around(0, reach)))

    def _announced_version(self, give_up_s: float) -> str:
        clock = self._parts.clock
        while (model := self._parts.models.announced()) is None:
            if clock.monotonic_s() >= give_up_s:
                raise ServiceUnavailable("no worker has announced its model yet; start one with: masklet worker")
            clock.sleep(ANNOUNCEMENT_POLL_S)
        return model.version

    def _canvas(self, task: Mapping[str, object], version: str) -> UserTask:
        key = task_key(task, project_id=self._project_id)
        return user_task_of(task, key, label_config=self.label_config or "", model_version=version)

    # an annotator's prompt

    def _answer_prompt(
        self, task: Mapping[str, object], context: Mapping[str, object], *, version: str, give_up_s: float
    ) -> Prediction:
        canvas = self._canvas(task, version)
        clock = self._parts.clock
        numbers = self._numbers(canvas, give_up_s=give_up_s)
        deadline_s = max(give_up_s - clock.monotonic_s(), 0.0)
        reply = InteractivePredictor(self._parts, read_binding(canvas.label_config), numbers).answer(
            canvas, task, context, deadline_s=deadline_s
        )
        prediction = self._prediction(canvas, reply.run, prompts=reply.prompts)
        return {**prediction, "pending": PENDING} if reply.is_pending else prediction

    def _numbers(self, canvas: UserTask, *, give_up_s: float) -> FrameClock | None:
        """How the page numbers the canvas's frames, by what a worker saw or by the masks that there are."""
        parts = self._parts
        if not read_binding(canvas.label_config).is_video:
            return None
        made = None
        if parts.prewarm_channel.status(canvas.media) is None:
            made = newest_run(parts.annotation_service, canvas.task, canvas.model_version)
        info = None if made is None or made.run is None else made.run.video
        return numbering(parts.prewarm_channel, parts.clock, canvas, give_up_s=give_up_s, info=info)

    # a batch

    def _answer_or_nothing(self, task: object, binding: Binding, *, version: str) -> Prediction | list[Prediction]:
        name = task.get("id") if isinstance(task, dict) else None
        try:
            answer = self._pre_annotated(as_object(task, "task"), binding, version=version)
        except MaskletError as error:
            logger.warning("task %.20r is left out: %s: %s", name, type(error).__name__, str(error)[:500])
            return []
        except Exception:  # one task's surprise is not to cost the others their answers
            logger.exception("task %.20r is left out", name)
            return []
        return answer or []

    def _pre_annotated(self, task: Mapping[str, object], binding: Binding, *, version: str) -> Prediction | None:
        canvas = self._canvas(task, version)
        given = as_object(task.get("data"), "the task's data").get(PROMPTS_KEY)
        prompts = PromptSet(()) if given is None else parse_prompts(given, refuse_masks)
        require_labels(prompts.labels.values(), binding)
        answer = self._parts.annotation_service.pre_annotate(canvas, prompts)
        return None if answer is None or answer.run is None else self._prediction(canvas, answer.run)

    def _prediction(self, canvas: UserTask, run: MaskRun | None, *, prompts: PromptSet | None = None) -> Prediction:
        """prompts: what a person said on the canvas: a video's boxes of theirs stay as they are."""
        regions = []
        if run is not None:
            regions = build_regions(run, label_config=canvas.label_config, task=canvas.task, prompts=prompts)
        uncertainty = 1.0 if run is None else run_uncertainty(run)
        return {
            "model_version": canvas.model_version,
            "score": label_studio_score(uncertainty),
            "result": regions,
        }
