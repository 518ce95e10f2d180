"""File names of videos: safe on every file system and in every tool's lists, unique, stable."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import parse_qs, unquote, urlsplit

from backend.application.ports.datasets import DatasetEntry, PlannedVideo

LONGEST = 60
TAKEN = frozenset(
    ("manifest", "manifest.json", "files.sha256", "seqmap.txt", "images", "labels", "annotations", "pages")
)
"""Names that formats write beside the videos' files."""

DEVICES = frozenset(("con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))))
"""Names that Windows reserves, with any extension."""

SEGMENT = re.compile(r"(.+) \[(\d+)/(\d+)\]")
"""The name of a segment's task, such as clip.mp4 [02/14]."""

STORAGE = re.compile(r"(?!https?:)[a-z0-9-]+://")
RESOLVER = re.compile(r".*/(?:tasks|projects)/\d+/resolve/?")
"""Label Studio's path to files in cloud storage; the address there is in its query."""

NOT_PLAIN = re.compile(r"[^A-Za-z0-9._-]+")


def planned(entries: Sequence[DatasetEntry]) -> tuple[PlannedVideo, ...]:
    """Each video with its folder name.

    A name of at most 60 letters, digits, dots, dashes and underscores stays as it is; of any other name the readable
    part stays, with a hash of the whole. All videos of one name (ignoring case) get a hash of their keys, so that no
    folder depends on the order.
    """
    names = [safe_name(entry.name) for entry in entries]
    times = Counter(name.lower() for name in names)
    folders = [
        f"{name}-{_tag(entry.key)}" if times[name.lower()] > 1 else name
        for name, entry in zip(names, entries, strict=True)
    ]
    return tuple(PlannedVideo(entry, folder) for entry, folder in zip(entries, folders, strict=True))


def safe_name(name: str) -> str:
    """The name if it is plain, else its readable part and a hash of the whole."""
    plain = NOT_PLAIN.sub("_", name).strip("._-")[:LONGEST].rstrip("._-")
    taken = plain.lower() in TAKEN or plain.lower().partition(".")[0] in DEVICES
    return plain if plain == name and plain and not taken else f"{plain or 'video'}-{_tag(name)}"


def _tag(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def name_of_address(address: str) -> str:
    """The file name in a media address, without extension; empty without one."""
    return path_stem(file_of_address(address))


def file_of_address(address: str) -> str:
    """The file name in a media address, also of Label Studio's local files and storages; empty without one."""
    if "/" not in address:
        return ""
    if STORAGE.match(address):
        return PurePosixPath(address).name  # a key is no web address: % and ? are characters of the name
    parts = urlsplit(address)
    query = parse_qs(parts.query)
    if RESOLVER.fullmatch(parts.path) and "fileuri" in query:
        return file_of_address(_decoded(query["fileuri"][0]))
    is_local = parts.path.rstrip("/").endswith("/local-files")
    path = query["d"][0] if is_local and "d" in query else parts.path
    return PurePosixPath(unquote(path).strip()).name


def _decoded(fileuri: str) -> str:
    """The storage's address in a query of Label Studio's resolver; empty if it is none."""
    try:
        return base64.urlsafe_b64decode(fileuri).decode()
    except ValueError:
        return ""


def clip_name(clip: str) -> str:
    """The name of a task's clip: a file's name without its suffix; of a segment with its number, as clip_02-of-14."""
    segment = SEGMENT.fullmatch(clip.strip())
    return path_stem(clip) if segment is None else f"{path_stem(segment[1])}_{segment[2]}-of-{segment[3]}"


def path_stem(path: str) -> str:
    return PurePosixPath(path.strip()).stem
