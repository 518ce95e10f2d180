"""/predict for tracking clients, whose calls name a `context.event` (see docs/protocol.md).

A tracking client holds prompts and masks itself: every call has all prompts, masks are sent as PNGs, and none of them
becomes the task's prediction. A malformed call is refused with the field's name. An error of a session is reported in
the reply's value, as these clients expect.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.reading.fields import as_text
from backend.adapters.labelstudio.tracking_wire import (
    UNNAMED,
    mask_image_of,
    milliseconds,
    prompts_of_event,
    targets_of,
    whole_number,
)
from backend.adapters.labelstudio.writing.regions import region_id
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.tracking_sessions import SessionPage, TrackingSessions, covered_range
from backend.application.jobs.push_predictions import task_score
from backend.application.ports.requests.prewarm import MAX_WINDOW, MediaStatus, PrewarmRequest
from backend.bootstrap.web import WebParts
from backend.domain.errors import (
    MalformedRequest,
    MaskletError,
    NotFound,
    PromptError,
    error_of,
)
from backend.domain.jobs import JobState, OutputMode
from backend.domain.masklets import MaskletFrame
from backend.domain.prompts import ObjectId
from backend.domain.uncertainty.scoring import label_studio_score
from backend.domain.video import Direction, FrameIndex, frame_at_time
from backend.interfaces.labelstudio.frame_numbering import info_of, wait_for_status
from backend.interfaces.labelstudio.tasks import task_key, user_task_of
from backend.interfaces.labelstudio.tracking_calls import EventCall, Json

DEFAULT_FRAMES = 300
DEFAULT_WINDOW = 20
PROGRESS_WAIT_S = 1.0
"""How long track_progress waits for new frames. Short: it occupies a thread, and clients call again at once."""

PREWARM_WAIT_S = 5.0

Value = dict[str, object]


@dataclass(frozen=True, slots=True)
class TrackingCall:
    """A call's user task, label config binding and context."""

    user_task: UserTask
    binding: Binding
    context: Json


