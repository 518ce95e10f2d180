"""Requests and prompts as JSON, and back: for the ledger, and for hovers on the queue's server.

Numbers keep their exact value (a prompt set must have the same digest after a round trip); masks are COCO run
lengths. The shape is versioned by the ledger's schema.
"""

from __future__ import annotations

import functools
import json
from typing import Literal, NotRequired, TypedDict

from backend.codecs.coco_rle import decode_mask, encode_mask
from backend.domain.frame_grid import FrameGrid
from backend.domain.geometry import Box, Point
from backend.domain.jobs import PreviewRequest, PropagationRequest
from backend.domain.masklets import EncodedMask
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.replan import Scope
from backend.domain.tasks import MediaRef, TaskKey
from backend.domain.video import Direction, FrameIndex, FrameRange

Request = PreviewRequest | PropagationRequest
PROMPTS_KEPT = 8192


class PromptBody(TypedDict):
    """A prompt's content: points [x, y, positive], box [x0, y0, x1, y1], relative; mask [height, width, counts].

    automatic: the score of a prompt that a program made; not there for a person's.
    """

    points: list[tuple[float, float, bool]]
    box: NotRequired[tuple[float, float, float, float]]
    mask: NotRequired[tuple[int, int, str]]
    automatic: NotRequired[float]


class PromptRecord(TypedDict):
    object: str
    frame: int
    body: PromptBody


class RequestRecord(TypedDict):
    kind: Literal["preview", "propagation"]
    project: int
    task: int
    addresses: list[str]
    is_pages: bool
    prompts: list[PromptRecord]
    labels: list[tuple[str, str]]
    model_version: str
    frame: NotRequired[int]
    direction: NotRequired[str]
    frames: NotRequired[tuple[int, int]]
    label_config: NotRequired[str]
    scope: NotRequired[str]
    user: NotRequired[str]
    session: NotRequired[str]
    objects: NotRequired[list[str]]
    grid: NotRequired[tuple[int, int]]


def dump_prompt(prompt: FramePrompt) -> str:
    """The content of a prompt, without object and frame, as JSON."""
    return _dump(_body_of(prompt))


def load_prompt(object_id: str, frame_index: int, text: str) -> FramePrompt:
    # A mask is large; clicks and boxes are kept, because all of an object's are read several times for each click.
    return _loaded(object_id, frame_index, text) if '"mask":' in text else _kept(object_id, frame_index, text)


def _loaded(object_id: str, frame_index: int, text: str) -> FramePrompt:
    body: PromptBody = json.loads(text)
    return _prompt_of(object_id, frame_index, body)


_kept = functools.lru_cache(maxsize=PROMPTS_KEPT)(_loaded)


def dump_request(request: Request) -> str:
    record: RequestRecord = {
        "kind": "preview",
        "project": request.task.project_id,
        "task": request.task.task_id,
        "addresses": list(request.media.addresses),
        "is_pages": request.media.is_pages,
        "prompts": [
            {"object": str(p.object_id), "frame": int(p.frame_index), "body": _body_of(p)} for p in request.prompts
        ],
        "labels": [(str(object_id), label) for object_id, label in request.prompts.labels.items()],
        "model_version": request.model_version,
        "user": request.user,
    }
    if isinstance(request, PreviewRequest):
        record["frame"] = int(request.frame_index)
        return _dump(record)
    record["kind"] = "propagation"
    record["direction"] = str(request.direction)
    record["label_config"] = request.label_config
    record["scope"] = str(request.scope)
    if request.session:
        record["session"] = request.session
    if request.objects is not None:
        record["objects"] = list(map(str, request.objects))
    if request.grid is not None:
        record["grid"] = (request.grid.start, request.grid.stride)
    if request.frames is not None:
        record["frames"] = (request.frames.start, request.frames.stop)
    return _dump(record)


def load_request(text: str) -> Request:
    record: RequestRecord = json.loads(text)
    task = TaskKey(record["project"], record["task"])
    media = MediaRef(tuple(record["addresses"]), record["is_pages"])
    prompts = PromptSet(
        tuple(_prompt_of(item["object"], item["frame"], item["body"]) for item in record["prompts"]),
        {ObjectId(object_id): label for object_id, label in record["labels"]},
    )
    if record["kind"] == "preview":
        user = record.get("user", "")
        return PreviewRequest(task, media, prompts, FrameIndex(record["frame"]), record["model_version"], user)
    frames, objects, grid = record.get("frames"), record.get("objects"), record.get("grid")
    return PropagationRequest(
        task,
        media,
        prompts,
        Direction(record["direction"]),
        frames=None if frames is None else FrameRange(FrameIndex(frames[0]), FrameIndex(frames[1])),
        label_config=record["label_config"],
        model_version=record["model_version"],
        scope=Scope(record.get("scope", Scope.ONWARD)),
        user=record.get("user", ""),
        session=record.get("session", ""),
        objects=None if objects is None else tuple(map(ObjectId, objects)),
        grid=None if grid is None else FrameGrid(FrameIndex(grid[0]), grid[1]),
    )


def prompted_of_request(text: str) -> frozenset[tuple[ObjectId, FrameIndex]]:
    """The objects and frames of a request's prompts, without their content."""
    record: RequestRecord = json.loads(text)
    return frozenset((ObjectId(item["object"]), FrameIndex(item["frame"])) for item in record["prompts"])


def _body_of(prompt: FramePrompt) -> PromptBody:
    body: PromptBody = {"points": [(p.point.x_rel, p.point.y_rel, p.positive) for p in prompt.points]}
    if prompt.box is not None:
        body["box"] = (prompt.box.x0_rel, prompt.box.y0_rel, prompt.box.x1_rel, prompt.box.y1_rel)
    if prompt.mask is not None:
        encoded = encode_mask(prompt.mask)
        body["mask"] = (encoded.height, encoded.width, encoded.counts)
    if prompt.automatic is not None:
        body["automatic"] = prompt.automatic
    return body


def _prompt_of(object_id: str, frame_index: int, body: PromptBody) -> FramePrompt:
    box = body.get("box")
    mask = body.get("mask")
    return FramePrompt(
        ObjectId(object_id),
        FrameIndex(frame_index),
        tuple(PointPrompt(Point(x, y), positive) for x, y, positive in body["points"]),
        None if box is None else Box(*box),
        None if mask is None else decode_mask(EncodedMask(*mask)),
        body.get("automatic"),
    )


def _dump(value: PromptBody | RequestRecord) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
