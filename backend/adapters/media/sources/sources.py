"""The sources of an import from the command line: files, folders, globs, lists, existing tasks.

Owns the choice of files in a folder and the names of sources. Reads names only and opens no media: a file that is not a
video becomes an entry in the report and does not end the batch.
"""

from __future__ import annotations

import csv
import glob
import io
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from backend.application.imports.model import Source
from backend.domain.errors import InvalidInput

BROWSER_SUFFIXES = (".mp4", ".m4v", ".mov", ".webm", ".mkv")
# fmt: off
OTHER_SUFFIXES = (
    ".avi", ".mpg", ".mpeg", ".vob", ".wmv", ".asf", ".flv", ".ts", ".mts", ".m2ts", ".3gp", ".ogv", ".ogg", ".mxf",
    ".dv", ".rm", ".h264", ".264", ".m3u8", ".mpd",
)
# fmt: on
VIDEO_SUFFIXES = frozenset((*BROWSER_SUFFIXES, *OTHER_SUFFIXES))
"""Includes formats that no browser plays: they are reported or re-encoded."""

IMAGE_SUFFIXES = frozenset([".jpg", ".jpeg", ".png", ".webp", ".avif", ".bmp", ".gif", ".tif", ".tiff"])
LIST_SUFFIXES = frozenset((".csv", ".json"))
PATH_COLUMNS = ("video", "path", "file", "source")
OWN_COLUMNS = frozenset((*PATH_COLUMNS, "name", "prompts", "frames", "task"))
LARGEST_LIST_BYTES = 64 * 2**20
MOST_TASKS = 100_000
LONGEST_NAME = 200


def expand(arguments: Sequence[str]) -> list[Source]:
    """The sources of the arguments SOURCE..., in order, each with a unique name.

    Raises InvalidInput for an argument without sources or a list that cannot be read.
    """
    found: list[Source] = []
    for argument in arguments:
        before = len(found)
        found.extend(_expanded(argument))
        if len(found) == before:
            raise InvalidInput(f"{argument}: there is no video, folder of images, zip or list there")
    return _with_unique_names(found)


def _expanded(argument: str) -> Iterator[Source]:
    if argument.startswith("tasks:"):
        yield from (Source(f"task {number}", task_id=number) for number in task_numbers(argument))
        return
    path = Path(argument).expanduser()
    if path.is_dir():
        yield from _of_folder(path)
    elif path.is_file():
        yield from _of_list(path) if path.suffix.lower() in LIST_SUFFIXES else [Source(path.name, path)]
    elif glob.has_magic(argument):
        for name in sorted(glob.glob(str(path), recursive=True)):
            matched = Path(name)
            yield from _of_folder(matched) if matched.is_dir() else [Source(matched.name, matched)]
    else:
        raise InvalidInput(f"{argument}: there is no such file or folder")


def task_numbers(argument: str) -> list[int]:
    """The numbers in `tasks:3,7-9`. Raises InvalidInput."""
    text = argument.removeprefix("tasks:")
    numbers: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and len(part) < 24):
            raise InvalidInput(f"{argument}: tasks are named by their numbers, such as tasks:3,7-9")
        if int(last or first) - int(first) > MOST_TASKS:
            raise InvalidInput(f"{argument}: more than {MOST_TASKS} tasks are named")
        numbers.extend(range(int(first), int(last or first) + 1))
    return list(dict.fromkeys(numbers))


def _of_folder(root: Path) -> Iterator[Source]:
    """Videos and zips under a folder, and each folder of images without videos beside them as one source."""
    for folder, subfolders, files in os.walk(root):
        subfolders.sort()
        here = Path(folder)
        shown = [name for name in sorted(files) if not name.startswith(".")]
        media = [name for name in shown if Path(name).suffix.lower() in VIDEO_SUFFIXES | {".zip"}]
        pictures = sum(Path(name).suffix.lower() in IMAGE_SUFFIXES for name in shown)
        note = f"{pictures} pictures beside it are not imported; move them into a folder of their own"
        for name in media:
            yield Source(str((here / name).relative_to(root)), here / name, note=note if pictures else "")
            pictures = 0
        if not media and pictures:
            yield Source(root.name if here == root else str(here.relative_to(root)), here)


