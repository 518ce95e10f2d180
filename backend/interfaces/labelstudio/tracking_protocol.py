"""/predict for clients that track in the page: `context.event` says what they want (see docs/protocol.md).

Such a client holds prompts and masks itself: prompts come whole with every call, masks go out as PNGs, and nothing
of it becomes the task's prediction. What cannot be read is refused with the field's name; what goes wrong with a
track is told in the reply's value, where these clients look for it.
"""

from __future__ import annotations

from dataclasses import dataclass

from backend.adapters.labelstudio.config.label_config import Binding, read_binding
from backend.adapters.labelstudio.reading.fields import as_text
from backend.adapters.labelstudio.tracking_wire import (
    UNNAMED,
    milliseconds,
    picture_of,
    prompts_of_event,
    targets_of,
    whole_number,
)
from backend.adapters.labelstudio.writing.regions import region_id
from backend.application.annotation.annotation_service import UserTask
from backend.application.annotation.tracking_sessions import SessionPage, TrackingSessions, covered_range
from backend.application.jobs.push_predictions import run_uncertainty
from backend.application.ports.prewarm import WIDEST_WINDOW, MediaStatus, PrewarmRequest
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
from backend.domain.scoring import label_studio_score
from backend.domain.tasks import MediaRef
from backend.domain.video import Direction, FrameIndex, frame_at_time
from backend.interfaces.labelstudio.frame_numbering import info_of, seen
from backend.interfaces.labelstudio.tasks import task_key, user_task_of
from backend.interfaces.labelstudio.tracking_calls import EventCall, Json

USUAL_FRAMES = 300
USUAL_WINDOW = 20
PROGRESS_PATIENCE_S = 1.0
"""How long a track_progress is held for something new. Short, for it holds a thread; clients ask again at once."""

PREWARM_PATIENCE_S = 5.0

Value = dict[str, object]


@dataclass(frozen=True, slots=True)
class TrackingCall:
    """The task that a call is about, with what its label config means."""

    canvas: UserTask
    binding: Binding
    context: Json


