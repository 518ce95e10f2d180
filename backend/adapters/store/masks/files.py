"""The objects of a run of masks: how they are named, written and read; knows nothing of what their lines mean.

    <run>/header.json                the video and the objects' labels
    <run>/000000_0-31.jsonl          a chunk: lines in the order they were made, of frames 0 to 31
    <run>/snapshot.bin               how to go on with an unfinished run, and the chunks that belong to it
    <run>/manifest.json              the chunks and their hashes: the run is complete

A chunk's name says which frames it has lines of, so that who looks at few frames opens few chunks. Every object is
written as a whole or not at all.

Where several machines write, header and chunks carry the name of their writer (header_WRITER.json,
000000_0-31_WRITER.jsonl), and the manifest has the header, too: the writers of one run touch nothing of each other, and
the first manifest makes the run.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from backend.adapters.store.objects.objects import Objects
from backend.domain.errors import IntegrityError, NotFound
from backend.domain.video import FrameRange

MANIFEST = "manifest.json"
SNAPSHOT = "snapshot.bin"

_CHUNK = re.compile(r"([0-9]+_([0-9]+)-([0-9]+))(?:_([0-9a-z]+))?\.jsonl")
_HEADER = re.compile(r"header(?:_([0-9a-z]+))?\.json")

Hashes = Mapping[str, str]
"""Chunk names and the SHA-256, hex, of their content."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a run consists of. hashes: None while the run is open. chunks: their names, in order."""

    run: str
    header: str
    chunks: Sequence[str]
    hashes: Hashes | None

    def chunks_of(self, frames: FrameRange | None) -> Sequence[str]:
        """The chunks that may have lines of these frames; None: all."""
        return self.chunks if frames is None else [name for name in self.chunks if _may_hold(name, frames)]


def writer_name() -> str:
    """A name for a writer among those of other machines. A later one comes later in the alphabet."""
    return f"{int(time.time() * 1000):012x}{secrets.token_hex(4)}"


def header_name(writer: str) -> str:
    return f"header_{writer}.json" if writer else "header.json"


def chunk_name(position: int, first_frame: int, last_frame: int, writer: str) -> str:
    return f"{position:06d}_{first_frame}-{last_frame}" + (f"_{writer}.jsonl" if writer else ".jsonl")


def chunk_name_of(writer: str, name: str) -> str:
    """The name that a chunk of another writer has in this one's run."""
    named = _CHUNK.fullmatch(name)
    return f"{named[1]}_{writer}.jsonl" if writer and named is not None else name


def contents_of(objects: Objects, run: str) -> Contents | None:
    """None for a run that nobody sees. Raises IntegrityError if the manifest is damaged.

    An open run is what its latest writer has made.
    """
    body = objects.get(f"{run}/{MANIFEST}")
    if body is not None:
        try:
            hashes: dict[str, str] = json.loads(body)
        except ValueError as error:
            raise IntegrityError(f"the manifest of run {run!r} is damaged; run the job again") from error
        header = next(filter(_HEADER.fullmatch, hashes), header_name(""))
        return Contents(run, header, sorted(name for name in hashes if name != header), hashes)
    names = objects.names(run)
    headers = [found for found in map(_HEADER.fullmatch, names) if found is not None]
    if not headers:
        return None
    latest = max(headers, key=lambda found: found[1] or "")
    return Contents(run, latest[0], [name for name in names if _is_chunk_of(latest[1] or "", name)], None)


def complete_contents_of(objects: Objects, run: str) -> Contents:
    """Raises NotFound if the run is not complete, IntegrityError."""
    contents = contents_of(objects, run)
    if contents is None or contents.hashes is None:
        raise NotFound(f"no masks are stored under {run!r}")
    return contents


def read_header(objects: Objects, contents: Contents) -> bytes | None:
    """None if it is gone. Raises IntegrityError."""
    (body,) = objects.read([f"{contents.run}/{contents.header}"])
    expected = None if contents.hashes is None else contents.hashes.get(contents.header)
    if body is not None and expected is not None and sha256(body).hexdigest() != expected:
        raise IntegrityError(f"the header of run {contents.run!r} is damaged; run the job again")
    return body


def read_lines(objects: Objects, contents: Contents, frames: FrameRange | None = None) -> Iterator[bytes]:
    """The lines of a run's chunks, in order; with frames, of those chunks only that may have lines of these frames.

    Raises IntegrityError.
    """
    for _, body in read_chunks(objects, contents, contents.chunks_of(frames)):
        yield from body.splitlines()


def read_chunks(objects: Objects, contents: Contents, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """The names and contents of these chunks of a run. Raises IntegrityError.

    Of an open run that is given up while it is read, there is what there is.
    """
    run, hashes = contents.run, contents.hashes
    for name, body in _read(objects, run, names):
        if body is None and hashes is None:
            return
        yield name, _verified(run, name, body, None if hashes is None else hashes[name])


def read_hashed(objects: Objects, run: str, hashes: Hashes) -> Iterator[tuple[str, bytes]]:
    """The names and contents of the chunks of a snapshot. Raises IntegrityError."""
    for name, body in _read(objects, run, list(hashes)):
        yield name, _verified(run, name, body, hashes[name])


def _read(objects: Objects, run: str, names: Sequence[str]) -> Iterable[tuple[str, bytes | None]]:
    return zip(names, objects.read([f"{run}/{name}" for name in names]), strict=True)


def _verified(run: str, name: str, body: bytes | None, expected: str | None) -> bytes:
    if body is None:
        raise IntegrityError(f"run {run!r} misses its file {name}; run the job again")
    if expected is not None and sha256(body).hexdigest() != expected:
        raise IntegrityError(f"file {name} of run {run!r} is damaged; run the job again")
    return body


def write_snapshot(objects: Objects, run: str, hashes: Hashes, state: bytes) -> None:
    """Note how to go on after these chunks, which must have settled already."""
    body = json.dumps(hashes).encode() + b"\n" + state
    objects.put(f"{run}/{SNAPSHOT}", sha256(body).hexdigest().encode() + b"\n" + body)


def read_snapshot(objects: Objects, run: str) -> tuple[Hashes, bytes] | None:
    """The chunks and the state; None if there is none. Raises IntegrityError."""
    stored = objects.get(f"{run}/{SNAPSHOT}")
    if stored is None:
        return None
    digest, _, body = stored.partition(b"\n")
    if digest != sha256(body).hexdigest().encode():
        raise IntegrityError(f"the snapshot of run {run!r} is damaged")
    line, _, state = body.partition(b"\n")
    hashes: dict[str, str] = json.loads(line)
    return hashes, state


def _is_chunk_of(writer: str, name: str) -> bool:
    """Chunks of earlier versions of Masklet have no frames in their names."""
    named = _CHUNK.fullmatch(name)
    return name.endswith(".jsonl") if named is None else (named[4] or "") == writer


def _may_hold(name: str, frames: FrameRange) -> bool:
    named = _CHUNK.fullmatch(name)
    return named is None or (int(named[2]) < frames.stop and frames.start <= int(named[3]))