class TrackingProtocol:
    """Answers one call. give_up_s: when the reply is due, on the clock's monotonic scale."""

    def __init__(self, parts: WebParts, call: EventCall, *, version: str, give_up_s: float) -> None:
        self._parts = parts
        self._call = call
        self._version = version
        self._give_up_s = give_up_s
        self._sessions = TrackingSessions(parts.annotation_service, parts.session_cursors)

    def answer(self) -> Value:
        """One entry of the reply's results. Raises the errors of a malformed call."""
        binding = read_binding(self._call.label_config)
        if self._call.event == "capabilities":
            return self._entry([{"id": "capabilities", "type": "capabilities", "value": self._capabilities(binding)}])
        call = self._tracking_call(binding)
        event = self._call.event
        if event == "track" and binding.mode is OutputMode.KEYFRAME:
            event = "predict"  # a single image has no further frame
        if event == "predict":
            return self._predict(call)
        kind, value = {
            "prewarm": self._prewarm,
            "track": self._track,
            "track_progress": self._progress,
            "track_cancel": self._cancel,
            "release": self._release,
        }[event](call)
        return self._entry([self._item(call, kind, value)])

    def _tracking_call(self, binding: Binding) -> TrackingCall:
        if self._call.task is None:
            raise MalformedRequest(f"invalid field 'tasks': the event {self._call.event!r} is about one task")
        project = self._call.project.partition(".")[0]
        key = task_key(self._call.task, project_id=int(project) if project else None)
        user_task = user_task_of(
            self._call.task, key, label_config=self._call.label_config, model_version=self._version
        )
        return TrackingCall(user_task, binding, self._call.context)

    # events

    def _capabilities(self, binding: Binding) -> Value:
        model = self._parts.models.announced()
        return {
            "prompts": ["point", "box"],
            "targets": targets_of(binding),
            "model_info": {"name": "SAM2", "version": self._version if model is None else model.version},
        }

    def _predict(self, call: TrackingCall) -> Value:
        frame_index = self._frame(call)
        prompts = prompts_of_event(call.context, frame_index)
        if not prompts:
            return self._entry([])
        left_s = max(self._give_up_s - self._parts.clock.monotonic_s(), 0.0)
        self._parts.click_load.require_capacity(call.user_task, deadline_s=left_s)
        answer = self._parts.annotation_service.preview(call.user_task, prompts, frame_index, deadline_s=left_s)
        assert answer.run is not None, "a finished preview has masks"
        items = []
        for masklet in answer.run.masklets:
            for frame in masklet.frames:
                value = {**mask_image_of(frame.mask).as_value(), **_label_value(masklet.object_id)}
                items.append(self._item(call, "bitmask", value, object_id=masklet.object_id, frame_index=frame_index))
        return self._entry(items, score=task_score(answer.run))

    def _prewarm(self, call: TrackingCall) -> tuple[str, Value]:
        window = min(whole_number(call.context, "window", default=DEFAULT_WINDOW), MAX_WINDOW)
        direction = _direction(call.context, (Direction.FORWARD, Direction.BACKWARD))
        try:
            status = self._media_status(call.user_task, max_wait_s=PREWARM_WAIT_S)
            info = info_of(status)
            start = self._frame_within(call, status)
            frames = covered_range(start, direction, window, frame_count=info.frame_count)
        except (MalformedRequest, PromptError):
            raise
        except MaskletError as error:
            return "prewarm_ack", {"status": "error", "error": str(error)}
        ascending = range(frames.start, frames.stop)
        wanted = tuple(map(FrameIndex, reversed(ascending) if direction is Direction.BACKWARD else ascending))
        user_task = call.user_task
        self._parts.prewarm_channel.request(PrewarmRequest(user_task.media, wanted, task=user_task.task))
        cached = [index for index in wanted if index in status.ready]
        return "prewarm_ack", {
            "status": "ok",
            "cached": cached,
            "pending": [index for index in wanted if index not in cached],
            "frame_count": info.frame_count,
        }

    def _track(self, call: TrackingCall) -> tuple[str, Value]:
        direction = _direction(call.context, tuple(Direction))
        count = whole_number(call.context, "max_frames", default=DEFAULT_FRAMES)
        duration_ms = milliseconds(call.context, "max_duration_ms")
        try:
            status = self._media_status(call.user_task)
            info = info_of(status)
            start = self._frame_within(call, status)
            prompts = prompts_of_event(call.context, start)
            if duration_ms is not None:
                count = round(duration_ms / 1000 * info.frame_rate)
            frames = covered_range(start, direction, count, frame_count=info.frame_count)
            job = self._sessions.start(call.user_task, prompts, frame_range=frames, direction=direction)
        except MaskletError as error:
            if isinstance(error, MalformedRequest):
                raise
            return "track_error", {"error": str(error), "done": True}
        fps = float(info.frame_rate)
        return "track_started", {
            "session_id": job.job_id,
            "total_frames": len(frames),
            "fps": fps,
            "duration_ms": round(len(frames) / fps * 1000),
            "cursor": 0,
        }

    def _progress(self, call: TrackingCall) -> tuple[str, Value]:
        session_id = self._session_id(call)
        try:
            self._sessions.find(call.user_task.task, session_id)
        except NotFound:
            return "track_progress", {"error": "session not found", "done": True}
        given = call.context.get("cursor")
        cursor = None if given is None else whole_number(call.context, "cursor", default=0)
        left_s = max(self._give_up_s - self._parts.clock.monotonic_s(), 0.0)
        try:
            max_wait_s = min(PROGRESS_WAIT_S, left_s)
            page = self._sessions.read(call.user_task.task, session_id, cursor, patience_s=max_wait_s)
        except NotFound as error:
            return "track_progress", {"error": str(error), "done": True}
        status = self._parts.prewarm_channel.status(call.user_task.media)
        return "track_progress", _progress_value(page, status)

    def _cancel(self, call: TrackingCall) -> tuple[str, Value]:
        existed = self._sessions.cancel(call.user_task.task, self._session_id(call))
        return "track_cancel_ack", {"status": "cancelled" if existed else "not_found"}

    def _release(self, call: TrackingCall) -> tuple[str, Value]:
        user_task = call.user_task
        ended = self._sessions.release(user_task)
        self._parts.prewarm_channel.request(PrewarmRequest(user_task.media, (), forget=True, task=user_task.task))
        return "release_ack", {"status": "released", "cancelled": ended}

    # fields of the context

    def _session_id(self, call: TrackingCall) -> str:
        return as_text(call.context.get("session_id"), "context.session_id", longest=100)

    def _frame(self, call: TrackingCall) -> FrameIndex:
        """The call's frame index, 0-based. Only a time needs the video's info; a worker checks a frame number."""
        if milliseconds(call.context, "time_ms") is None:
            return FrameIndex(max(whole_number(call.context, "frame", default=1) - 1, 0))
        return self._frame_within(call, self._media_status(call.user_task))

    def _frame_within(self, call: TrackingCall, status: MediaStatus) -> FrameIndex:
        time_ms = milliseconds(call.context, "time_ms")
        if time_ms is not None:
            return frame_at_time(time_ms / 1000, status.timestamps_s)
        frame_index = max(whole_number(call.context, "frame", default=1) - 1, 0)
        return info_of(status).require_frame(frame_index)

    def _media_status(self, user_task: UserTask, *, max_wait_s: float | None = None) -> MediaStatus:
        """The media status, with a wait for a worker. Raises the worker's error, or ServiceUnavailable."""
        give_up_s = self._give_up_s
        if max_wait_s is not None:
            give_up_s = min(give_up_s, self._parts.clock.monotonic_s() + max_wait_s)
        return wait_for_status(
            self._parts.prewarm_channel,
            self._parts.clock,
            user_task.media,
            task=user_task.task,
            give_up_s=give_up_s,
            frames=(FrameIndex(0),) if user_task.media.is_pages else (),
        )

    # replies

    def _entry(self, items: list[Value], *, score: float = 0.0) -> Value:
        return {"model_version": self._version, "score": score, "result": items}

    def _item(
        self,
        call: TrackingCall,
        kind: str,
        value: Value,
        *,
        object_id: ObjectId = UNNAMED,
        frame_index: int = 0,
    ) -> Value:
        return {
            "id": region_id(call.user_task.task, object_id, frame_index),
            "from_name": call.binding.outputs[0].name,
            "to_name": call.binding.to_name,
            "type": kind,
            "origin": "manual",
            "value": value,
        }


