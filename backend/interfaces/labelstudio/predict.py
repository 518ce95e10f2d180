"""The model of Label Studio's ML library: a LabelStudioMLBase whose masks are computed by worker processes.

One instance serves one request, with that request's project and label config, and keeps no state. It translates Label
Studio's JSON; the annotation service and the interactive predictor do the work.
"""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.reading.fields import as_list, as_object
from backend.adapters.labelstudio.reading.task import media_of_task
from backend.adapters.labelstudio.reading.unshown_media import unshown
from backend.adapters.labelstudio.writing.regions import build_regions
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.prompt_file import parse_prompts, refuse_masks
from backend.application.annotation.propagate_range import newest_run
from backend.application.jobs.push_predictions import task_score
from backend.application.ports.requests.prewarm import PrewarmRequest, frames_around
from backend.bootstrap.web import WebParts
from backend.domain.errors import MaskletError, ServiceUnavailable
from backend.domain.jobs import PushState
from backend.domain.masklets import MaskRun
from backend.domain.prompts import PromptSet
from backend.domain.tasks import TaskKey
from backend.domain.video import VideoInfo
from backend.interfaces.labelstudio.anonymous_claims import AnonymousClaims
from backend.interfaces.labelstudio.frame_numbering import info_of, wait_for_status
from backend.interfaces.labelstudio.interactive import InteractivePredictor
from backend.interfaces.labelstudio.page_masks import Key
from backend.interfaces.labelstudio.tasks import require_labels, task_key, user_task_of
from backend.interfaces.labelstudio.unfinished_tracks import UnfinishedTracks

logger = logging.getLogger(__name__)

PROMPTS_KEY = "prompts"
"""The field of a task's data that may hold prompts, in the prompt file's form."""

ANNOUNCEMENT_POLL_S = 0.1

PUSH_S = 30.0
"""How long before and after the time of a push an answer could be stored beside the prediction that is pushed."""

PENDING = "not all masks were ready in time: the rest follows as the task's prediction"

Prediction = dict[str, object]
"""A task's answer: {"model_version", "score", "result"}."""


