"""The placement of a task's media for Label Studio's page: served by Masklet, in its local files, or in a bucket.

By default Masklet serves them, and nothing is copied. The other two copy the media that the tasks show. A copy is
written under a temporary name and renamed; an existing copy is used.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol
from urllib.parse import quote, urlsplit
from uuid import uuid4

from backend.adapters.media.serving.addresses import Signer, page_leaf
from backend.application.imports.model import ImportMode, SourceMedia, SourceMediaKind, TaskDraft
from backend.domain.errors import InvalidInput, MediaError, ServiceUnavailable

FOLDER = "masklet"
Pages = Callable[[SourceMedia, tuple[int, ...]], Iterator[tuple[int, bytes]]]
"""Reads frames of a medium as JPEG files, in ascending order."""


@dataclass(frozen=True, slots=True)
class BackendPlacement:
    """Signed addresses of this Masklet. until_s: their expiry in seconds since the epoch, or NEVER."""

    base_url: str
    signer: Signer
    until_s: int

    def addresses(self, draft: TaskDraft, mode: ImportMode) -> list[str]:
        """See the Placement port."""
        leaves = [file_leaf(draft.medium)] if mode is ImportMode.VIDEO else [page_leaf(f) for f in draft.frames]
        paths = (self.signer.path(draft.medium.media_id, leaf, until_s=self.until_s) for leaf in leaves)
        return [self.base_url.rstrip("/") + path for path in paths]


@dataclass(frozen=True, slots=True)
class LocalPlacement:
    """Copies under Label Studio's root of local files (LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT)."""

    root: Path
    pages: Pages

    @property
    def folder(self) -> Path:
        """The folder of the project's local-files storage."""
        return self.root / FOLDER

    def addresses(self, draft: TaskDraft, mode: ImportMode) -> list[str]:
        """See the Placement port. Raises MediaError if the copies cannot be written."""
        folder = self.folder / draft.medium.media_id
        try:
            folder.mkdir(parents=True, exist_ok=True)
            names = self._video(draft, folder) if mode is ImportMode.VIDEO else self._pages(draft, folder)
        except OSError as error:
            raise MediaError(
                f"{draft.name} cannot be copied to {folder}: {error.strerror}; free some space or make the folder "
                "writable, and import it again"
            ) from error
        base = f"/data/local-files/?d={FOLDER}/{draft.medium.media_id}"
        return [f"{base}/{quote(name)}" for name in names]

    def _video(self, draft: TaskDraft, folder: Path) -> list[str]:
        name = file_leaf(draft.medium)
        if not (folder / name).exists():
            with _PartialFile(folder / name) as part:
                shutil.copyfile(draft.medium.path, part)
        return [name]

    def _pages(self, draft: TaskDraft, folder: Path) -> list[str]:
        missing = tuple(int(f) for f in draft.frames if not (folder / page_leaf(f)).exists())
        if missing:
            for frame, body in self.pages(draft.medium, missing):
                with _PartialFile(folder / page_leaf(frame)) as part:
                    part.write_bytes(body)
        return [page_leaf(frame) for frame in draft.frames]


class Bucket(Protocol):
    """An S3 bucket. Its methods raise ServiceUnavailable with the bucket's name."""

    def has(self, key: str) -> bool: ...

    def put(self, key: str, body: bytes, content_type: str) -> None: ...

    def put_file(self, key: str, path: Path, content_type: str) -> None: ...


@dataclass(frozen=True, slots=True)
class BucketPlacement:
    """Copies in a bucket that is a source storage of Label Studio; the addresses are s3://bucket/prefix/..."""

    name: str
    prefix: str
    bucket: Bucket
    pages: Pages

    def addresses(self, draft: TaskDraft, mode: ImportMode) -> list[str]:
        """See the Placement port."""
        folder = PurePosixPath(self.prefix) / draft.medium.media_id
        if mode is ImportMode.VIDEO:
            keys = [str(folder / file_leaf(draft.medium))]
            if not self.bucket.has(keys[0]):
                self.bucket.put_file(keys[0], draft.medium.path, "video/mp4")
        else:
            by_frame = {int(frame): str(folder / page_leaf(frame)) for frame in draft.frames}
            keys = list(by_frame.values())
            missing = tuple(frame for frame, key in by_frame.items() if not self.bucket.has(key))
            for frame, body in self.pages(draft.medium, missing) if missing else ():
                self.bucket.put(by_frame[frame], body, "image/jpeg")
        return [f"s3://{self.name}/{key}" for key in keys]


def parse_bucket(address: str) -> tuple[str, str]:
    """`s3://bucket/prefix` as bucket and prefix. Raises InvalidInput."""
    parts = urlsplit(address)
    if parts.scheme != "s3" or not parts.netloc:
        raise InvalidInput(f"--s3 must be an address such as s3://bucket/prefix, got {address!r}")
    return parts.netloc, parts.path.strip("/")


def open_bucket(name: str) -> Bucket:
    """A bucket through boto3, with boto3's credentials. Raises InvalidInput if boto3 is not installed."""
    try:
        import boto3  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise InvalidInput(
            "--pages s3 needs boto3, which Masklet does not install: uv pip install --python .venv/bin/python boto3"
        ) from error
    return _BotoBucket(name, boto3.client("s3"))


class _BotoBucket:
    """A Bucket through boto3. Any error of boto3 becomes ServiceUnavailable."""

    def __init__(self, name: str, client: object) -> None:
        self._name = name
        self._client = client

    def has(self, key: str) -> bool:
        try:
            self._call("head_object", Key=key)
        except ServiceUnavailable as error:
            if "404" in str(error):
                return False
            raise
        return True

    def put(self, key: str, body: bytes, content_type: str) -> None:
        self._call("put_object", Key=key, Body=body, ContentType=content_type)

    def put_file(self, key: str, path: Path, content_type: str) -> None:
        with path.open("rb") as file:
            self._call("put_object", Key=key, Body=file, ContentType=content_type)

    def _call(self, method: str, **arguments: object) -> None:
        try:
            getattr(self._client, method)(Bucket=self._name, **arguments)
        except Exception as error:  # botocore creates its error classes at run time
            raise ServiceUnavailable(f"the bucket {self._name} cannot be used ({error})") from error


def file_leaf(medium: SourceMedia) -> str:
    """The last part of a video's address. Browsers and Label Studio detect the type by its suffix."""
    if medium.kind is not SourceMediaKind.VIDEO:
        raise InvalidInput(
            f"{medium.name} is pictures, and the project shows videos; import it into one for pages: "
            "masklet project create NAME --config frames"
        )
    return f"video{medium.path.suffix.lower() or '.mp4'}"


class _PartialFile:
    """A temporary file beside the target: renamed when the block succeeds, removed if it fails."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._part = target.with_name(f".{uuid4().hex}.part")

    def __enter__(self) -> Path:
        return self._part

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
            self._part.replace(self._target)
            return
        with suppress(OSError):
            self._part.unlink(missing_ok=True)
