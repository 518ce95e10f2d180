"""Tasks as the player opens them: read from Label Studio, with the video's properties from a worker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from backend.adapters.labelstudio.config.task_data import with_task_data
from backend.adapters.labelstudio.reading.player_config import labels_of, player_media
from backend.application.annotation.annotation_service import UserTask
from backend.application.player.task_view import OpenedTask
from backend.application.ports.requests.prewarm import PrewarmRequest
from backend.domain.errors import ServiceUnavailable, error_of
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import FrameIndex, VideoInfo
from backend.interfaces.http.app_state import AppState
from backend.interfaces.http.player.renewed import Renewed
from backend.interfaces.labelstudio.frame_numbering import info_of_run, wait_for_status

FRESH_S = 5.0
"""How long a task and its label config are used before Label Studio is asked again. Opening a task never uses older
ones."""

LONGEST_S = 60.0
"""How long they are used by other calls while Label Studio is asked beside them."""

TASKS_KEPT = 256
OPENING_WAIT_S = 5.0
"""The longest wait for a worker in calls that need the video."""


class Opening(ServiceUnavailable):
    """A worker has yet to open the media; asking again soon may help."""


@dataclass(frozen=True, slots=True)
class _Record:
    data: Mapping[str, object]
    label_config: str


class PlayerTasks:
    """Opens tasks. Thread-safe; keeps the last tasks in memory."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._records: Renewed[TaskKey, _Record] = Renewed(
            TASKS_KEPT, state.parts.clock, renew_after_s=FRESH_S, longest_s=LONGEST_S
        )

    def user_task(self, task: TaskKey, user: str, *, longest_s: float = LONGEST_S) -> UserTask:
        """The user task. Raises ServiceUnavailable without a Label Studio or before a worker announced its model.

        longest_s: the highest age of the task's data and label config.
        """
        record = self._records.get(task, lambda: self._read(task), longest_s=longest_s)
        config = with_task_data(record.label_config, record.data)
        version = self._state.require_model_version()
        return UserTask(task, player_media(record.data, config, task_id=task.task_id), config, version, user)

    def media(self, task: TaskKey) -> MediaRef:
        """The media of a task. Raises ServiceUnavailable without a Label Studio."""
        record = self._records.get(task, lambda: self._read(task), longest_s=LONGEST_S)
        config = with_task_data(record.label_config, record.data)
        return player_media(record.data, config, task_id=task.task_id)

    def open(
        self, task: TaskKey, user: str, *, wait_s: float = OPENING_WAIT_S, longest_s: float = LONGEST_S
    ) -> OpenedTask:
        """The task with its video's properties; asks a worker to open the media. longest_s: as for `user_task`.

        Raises Opening if none has done so within wait_s, or the worker's error.
        """
        user_task = self.user_task(task, user, longest_s=longest_s)
        return OpenedTask(user_task, self._info(user_task, wait_s), labels_of(user_task.label_config))

    def _info(self, user_task: UserTask, wait_s: float) -> VideoInfo:
        parts = self._state.parts
        status = parts.prewarm_channel.status(user_task.media)
        if status is None:
            parts.prewarm_channel.request(PrewarmRequest(user_task.media, (FrameIndex(0),), task=user_task.task))
            known = info_of_run(parts.annotation_service, user_task)
            if known is not None:
                return known
            give_up_s = parts.clock.monotonic_s() + wait_s
            try:
                status = wait_for_status(
                    parts.prewarm_channel,
                    parts.clock,
                    user_task.media,
                    task=user_task.task,
                    give_up_s=give_up_s,
                    frames=(FrameIndex(0),),
                )
            except ServiceUnavailable as error:
                raise Opening("A worker is opening the video; without a worker, start one: masklet worker") from error
        if status.info is None:
            raise error_of(status.error or "MediaError: the media could not be opened")
        return status.info

    def _read(self, task: TaskKey) -> _Record:
        reader = self._state.parts.label_studio
        if reader is None:
            raise ServiceUnavailable("no Label Studio is set; put its address in LABEL_STUDIO_URL")
        return _Record(reader.fetch_task(task).data, reader.label_config(task.project_id))