@contextmanager
def _without_torch() -> Iterator[None]:
    """Keeps an import from loading torch.

    label_studio_ml imports torch.multiprocessing where torch is installed and works without it. The web process needs
    none of torch's half gigabyte: None in sys.modules makes the import fail as if torch were not installed. A process
    that has loaded torch already (a test process) keeps it. The package's sources also cause warnings (escape
    sequences) when Python first compiles them; these are suppressed.
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
        """Types of the used part of the library, which has none."""

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

        The base class does not receive the config: it would parse it with a parser that follows entities.
        """
        super().__init__()
        self.label_config = label_config
        self._project_id = int(project_id.partition(".")[0]) if project_id else None
        self._parts = parts

    @property
    def model_version(self) -> str:
        """The version of the workers' model; a name ending in "-starting" before a worker announced one."""
        model = self._parts.models.announced()
        return f"masklet-{self._parts.settings.model}-starting" if model is None else model.version

    @property
    def binding(self) -> Binding:
        """The label config's binding. Raises LabelConfigError."""
        return read_binding(self.label_config or "")

    def predict(
        self,
        tasks: Sequence[object],
        context: Mapping[str, object] | None = None,
        *,
        give_up_s: float | None = None,
        **ignored: object,
    ) -> list[Prediction | list[Prediction]]:
        """One answer per task, in order; an empty list for a task without masks.

        With regions in context it answers an annotator's prompt on the only task, and raises its errors. Without, it
        answers a batch: a task that cannot be answered gets an empty list and a line in the log.
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
        """Prewarms the first frames of a task that comes alone: an annotator is opening it."""
        frame_count = self._parts.settings.prewarm_frames
        try:
            task = as_object(task, "task")
            key = task_key(task, project_id=self._project_id)
            media = media_of_task(task, binding, task_id=key.task_id)
        except MaskletError:
            return  # _answer_or_nothing reports the error
        if (blank := unshown(media, key.project_id)) is not None:
            logger.warning("task %s is open: %s", key, blank)
        if frame_count:
            self._parts.prewarm_channel.request(PrewarmRequest(media, frames_around(0, frame_count), task=key))

    def _announced_version(self, give_up_s: float) -> str:
        clock = self._parts.clock
        while (model := self._parts.models.announced()) is None:
            if clock.monotonic_s() >= give_up_s:
                raise ServiceUnavailable("no worker has announced its model yet; start one with: masklet worker")
            clock.sleep(ANNOUNCEMENT_POLL_S)
        return model.version

    def _user_task(self, task: Mapping[str, object], version: str) -> UserTask:
        key = task_key(task, project_id=self._project_id)
        return user_task_of(task, key, label_config=self.label_config or "", model_version=version)

    # an annotator's prompt

    def _answer_prompt(
        self, task: Mapping[str, object], context: Mapping[str, object], *, version: str, give_up_s: float
    ) -> Prediction:
        user_task = self._user_task(task, version)
        clock = self._parts.clock
        video = self._video(user_task, give_up_s=give_up_s)
        tracks = UnfinishedTracks(self._parts.key_values)
        if video is not None:
            tracks.note(user_task.task, version, as_list(context.get("result"), "context.result"))
        deadline_s = max(give_up_s - clock.monotonic_s(), 0.0)
        reply = InteractivePredictor(self._parts, read_binding(user_task.label_config), video).answer(
            user_task, task, context, deadline_s=deadline_s
        )
        regions = self._regions(user_task, reply.run, prompts=reply.prompts, cleared=reply.cleared)
        if video is not None and reply.is_pending:
            tracks.note(user_task.task, version, regions)
        prediction = self._prediction(user_task, reply.run, regions)
        return {**prediction, "pending": PENDING} if reply.is_pending else prediction

    def _video(self, user_task: UserTask, *, give_up_s: float) -> VideoInfo | None:
        """The video's info, by the media status or the newest masks; None for pages."""
        parts = self._parts
        if not read_binding(user_task.label_config).is_video:
            return None
        if parts.prewarm_channel.status(user_task.media) is None:
            newest = newest_run(parts.annotation_service, user_task.task, user_task.model_version)
            if newest is not None and newest.run is not None:
                return newest.run.video
        return info_of(
            wait_for_status(
                parts.prewarm_channel, parts.clock, user_task.media, task=user_task.task, give_up_s=give_up_s
            )
        )

    # a batch

    def _answer_or_nothing(self, task: object, binding: Binding, *, version: str) -> Prediction | list[Prediction]:
        name = task.get("id") if isinstance(task, dict) else None
        try:
            answer = self._pre_annotated(as_object(task, "task"), binding, version=version)
        except MaskletError as error:
            logger.warning("task %.20r is left out: %s: %s", name, type(error).__name__, str(error)[:500])
            return []
        except Exception:  # one task's error must not cost the others their answers
            logger.exception("task %.20r is left out", name)
            return []
        return answer or []

    def _pre_annotated(self, task: Mapping[str, object], binding: Binding, *, version: str) -> Prediction | None:
        user_task = self._user_task(task, version)
        given = as_object(task.get("data"), "the task's data").get(PROMPTS_KEY)
        prompts = PromptSet(()) if given is None else parse_prompts(given, refuse_masks)
        require_labels(prompts.labels.values(), binding)
        # Label Studio asks whenever somebody opens the task. The clicks of a person with a draft are that person's.
        AnonymousClaims(self._parts, binding).claim_by_drafts(user_task)
        answer = self._parts.annotation_service.pre_annotate(user_task, prompts)
        if answer is None or answer.run is None or self._is_pushed_now(user_task.task, answer.job.job_id):
            return None
        return self._prediction(user_task, answer.run, self._regions(user_task, answer.run))

    def _is_pushed_now(self, task: TaskKey, job_id: str) -> bool:
        """Whether a job's masks reach Label Studio about now without its request, which would store them once more."""
        push = self._parts.ledger.latest_push(task, job_id=job_id)
        if push is None or push.state is PushState.REFUSED:
            return False
        return abs(self._parts.clock.now_s() - push.next_try_s) < PUSH_S

    def _regions(
        self,
        user_task: UserTask,
        run: MaskRun | None,
        *,
        prompts: PromptSet | None = None,
        cleared: frozenset[Key] = frozenset(),
    ) -> list[dict[str, object]]:
        """prompts, cleared: as for `build_regions`."""
        if run is None:
            return []
        config = user_task.label_config
        return build_regions(run, label_config=config, task=user_task.task, prompts=prompts, cleared=cleared)

    def _prediction(self, user_task: UserTask, run: MaskRun | None, regions: list[dict[str, object]]) -> Prediction:
        return {
            "model_version": user_task.model_version,
            "score": 0.0 if run is None else task_score(run),
            "result": regions,
        }