class TrackingProtocol:
    """Answers one call. give_up_s: when the reply is due at the latest, on the clock's monotonic scale."""

    def __init__(self, parts: WebParts, call: EventCall, *, version: str, give_up_s: float) -> None:
        self._parts = parts
        self._call = call
        self._version = version
        self._give_up_s = give_up_s
        self._sessions = TrackingSessions(parts.annotation_service, parts.session_cursors)

    def answer(self) -> Value:
        """One entry of the reply's results. Raises what is wrong with the call itself."""
        binding = read_binding(self._call.label_config)
        if self._call.event == "capabilities":
            return self._entry([{"id": "capabilities", "type": "capabilities", "value": self._capabilities(binding)}])
        scene = self._scene(binding)
        event = self._call.event
        if event == "track" and binding.mode is OutputMode.KEYFRAME:
            event = "predict"  # one image has nowhere to track to
        if event == "predict":
            return self._predict(scene)
        kind, value = {
            "prewarm": self._prewarm,
            "track": self._track,
            "track_progress": self._progress,
            "track_cancel": self._cancel,
            "release": self._release,
        }[event](scene)
        return self._entry([self._item(scene, kind, value)])

    def _scene(self, binding: Binding) -> TrackingCall:
        if self._call.task is None:
            raise MalformedRequest(f"invalid field 'tasks': the event {self._call.event!r} is about one task")
        project = self._call.project.partition(".")[0]
        key = task_key(self._call.task, project_id=int(project) if project else None)
        canvas = user_task_of(self._call.task, key, label_config=self._call.label_config, model_version=self._version)
        return TrackingCall(canvas, binding, self._call.context)

    # what each event does

    def _capabilities(self, binding: Binding) -> Value:
        model = self._parts.models.announced()
        return {
            "prompts": ["point", "box"],
            "targets": targets_of(binding),
            "model_info": {"name": "SAM2", "version": self._version if model is None else model.version},
        }

    def _predict(self, scene: TrackingCall) -> Value:
        frame_index = self._frame(scene)
        prompts = prompts_of_event(scene.context, frame_index)
        if not prompts:
            return self._entry([])
        left_s = max(self._give_up_s - self._parts.clock.monotonic_s(), 0.0)
        answer = self._parts.annotation_service.preview(scene.canvas, prompts, frame_index, deadline_s=left_s)
        assert answer.run is not None, "a preview that is done has masks"
        items = []
        for masklet in answer.run.masklets:
            for frame in masklet.frames:
                value = {**picture_of(frame.mask).as_value(), **_named(masklet.object_id)}
                items.append(self._item(scene, "bitmask", value, object_id=masklet.object_id, frame_index=frame_index))
        return self._entry(items, score=label_studio_score(run_uncertainty(answer.run)))

    def _prewarm(self, scene: TrackingCall) -> tuple[str, Value]:
        window = min(whole_number(scene.context, "window", default=USUAL_WINDOW), WIDEST_WINDOW)
        direction = _direction(scene.context, (Direction.FORWARD, Direction.BACKWARD))
        try:
            sight = self._sight(scene.canvas.media, patience_s=PREWARM_PATIENCE_S)
            info = info_of(sight)
            start = self._frame_within(scene, sight)
            span = covered_range(start, direction, window, frame_count=info.frame_count)
        except (MalformedRequest, PromptError):
            raise
        except MaskletError as error:
            return "prewarm_ack", {"status": "error", "error": str(error)}
        wanted = list(range(span.start, span.stop))
        if direction is Direction.BACKWARD:
            wanted.reverse()
        self._parts.prewarm_channel.request(
            PrewarmRequest(scene.canvas.media, tuple(FrameIndex(index) for index in wanted))
        )
        cached = [index for index in wanted if index in sight.ready]
        return "prewarm_ack", {
            "status": "ok",
            "cached": cached,
            "pending": [index for index in wanted if index not in cached],
            "frame_count": info.frame_count,
        }

    def _track(self, scene: TrackingCall) -> tuple[str, Value]:
        direction = _direction(scene.context, tuple(Direction))
        count = whole_number(scene.context, "max_frames", default=USUAL_FRAMES)
        duration_ms = milliseconds(scene.context, "max_duration_ms")
        try:
            sight = self._sight(scene.canvas.media)
            info = info_of(sight)
            start = self._frame_within(scene, sight)
            prompts = prompts_of_event(scene.context, start)
            if duration_ms is not None:
                count = round(duration_ms / 1000 * info.frame_rate)
            span = covered_range(start, direction, count, frame_count=info.frame_count)
            job = self._sessions.start(scene.canvas, prompts, span=span, direction=direction)
        except MaskletError as error:
            if isinstance(error, MalformedRequest):
                raise
            return "track_error", {"error": str(error), "done": True}
        fps = float(info.frame_rate)
        return "track_started", {
            "session_id": job.job_id,
            "total_frames": len(span),
            "fps": fps,
            "duration_ms": round(len(span) / fps * 1000),
            "cursor": 0,
        }

    def _progress(self, scene: TrackingCall) -> tuple[str, Value]:
        session_id = self._session_id(scene)
        try:
            self._sessions.find(scene.canvas.task, session_id)
        except NotFound:
            return "track_progress", {"error": "session not found", "done": True}
        named = scene.context.get("cursor")
        cursor = None if named is None else whole_number(scene.context, "cursor", default=0)
        left_s = max(self._give_up_s - self._parts.clock.monotonic_s(), 0.0)
        try:
            patience_s = min(PROGRESS_PATIENCE_S, left_s)
            reading = self._sessions.read(scene.canvas.task, session_id, cursor, patience_s=patience_s)
        except NotFound as error:
            return "track_progress", {"error": str(error), "done": True}
        sight = self._parts.prewarm_channel.status(scene.canvas.media)
        return "track_progress", _progress_value(reading, sight)

    def _cancel(self, scene: TrackingCall) -> tuple[str, Value]:
        was_there = self._sessions.cancel(scene.canvas.task, self._session_id(scene))
        return "track_cancel_ack", {"status": "cancelled" if was_there else "not_found"}

    def _release(self, scene: TrackingCall) -> tuple[str, Value]:
        ended = self._sessions.release(scene.canvas)
        self._parts.prewarm_channel.request(PrewarmRequest(scene.canvas.media, (), forget=True))
        return "release_ack", {"status": "released", "cancelled": ended}

    # what they need to know

    def _session_id(self, scene: TrackingCall) -> str:
        return as_text(scene.context.get("session_id"), "context.session_id", longest=100)

    def _frame(self, scene: TrackingCall) -> FrameIndex:
        """The frame that the call is about. Only a time needs to know the video; a worker checks a frame number."""
        if milliseconds(scene.context, "time_ms") is None:
            return FrameIndex(max(whole_number(scene.context, "frame", default=1) - 1, 0))
        return self._frame_within(scene, self._sight(scene.canvas.media))

    def _frame_within(self, scene: TrackingCall, sight: MediaStatus) -> FrameIndex:
        time_ms = milliseconds(scene.context, "time_ms")
        if time_ms is not None:
            return frame_at_time(time_ms / 1000, sight.timestamps_s)
        frame_index = max(whole_number(scene.context, "frame", default=1) - 1, 0)
        return info_of(sight).require_frame(frame_index)

    def _sight(self, media: MediaRef, *, patience_s: float | None = None) -> MediaStatus:
        """What a worker saw of the media, having one look if none has. Raises what it met, or ServiceUnavailable."""
        give_up_s = self._give_up_s
        if patience_s is not None:
            give_up_s = min(give_up_s, self._parts.clock.monotonic_s() + patience_s)
        frames = (FrameIndex(0),) if media.is_pages else ()
        return seen(self._parts.prewarm_channel, self._parts.clock, media, give_up_s=give_up_s, frames=frames)

    # replies

    def _entry(self, items: list[Value], *, score: float = 0.0) -> Value:
        return {"model_version": self._version, "score": score, "result": items}

    def _item(
        self,
        scene: TrackingCall,
        kind: str,
        value: Value,
        *,
        object_id: ObjectId = UNNAMED,
        frame_index: int = 0,
    ) -> Value:
        return {
            "id": region_id(scene.canvas.task, object_id, frame_index),
            "from_name": scene.binding.outputs[0].name,
            "to_name": scene.binding.to_name,
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


def _named(object_id: ObjectId) -> Value:
    return {} if object_id == UNNAMED else {"labels": [object_id]}


def _progress_value(reading: SessionPage, sight: MediaStatus | None) -> Value:
    job = reading.job
    times_s = () if sight is None else sight.timestamps_s
    frames = [_frame_value(object_id, frame, times_s) for object_id, frame in reading.frames]
    ended = reading.is_over and job.state is not JobState.DONE
    total = len(reading.request.frames) if reading.request.frames else job.total
    return {
        "frames": frames,
        "produced": min(max(job.done, 0), total),
        "total": total,
        "done": reading.is_over,
        "error": str(error_of(job.reason or f"Cancelled: the session is {job.state}")) if ended else None,
        "cursor": reading.cursor,
    }


def _frame_value(object_id: ObjectId, frame: MaskletFrame, times_s: tuple[float, ...]) -> Value:
    index = frame.frame_index
    return {
        "frame": index,
        "time_ms": round(times_s[index] * 1000, 3) if index < len(times_s) else None,
        **picture_of(frame.mask).as_value(),
        "score": round(label_studio_score(frame.uncertainty), 4),
        **_named(object_id),
    }
