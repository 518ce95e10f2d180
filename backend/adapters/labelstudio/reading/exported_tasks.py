"""First masks and boxes of objects from Label Studio's JSON: a project's export, or Masklet's export of that format.

A task counts by its newest annotation that was not cancelled, or else by its newest prediction. `drawn_regions` says
which regions and labels count. Page n is frame n - 1 of the video, or the frame that the task's data names for it.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from backend.adapters.labelstudio.config.label_config import Binding
from backend.adapters.labelstudio.reading.context import prompt_set
from backend.adapters.labelstudio.reading.drawn_regions import drawn_regions
from backend.adapters.labelstudio.reading.fields import Json, as_list, as_object
from backend.application.exports.naming import name_of_address, path_stem
from backend.domain.errors import MalformedRequest, PromptError
from backend.domain.geometry import BoolMask, Box
from backend.domain.prompts import PromptSet
from backend.domain.timeline import FrameClock

LARGEST_FILE_BYTES = 512 * 2**20
UPLOAD = re.compile(r"[0-9a-f]{8}-(.+)")
"""Label Studio puts eight digits before the name of an upload."""

RANGES = re.compile(r"[0-9]{1,9}(?:-[0-9]{1,9})?")
MOST_SHOWN = 8


@dataclass(frozen=True, slots=True, eq=False)
class TaskObject:
    """An object on the first of its frames. frame: of the video, 0-based. mask: [H, W] bool."""

    key: str
    frame: int
    label: str
    box: Box | None = None
    mask: BoolMask | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ReadTasks:
    """left_out: counts of what a person drew and no object has, by kind."""

    objects: list[TaskObject]
    left_out: Mapping[str, int]


def read_tasks(path: Path, names: Sequence[str], binding: Binding, clock: Callable[[], FrameClock | None]) -> ReadTasks:
    """The objects of the tasks of a video, which has one of these names. clock: the page's, asked for videos.

    binding: of the label config; a single other name of the picture's tag is accepted.
    Raises PromptError naming the videos that the file has, or the file and the fault.
    """
    tasks = [task for task in _tasks(path) if not task.names.isdisjoint(names)]
    if not tasks:
        known = sorted({name for task in _tasks(path) for name in task.names})
        shown = ", ".join(map(repr, known[:MOST_SHOWN])) + (" and more" if known[MOST_SHOWN:] else "")
        raise PromptError(
            f"{path} has no task of {names[0]!r}; it has tasks of {shown or 'no video'}; import videos that it has "
            "nothing for without --prompts"
        )
    found: dict[str, TaskObject] = {}
    left_out: Counter[str] = Counter()
    for task in tasks:
        for each in _objects(task, binding, clock, left_out):
            if each.key not in found or each.frame < found[each.key].frame:
                found[each.key] = each
    if not found:
        raise PromptError(f"{path} has no region for {names[0]!r}: it is neither annotated nor predicted there")
    return ReadTasks(list(found.values()), +left_out)


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """result: the counted regions. frames: of the pages; None: page n is frame n - 1."""

    place: str
    names: frozenset[str]
    result: Sequence[object]
    frames: Sequence[int] | None


def _objects(
    task: _Task, binding: Binding, clock: Callable[[], FrameClock | None], left_out: Counter[str]
) -> Iterator[TaskObject]:
    drawn = drawn_regions(task.result, _of_tag(binding, task.result), where=f"{task.place}.result")
    left_out.update(drawn.left_out)
    prompts: PromptSet = prompt_set(
        drawn.regions, known=None, clock=clock() if binding.is_video else None, left_out=left_out
    )
    for object_id in prompts.object_ids:
        first = next((p for p in prompts.of_object(object_id) if p.mask is None or p.mask.any()), None)
        if first is not None:
            frame = int(first.frame_index)
            if task.frames is not None and not binding.is_video:
                if frame >= len(task.frames):
                    raise PromptError(f"{task.place}: a region is on page {frame + 1} of {len(task.frames)}")
                frame = task.frames[frame]
            yield TaskObject(str(object_id), frame, prompts.labels[object_id], first.box, first.mask)


def _of_tag(binding: Binding, result: Sequence[object]) -> Binding:
    """The binding with the tag's name in the results, where they have one name only."""
    names = {item.get("to_name") for item in result if isinstance(item, Mapping) and "to_name" in item}
    name = names.pop() if len(names) == 1 else binding.to_name
    return replace(binding, to_name=name) if isinstance(name, str) else binding


@lru_cache(maxsize=2)
def _tasks(path: Path) -> tuple[_Task, ...]:
    try:
        if path.stat().st_size > LARGEST_FILE_BYTES:
            raise PromptError(f"{path} is larger than {LARGEST_FILE_BYTES // 2**20} MiB")
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise PromptError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PromptError(f"{path} is not JSON: {error}") from error
    if not isinstance(document, list):
        raise PromptError(f"{path} must be a list of tasks, as Label Studio's JSON export has it")
    try:
        return tuple(_task(as_object(task, f"{path}[{at}]"), f"{path}[{at}]") for at, task in enumerate(document))
    except MalformedRequest as error:
        raise PromptError(f"{error}; the file must be Label Studio's JSON export") from error


def _task(task: Json, place: str) -> _Task:
    data = as_object(task.get("data"), f"{place}.data")
    annotations = [each for each in _list(task, "annotations", place) if not each.get("was_cancelled")]
    newest = next(iter((annotations or _list(task, "predictions", place))[-1:]), {})
    result = as_list(newest.get("result", []), f"{place}.result")
    facts = data.get("masklet")
    return _Task(place, frozenset(_names(data)), result, _frames(facts) if isinstance(facts, Mapping) else None)


def _list(task: Json, name: str, place: str) -> list[Json]:
    listed = as_list(task.get(name) or [], f"{place}.{name}")
    return [as_object(each, f"{place}.{name}") for each in listed]


def _names(data: Json) -> Iterator[str]:
    """The names that a task's data has for its video."""
    facts = data.get("masklet")
    named = facts.get("video") if isinstance(facts, Mapping) else None
    for value in (named, *data.values()):
        text = value
        if isinstance(value, list) and value and isinstance(value[0], str):
            text = value[0].rpartition("/")[0]  # the folder of pages
        if not isinstance(text, str) or not text:
            continue
        name = name_of_address(text) or path_stem(text)
        uploaded = UPLOAD.fullmatch(name)
        yield from (name, text, *([uploaded[1]] if uploaded else []))


def _frames(facts: Json) -> Sequence[int] | None:
    """The frames that an import's task shows, by page."""
    start, stop, listed = facts.get("start"), facts.get("stop"), facts.get("frames")
    if isinstance(listed, str):
        ranges = [[int(number) for number in part.split("-")] for part in RANGES.findall(listed)]
        return [frame for ends in ranges for frame in range(ends[0], ends[-1] + 1)]
    return range(start, stop) if type(start) is int and type(stop) is int else None