def _of_list(path: Path) -> Iterator[Source]:
    """A CSV with a header, or a JSON list of objects or of paths. Paths are relative to the list."""
    if path.stat().st_size > LARGEST_LIST_BYTES:
        raise InvalidInput(f"{path} is larger than {LARGEST_LIST_BYTES // 2**20} MiB; cut the list into several")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} is not UTF-8 text: {error.reason} at byte {error.start}") from error
    rows = _json_rows(path, text) if path.suffix.lower() == ".json" else _csv_rows(path, text)
    for place, row in rows:
        yield _of_row(path, place, row)


def _csv_rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    reader = csv.DictReader(io.StringIO(text, newline=""))
    names = [name.strip() for name in reader.fieldnames or []]
    if not set(names) & {*PATH_COLUMNS, "task"}:
        raise InvalidInput(f"{path} has no column named {', '.join(PATH_COLUMNS)} or task; its first line names them")
    for row in reader:
        place = f"{path}, line {reader.line_num}"
        if None in row:
            raise InvalidInput(f"{place}: it has more cells than the first line has names")
        yield place, {str(name).strip(): (value or "").strip() for name, value in row.items()}


def _json_rows(path: Path, text: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    try:
        document = json.loads(text)
    except ValueError as error:
        raise InvalidInput(f"{path} is not JSON: {error}") from error
    if not isinstance(document, list):
        raise InvalidInput(f"{path} must be a list of paths or of objects with a 'video'")
    for number, entry in enumerate(document):
        row = {"video": entry} if isinstance(entry, str) else entry
        if not isinstance(row, dict):
            raise InvalidInput(f"{path}, entry {number}: it must be a path or an object with a 'video'")
        yield f"{path}, entry {number}", row


def _of_row(path: Path, place: str, row: Mapping[str, object]) -> Source:
    given = {k: v for k, v in row.items() if k not in OWN_COLUMNS and v not in (None, "")}
    extra = {k: v if isinstance(v, list | dict) else str(v) for k, v in given.items()}
    prompts = _beside(path, str(row["prompts"])) if row.get("prompts") else ""
    frames = frame_numbers(row.get("frames"), place)
    if row.get("task"):
        (number,) = task_numbers(f"tasks:{row['task']}")[:1]
        return Source(f"task {number}", task_id=number, prompts=prompts, extra=extra, frames=frames)
    named = next((str(row[column]) for column in PATH_COLUMNS if row.get(column)), "")
    if not named:
        raise InvalidInput(f"{place}: it names no video")
    target = Path(_beside(path, named))
    name = str(row.get("name") or target.name)
    return Source(name, target, prompts=prompts, extra=extra, frames=frames)


def frame_numbers(value: object, place: str) -> tuple[int, ...]:
    """ "0-9 20" or [0, 5] as frame indices, ascending, each once. Raises InvalidInput."""
    if value in (None, "", []):
        return ()
    parts = [str(v) for v in value] if isinstance(value, list) else str(value).replace(";", " ").split()
    found: set[int] = set()
    for part in parts:
        first, _, last = part.partition("-")
        if not (first.isdecimal() and (last or first).isdecimal() and len(part) < 20):
            raise InvalidInput(f'{place}: frames must be numbers from 0, such as "0 5 20-29", got {part!r}')
        if int(last or first) - int(first) > 1_000_000:
            raise InvalidInput(f"{place}: frames {part} are more than a million")
        found.update(range(int(first), int(last or first) + 1))
    return tuple(sorted(found))


def _beside(path: Path, name: str) -> str:
    return str(path.parent / Path(name).expanduser())


def _with_unique_names(sources: Iterable[Source]) -> list[Source]:
    """Makes names unique: equal names get their folders as a prefix; names that are still equal get a number."""
    listed = list(sources)
    counts = Counter(source.name for source in listed)
    named = [
        replace(s, name=str(Path(*s.path.parts[-3:]))) if counts[s.name] > 1 and s.path is not None else s
        for s in listed
    ]
    used: Counter[str] = Counter()
    result = []
    for source in named:
        name = _printable(source.name)
        used[name] += 1
        result.append(replace(source, name=name if used[name] == 1 else f"{name} ({used[name]})"))
    return result


def _printable(name: str) -> str:
    """A name as text of at most LONGEST_NAME characters: invalid bytes are replaced, the beginning is cut."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace").strip() or "unnamed"
    return text if len(text) <= LONGEST_NAME else f"…{text[-(LONGEST_NAME - 1) :]}"
