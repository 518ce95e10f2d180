"""The prompt file: prompts for `masklet propagate` and for task data.

    {"objects": [{"id": "cat", "label": "Cat", "prompts": [
        {"frame": 0, "points": [[0.41, 0.52, 1], [0.7, 0.2, 0]], "box": [0.3, 0.2, 0.6, 0.8]},
        {"frame": 30, "mask": "mask30.png"}]}]}

Frame indices are 0-based, coordinates relative to the frame (0..1), polarity 1 positive and 0 negative as in SAM 2.
Every error names its place in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeGuard

from backend.domain.errors import PromptError
from backend.domain.geometry import BoolMask, Box, Point
from backend.domain.prompts import FramePrompt, ObjectId, PointPrompt, PromptSet
from backend.domain.video import FrameIndex

ReadMask = Callable[[str], BoolMask]
"""Reads the mask image that a prompt names; [H, W] bool. Raises PromptError if it cannot."""


def parse_prompts(document: object, read_mask: ReadMask) -> PromptSet:
    """The prompts of a parsed prompt file. Raises PromptError with the place of the fault."""
    objects = _list(_field(document, "objects", "the prompt file"), "objects")
    if not objects:
        raise PromptError("the prompt file names no objects: 'objects' is empty")
    labels: dict[ObjectId, str] = {}
    prompts: list[FramePrompt] = []
    for position, entry in enumerate(objects):
        where = f"objects[{position}]"
        object_id = ObjectId(_text(_field(entry, "id", where), f"{where}.id"))
        if object_id in labels:
            raise PromptError(f"{where}.id: {object_id!r} is there twice; give each object an id of its own")
        labels[object_id] = _label(entry, object_id, where)
        prompts.extend(_prompts_of(entry, object_id, where=where, read_mask=read_mask))
    return PromptSet.of(prompts, labels)


def refuse_masks(name: str) -> BoolMask:
    """A ReadMask that refuses every file, for task data."""
    raise PromptError(f"mask {name!r}: a mask file can be named in a prompt file only, not in task data")


def _prompts_of(entry: object, object_id: ObjectId, *, where: str, read_mask: ReadMask) -> Iterator[FramePrompt]:
    listed = _list(_field(entry, "prompts", where), f"{where}.prompts")
    if not listed:
        raise PromptError(f"{where}.prompts is empty; give {object_id!r} a point, a box or a mask on some frame")
    for position, prompt in enumerate(listed):
        yield _prompt(prompt, object_id, where=f"{where}.prompts[{position}]", read_mask=read_mask)


def _prompt(entry: object, object_id: ObjectId, *, where: str, read_mask: ReadMask) -> FramePrompt:
    fields = _mapping(entry, where)
    unknown = set(fields) - {"frame", "points", "box", "mask"}
    if unknown:
        raise PromptError(f"{where}: unknown field {sorted(unknown)[0]!r}; there are frame, points, box and mask")
    frame = fields.get("frame")
    if not isinstance(frame, int) or isinstance(frame, bool) or frame < 0:
        raise PromptError(f"{where}.frame must be a whole number from 0, got {frame!r}")
    listed = _list(fields.get("points") or [], f"{where}.points")
    points = tuple(_point(value, f"{where}.points[{number}]") for number, value in enumerate(listed))
    box = _box(fields["box"], f"{where}.box") if fields.get("box") is not None else None
    mask = None
    if fields.get("mask") is not None:
        mask = read_mask(_text(fields["mask"], f"{where}.mask"))
    try:
        return FramePrompt(object_id, FrameIndex(frame), points, box, mask)
    except PromptError as error:
        raise PromptError(f"{where}: {error}") from error


def _point(value: object, where: str) -> PointPrompt:
    numbers = _numbers(value, where)
    if len(numbers) not in (2, 3) or (len(numbers) == 3 and numbers[2] not in (0, 1)):
        raise PromptError(f"{where} must be [x, y, polarity] with polarity 1 (on the object) or 0 (not), got {value!r}")
    try:
        return PointPrompt(Point(numbers[0], numbers[1]), positive=len(numbers) == 2 or numbers[2] == 1)
    except PromptError as error:
        raise PromptError(f"{where}: {error}") from error


def _box(value: object, where: str) -> Box:
    numbers = _numbers(value, where)
    if len(numbers) != 4:
        raise PromptError(f"{where} must be [x0, y0, x1, y1], got {value!r}")
    try:
        return Box(*numbers)
    except PromptError as error:
        raise PromptError(f"{where}: {error}") from error


def _label(entry: object, object_id: ObjectId, where: str) -> str:
    label = _mapping(entry, where).get("label")
    return str(object_id) if label is None else _text(label, f"{where}.label")


def _field(document: object, name: str, where: str) -> object:
    fields = _mapping(document, where)
    if name not in fields:
        raise PromptError(f"{where}: {name!r} is missing")
    return fields[name]


def _mapping(value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise PromptError(f"{where} must be an object with named fields, got {type(value).__name__}")
    return value


def _list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise PromptError(f"{where} must be a list, got {type(value).__name__}")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str) or not value or len(value) > 200:
        raise PromptError(f"{where} must be a text of 1 to 200 characters")
    return value


def _numbers(value: object, where: str) -> Sequence[float]:
    if not _is_numbers(value):
        raise PromptError(f"{where} must be a list of numbers, got {value!r}")
    return [float(number) for number in value]


def _is_numbers(value: object) -> TypeGuard[list[float]]:
    return isinstance(value, list) and all(isinstance(n, int | float) and not isinstance(n, bool) for n in value)
