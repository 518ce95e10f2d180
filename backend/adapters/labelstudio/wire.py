"""Types of Label Studio's JSON, as its page and its API send and accept it.

The types describe what Label Studio 1.23 sends; they guarantee nothing. `reading.fields` checks every incoming value.
"""

from __future__ import annotations

from typing import NotRequired, Required, TypedDict


class Keyframe(TypedDict, total=False):
    """One entry of a video region's sequence. frame is 1-based; x, y, width, height are percent of the frame."""

    frame: Required[int]
    enabled: bool
    time: float
    x: float
    y: float
    width: float
    height: float
    rotation: float


class Vertex(TypedDict):
    """A corner of a VideoVector polygon, percent of the frame; id names the same corner in all keyframes."""

    id: str
    x: float
    y: float


class VectorKeyframe(TypedDict):
    frame: int
    enabled: bool
    time: float
    closed: bool
    vertices: list[Vertex]


class Region(TypedDict):
    """One item of a `result`. Regions of pages and images have original_*, item_index (0-based) and image_rotation."""

    id: str
    from_name: str
    to_name: str
    type: str
    value: dict[str, object]
    origin: NotRequired[str]
    score: NotRequired[float]
    item_index: NotRequired[int]
    original_width: NotRequired[int]
    original_height: NotRequired[int]
    image_rotation: NotRequired[int]
    is_positive: NotRequired[bool]
    readonly: NotRequired[bool]
    meta: NotRequired[dict[str, object]]


class Prediction(TypedDict):
    """One task's answer in a reply to /predict. model_version must not be null."""

    model_version: str
    score: float
    result: list[dict[str, object]]


class PredictReply(TypedDict):
    """The reply to /predict: one entry per task, in order; an empty list stores nothing."""

    results: list[Prediction | list[Prediction]]


class Task(TypedDict, total=False):
    """A task as /predict and /api/tasks send it. drafts: the current user's only."""

    id: Required[int]
    project: int
    data: Required[dict[str, object]]
    annotations: list[dict[str, object]]
    drafts: list[dict[str, object]]
    predictions: list[dict[str, object]]


class Context(TypedDict, total=False):
    """params.context of an interactive /predict: the regions not accepted yet."""

    result: list[dict[str, object]]


class PredictParams(TypedDict, total=False):
    login: str
    password: str
    context: Context | None


class PredictBody(TypedDict, total=False):
    """The body of POST /predict. project is "ID.TIMESTAMP"."""

    tasks: Required[list[Task]]
    project: str
    label_config: str
    params: PredictParams