def _direction(context: Json, choices: tuple[Direction, ...]) -> Direction:
    given = context.get("direction")
    if given is None:
        return Direction.FORWARD
    if not isinstance(given, str) or given not in choices:
        raise MalformedRequest(f"invalid field 'params.context.direction': it must be one of {', '.join(choices)}")
    return Direction(given)


def _label_value(object_id: ObjectId) -> Value:
    return {} if object_id == UNNAMED else {"labels": [object_id]}


def _progress_value(page: SessionPage, status: MediaStatus | None) -> Value:
    job = page.job
    times_s = () if status is None else status.timestamps_s
    frames = [_frame_value(object_id, frame, times_s) for object_id, frame in page.frames]
    ended = page.is_over and job.state is not JobState.DONE
    total = len(page.request.frames) if page.request.frames else job.total
    return {
        "frames": frames,
        "produced": min(max(job.done, 0), total),
        "total": total,
        "done": page.is_over,
        "error": str(error_of(job.reason or f"Cancelled: the session is {job.state}")) if ended else None,
        "cursor": page.cursor,
    }


def _frame_value(object_id: ObjectId, frame: MaskletFrame, times_s: tuple[float, ...]) -> Value:
    index = frame.frame_index
    return {
        "frame": index,
        "time_ms": round(times_s[index] * 1000, 3) if index < len(times_s) else None,
        **mask_image_of(frame.mask).as_value(),
        "score": round(label_studio_score(frame.uncertainty), 4),
        **_label_value(object_id),
    }
