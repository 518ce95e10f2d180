"""The JSON of the player's API: masks, prompts, jobs and requests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backend.adapters.labelstudio.reading.fields import as_flag, as_list, as_number, as_object, as_text, as_whole
from backend.application.player.current_masks import CurrentMask
from backend.application.player.detections import FoundObjects
from backend.application.player.project_view import ProjectSummary, TaskProgress
from backend.application.player.prompt_edits import EditResult
from backend.application.player.propagation import WantedRange
from backend.application.player.runs import UserRun
from backend.application.player.task_view import OpenedTask, object_id_of, objects_of
from backend.application.player.timeline import Timeline
from backend.application.ports.player_ledger import PromptCount
from backend.codecs.coco_rle import box_rel, decode_mask, encode_mask
from backend.domain.errors import MalformedRequest, PromptError
from backend.domain.geometry import Box, Point
from backend.domain.jobs import Job, JobState
from backend.domain.masklets import EncodedMask
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.verdicts import GivenVerdict, ShownVerdict, Verdict
from backend.domain.video import Direction, FrameIndex, FrameRange

Json = Mapping[str, object]
MAX_POINTS = 1000
MAX_RLE_CHARS = 16 * 2**20
MAX_FRAME = 2**31 - 1
MAX_COMMENT_CHARS = 2000


def mask_form(mask: CurrentMask) -> dict[str, object]:
    box = mask.box or (None if mask.mask is None else box_rel(mask.mask))
    return {
        "object": mask.object_id,
        "frame": mask.frame_index,
        "rle": None if mask.mask is None else _rle_form(mask.mask),
        "origin": str(mask.origin),
        "uncertainty": round(mask.uncertainty, 4),
        "box": None if box is None else _box_form(box),
    }


def mask_forms(masks: Iterable[CurrentMask]) -> list[dict[str, object]]:
    return [mask_form(mask) for mask in masks]


def found_form(found: FoundObjects) -> dict[str, object]:
    boxes = [{"box": _box_form(each.box), "score": each.score} for each in found.detections]
    return {"detections": boxes, "known": found.known}


def prompt_forms(prompts: PromptSet) -> list[dict[str, object]]:
    return [
        {
            "object": prompt.object_id,
            "frame": prompt.frame_index,
            "points": [[p.point.x_rel, p.point.y_rel, int(p.positive)] for p in prompt.points],
            "box": None if prompt.box is None else _box_form(prompt.box),
            "mask": None if prompt.mask is None else _rle_form(encode_mask(prompt.mask)),
        }
        for prompt in prompts
    ]


def object_forms(prompts: PromptSet, opened: OpenedTask) -> list[dict[str, object]]:
    return [{"id": entry.object_id, "label": entry.label} for entry in objects_of(prompts, opened.labels)]


def edit_form(result: EditResult, opened: OpenedTask) -> dict[str, object]:
    return {
        "masks": mask_forms(result.masks),
        "prompts": prompt_forms(result.prompts),
        "objects": object_forms(result.prompts, opened),
        "revision": result.revision,
    }


def job_form(run: UserRun, frame_count: int, *, frames_per_s: float | None = None) -> dict[str, object]:
    """A propagation. detail: why it failed."""
    job, frames = run.job, run.request.frames
    state = "cancelled" if job.state is JobState.SUPERSEDED else str(job.state)
    return {
        "id": job.job_id,
        "state": state,
        "done": job.done,
        "total": job.total or frame_count,
        "frames_per_s": None if frames_per_s is None else round(frames_per_s, 2),
        "detail": _sentence(job),
        "start": 0 if frames is None else frames.start,
        "stop": frame_count if frames is None else frames.stop,
    }


def timeline_form(timeline: Timeline) -> dict[str, object]:
    return {
        "objects": {
            object_id: {
                "present": [[frames.start, frames.stop] for frames in lane.present],
                "absent": [[frames.start, frames.stop] for frames in lane.absent],
                "human": list(lane.human),
                "uncertainty": [[frame, round(value, 4)] for frame, value in lane.uncertainty],
            }
            for object_id, lane in timeline.lanes.items()
        },
        "next_uncertain": [
            {"frame": each.frame_index, "object": each.object_id, "gain": round(each.gain, 4)}
            for each in timeline.next_uncertain
        ],
    }


def users_form(counts: Iterable[PromptCount], caller: str) -> dict[str, object]:
    """The people with prompts on a task."""
    return {
        "users": [
            {
                "user": count.user,
                "objects": count.objects,
                "human_frames": count.human_frames,
                "is_you": count.user == caller,
            }
            for count in counts
        ]
    }


def verdicts_form(verdicts: Iterable[ShownVerdict]) -> dict[str, object]:
    """object: null for the whole task."""
    return {
        "verdicts": [
            {
                "object": each.given.object_id,
                "verdict": str(each.given.verdict),
                "comment": each.given.comment,
                "is_outdated": each.is_outdated,
            }
            for each in verdicts
        ]
    }


def objection_forms(verdicts: Iterable[GivenVerdict]) -> list[dict[str, object]]:
    return [{"verdict": str(each.verdict), "comment": each.comment} for each in verdicts]


def progress_forms(tasks: Iterable[TaskProgress]) -> list[dict[str, object]]:
    """verdict: on the whole task; null without one."""
    return [
        {
            "task": each.task.task_id,
            "state": str(each.state),
            "objects": each.objects,
            "human_frames": each.human_frames,
            "verdict": next((str(given.verdict) for given in each.verdicts if given.object_id is None), None),
            "object_verdicts": {
                given.object_id: str(given.verdict) for given in each.verdicts if given.object_id is not None
            },
        }
        for each in tasks
    ]


def summary_form(summary: ProjectSummary, total: int) -> dict[str, object]:
    """total: the tasks of the project that the person sees."""
    return {
        "tasks": total,
        "prompted_tasks": summary.tasks,
        "objects": summary.objects,
        "human_frames": summary.human_frames,
        "task_verdicts": summary.task_verdicts,
        "object_verdicts": summary.object_verdicts,
    }


def verdict_of(document: Json) -> tuple[Verdict, str]:
    """Verdict and comment of a PUT. Raises MalformedRequest naming the field."""
    verdict = document.get("verdict")
    if verdict not in tuple(Verdict):
        raise MalformedRequest(f"verdict must be one of {', '.join(Verdict)}")
    return Verdict(str(verdict)), as_text(document.get("comment") or "", "comment", longest=MAX_COMMENT_CHARS)


def prompt_of(document: Json, object_id: ObjectId, frame: FrameIndex, opened: OpenedTask) -> FramePrompt:
    """The prompt of a PUT. Raises MalformedRequest or PromptError naming the field."""
    points = as_list(document.get("points") or [], "points")
    if len(points) > MAX_POINTS:
        raise PromptError(f"a prompt has at most {MAX_POINTS} points, got {len(points)}")
    box, mask = document.get("box"), document.get("mask")
    return FramePrompt(
        object_id,
        frame,
        tuple(point_of(point, f"points[{position}]") for position, point in enumerate(points)),
        None if box is None else _box_of(box),
        None if mask is None else decode_mask(_rle_of(mask, opened)),
    )


def label_of(document: Json, object_id: ObjectId, opened: OpenedTask) -> str:
    """The label of a PUT; without one, the object's id, or the config's only label."""
    given = document.get("label")
    if given is not None:
        return as_text(given, "label")
    return opened.labels[0].name if len(opened.labels) == 1 else str(object_id)


def point_of(value: object, where: str) -> PointPrompt:
    """[x, y, 1 or 0], relative. Raises MalformedRequest or PromptError."""
    entry = as_list(value, where)
    if len(entry) != 3:
        raise MalformedRequest(f"{where} must be [x, y, 1 or 0]")
    x, y = (as_number(number, where) for number in entry[:2])
    return PointPrompt(Point(x, y), as_flag(entry[2], where))


def wanted_range_of(document: Json) -> WantedRange:
    """Raises MalformedRequest or PromptError naming the field."""
    direction = document.get("direction", Direction.FORWARD)
    if direction not in tuple(Direction):
        raise MalformedRequest(f"direction must be one of {', '.join(Direction)}")
    count, objects = document.get("count"), document.get("objects")
    return WantedRange(
        frame_of(document.get("start"), "start"),
        Direction(str(direction)),
        None if count is None else as_whole(count, "count", least=1, most=MAX_FRAME),
        None if objects is None else tuple(object_of(each) for each in as_list(objects, "objects")),
        as_whole(document.get("skip", 0), "skip", least=0, most=MAX_FRAME),
    )


def frame_range_of(start: object, stop: object) -> FrameRange:
    """Raises MalformedRequest or PromptError."""
    return FrameRange(frame_of(start, "start"), frame_of(stop, "stop"))


def frame_of(value: object, where: str) -> FrameIndex:
    return FrameIndex(as_whole(value, where, least=0, most=MAX_FRAME))


def object_of(value: object) -> ObjectId:
    return object_id_of(as_text(value, "object"))


def frames_of(document: Json, most: int) -> tuple[FrameIndex, ...]:
    frames = as_list(document.get("frames"), "frames")
    return tuple(frame_of(frame, f"frames[{position}]") for position, frame in enumerate(frames[:most]))


def _box_of(value: object) -> Box:
    corners = [as_number(number, "box") for number in as_list(value, "box")]
    if len(corners) != 4:
        raise MalformedRequest("box must be [x0, y0, x1, y1]")
    return Box(*corners)


def _rle_of(value: object, opened: OpenedTask) -> EncodedMask:
    """The size is checked before anything of that size is made."""
    fields, size = as_object(value, "mask"), opened.info.size
    shape = [as_whole(side, "mask.size", least=1, most=MAX_FRAME) for side in as_list(fields.get("size"), "mask.size")]
    if shape != [size.height, size.width]:
        raise PromptError(f"mask.size must be [{size.height}, {size.width}], the video's height and width, got {shape}")
    return EncodedMask(size.height, size.width, as_text(fields.get("counts"), "mask.counts", longest=MAX_RLE_CHARS))


def _rle_form(mask: EncodedMask) -> dict[str, object]:
    return {"size": [mask.height, mask.width], "counts": mask.counts}


def _box_form(box: Box) -> list[float]:
    return [box.x0_rel, box.y0_rel, box.x1_rel, box.y1_rel]


def _sentence(job: Job) -> str:
    """The recorded reason without its class name; empty while nothing is wrong."""
    if job.state not in (JobState.FAILED, JobState.CANCELLED, JobState.SUPERSEDED):
        return ""
    return job.reason.partition(": ")[2] or job.reason
