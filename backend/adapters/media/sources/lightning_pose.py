"""Zips of frames in Lightning Pose's layout: checked strictly and unpacked safely.

A zip holds `img%08d.png` files at its top level and `selected_frames.csv`, the list of frames to label. It may hold
context frames (two before and two after each), for all frames or for none. Every error names the file. A zip is
untrusted: paths outside its folder, links, and entries over the size or compression limits are refused before
unpacking.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import zipfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from backend.domain.errors import InvalidInput, MediaError

LIST = "selected_frames.csv"
IMAGE = re.compile(r"img(\d{8})\.png")
CONTEXT = 2
MOST_FILES = 100_000
LARGEST_BYTES = 20 * 2**30
LARGEST_FILE_BYTES = 256 * 2**20
LARGEST_LIST_BYTES = 4 * 2**20
MAX_COMPRESSION_RATIO = 200
"""PNG data hardly compress: an entry over this ratio is not a real image."""

PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class UnpackedFrames:
    """names, numbers: of the frames to label, ascending. context: whether the folder has all their context frames."""

    folder: Path
    names: tuple[str, ...]
    numbers: tuple[int, ...]
    context: bool


def image_name(number: int) -> str:
    return f"img{number:08d}.png"


def unpack_frames(path: Path, root: Path) -> UnpackedFrames:
    """Check a zip and unpack its frames, all or none, into a folder of `root` named by the zip's content hash.

    Raises MediaError or InvalidInput naming the file and the fault.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = _checked(path, archive.infolist())
            selected = _selected(path, archive, entries)
            context = _has_context(path, selected, entries)
            folder = _unpacked(path, archive, entries, root)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise MediaError(f"{path.name} cannot be read as a zip: {error}") from error
    names = tuple(sorted(selected))
    return UnpackedFrames(folder, names, tuple(_number(name) for name in names), context)


def _checked(path: Path, infos: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The checked entries by name. Raises MediaError."""
    if len(infos) > MOST_FILES:
        raise MediaError(f"{path.name} holds {len(infos)} files; at most {MOST_FILES} are unpacked")
    entries: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        fault = _fault(info)
        if fault:
            raise MediaError(f"{path.name}: {info.filename[:80]!r} {fault}")
        if info.filename in entries:
            raise MediaError(f"{path.name}: {info.filename!r} is in it twice")
        entries[info.filename] = info
    if sum(info.file_size for info in infos) > LARGEST_BYTES:
        raise MediaError(f"{path.name} would unpack to more than {LARGEST_BYTES // 2**30} GiB")
    if LIST not in entries:
        raise MediaError(f"{path.name} has no {LIST}, the list of the frames to label")
    return entries


def _fault(info: zipfile.ZipInfo) -> str:
    name, kind = info.filename, stat.S_IFMT(info.external_attr >> 16)
    if kind and not stat.S_ISREG(kind):
        return "is a link, a folder or a device; the zip must hold plain files only"
    if name.startswith(("/", "\\")) or ".." in name.replace("\\", "/").split("/") or ":" in name:
        return "is a path outside the zip's folder"
    if "/" in name or "\\" in name:
        return "lies in a folder; the frames must lie at the top of the zip"
    if name != LIST and not IMAGE.fullmatch(name):
        return f"is neither {LIST} nor an image named like img00000143.png (eight digits)"
    if info.flag_bits & 0x1:
        return "is encrypted; make the zip without a password"
    if info.file_size > (LARGEST_LIST_BYTES if name == LIST else LARGEST_FILE_BYTES):
        return f"unpacks to {info.file_size} bytes, which is too large"
    if info.file_size > MAX_COMPRESSION_RATIO * max(info.compress_size, 1) and info.file_size > 2**20:
        return f"expands from {info.compress_size} to {info.file_size} bytes; it is not a real image"
    return ""


def _selected(path: Path, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo]) -> list[str]:
    """The frames to label, in the list's order. Raises InvalidInput for a missing or repeated one."""
    try:
        text = archive.read(entries[LIST]).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path.name}: {LIST} is not UTF-8 text") from error
    lines = [line.strip().rstrip(",") for line in text.splitlines()]
    chosen: list[str] = []
    for place, name in enumerate(lines, 1):
        if not name:
            continue
        if not IMAGE.fullmatch(name):
            raise InvalidInput(f"{path.name}: {LIST}, line {place}: {name[:80]!r} is not a name like img00000143.png")
        if name not in entries:
            raise InvalidInput(f"{path.name}: {LIST}, line {place}: {name} is not in the zip")
        if name in chosen[-1:] or name in set(chosen):
            raise InvalidInput(f"{path.name}: {LIST}, line {place}: {name} is listed twice")
        chosen.append(name)
    if not chosen:
        raise InvalidInput(f"{path.name}: {LIST} lists no frames")
    return chosen


def _has_context(path: Path, selected: Sequence[str], entries: Iterable[str]) -> bool:
    """Whether every frame to label has its context frames. Raises InvalidInput if only some have."""
    present = {_number(name) for name in entries if name != LIST}
    chosen = {_number(name) for name in selected}
    unexpected = present - chosen - {n + d for n in chosen for d in range(-CONTEXT, CONTEXT + 1)}
    if unexpected:
        raise InvalidInput(
            f"{path.name}: {image_name(min(unexpected))} is neither listed in {LIST} nor within {CONTEXT} frames of "
            "one that is"
        )
    if present == chosen:
        return False
    # A context may be cut off at frame 0 and at the end of the video. The zip does not have the video's length: the
    # last listed frame may lack frames after it.
    last = max(chosen)
    for number in sorted(chosen):
        for near in range(max(0, number - CONTEXT), number + CONTEXT + 1):
            if near not in present and not (number == last and near > number):
                raise InvalidInput(
                    f"{path.name}: {image_name(near)} is missing, a context frame of {image_name(number)}; "
                    "include the context frames of all frames or of none"
                )
    return True


def _unpacked(path: Path, archive: zipfile.ZipFile, entries: dict[str, zipfile.ZipInfo], root: Path) -> Path:
    with path.open("rb") as file:
        folder = root / f"frames-{hashlib.file_digest(file, 'sha256').hexdigest()[:32]}"
    if folder.is_dir():
        return folder
    part = root / f".{uuid4().hex}.part"
    try:
        part.mkdir(parents=True)
        for name, info in entries.items():
            if name != LIST:
                _unpack(path, archive, info, part / name)
        with suppress(FileExistsError):
            part.rename(folder)
    except OSError as error:
        raise MediaError(
            f"{path.name} cannot be unpacked into {root}: {error.strerror}; free some space and import it again"
        ) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder


def _unpack(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path) -> None:
    """Unpack one image. Raises MediaError if the data exceed the entry's declared size."""
    with archive.open(info) as packed, target.open("xb") as file:
        head = packed.read(len(PNG))
        if head != PNG:
            raise MediaError(f"{path.name}: {info.filename} is not a PNG image")
        file.write(head)
        written = len(head)
        while chunk := packed.read(2**20):
            written += len(chunk)
            if written > info.file_size:
                raise MediaError(f"{path.name}: {info.filename} unpacks to more bytes than its entry declares")
            file.write(chunk)


def _number(name: str) -> int:
    found = IMAGE.fullmatch(name)
    assert found is not None, "_fault has checked the name"
    return int(found[1])
