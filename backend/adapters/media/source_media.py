"""The media of imports and of offline commands, read and opened in place: video files, and pictures.

A folder is a video if it holds pictures and no videos; the pictures are its frames, in natural order of their names. A
picture file is a video too: its pages are the frames.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from backend.adapters.media.cache import file_hash, pages_hash
from backend.adapters.media.decode import open_video
from backend.adapters.media.decoder_pool import DecoderPool
from backend.adapters.media.index import IndexCache
from backend.adapters.media.pages import PAGE_MARK, file_of, open_pages, page_names
from backend.adapters.media.sources.sources import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from backend.application.imports.model import SourceMedia, SourceMediaKind
from backend.application.ports.media import VideoSource
from backend.domain.errors import MediaError
from backend.domain.video import ContentHash, FrameIndex

THUMB_PX = 16
PAGE_QUALITY = 95


def stamp_of(path: Path) -> str:
    """Size and modification time; of a folder, those of its images. Raises MediaError if it does not exist."""
    try:
        if not path.is_dir():
            status = path.stat()
            return f"{status.st_size}-{status.st_mtime_ns}"
        found = [file.stat() for file in images_in(path)]
        return f"{len(found)}-{sum(s.st_size for s in found)}-{max((s.st_mtime_ns for s in found), default=0)}"
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}; was it moved? import it again") from error


def images_in(folder: Path) -> list[Path]:
    """The images of a folder in the order of their names; numbers in names by their value: 2 before 10."""
    images = (file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    return sorted((file for file in images if not file.name.startswith(".")), key=_natural)


def _natural(file: Path) -> tuple[list[tuple[int, str]], str]:
    parts = re.split(r"([0-9]+)", file.name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], file.name


def is_picture_folder(path: Path) -> bool:
    """Whether a folder holds pictures and no videos, and so is a video."""
    if not path.is_dir():
        return False
    names = [file.suffix.lower() for file in path.iterdir() if not file.name.startswith(".")]
    return not VIDEO_SUFFIXES.intersection(names) and not IMAGE_SUFFIXES.isdisjoint(names)


def is_picture_file(path: Path) -> bool:
    """Whether a file is a picture, with one page or several. GIF is read as a video, which it says the times of."""
    return path.suffix.lower() in IMAGE_SUFFIXES - {".gif"} and path.is_file()


def is_pictures(path: Path) -> bool:
    """Whether the frames at a path are pictures: a folder, or a picture file."""
    return path.is_dir() or is_picture_file(path)


def hash_of_local_video(path: Path) -> ContentHash:
    """The content hash of a file or of a folder of pictures. Raises MediaError."""
    return _pages_hash(_frames_in(path)) if path.is_dir() else file_hash(path)


def open_local_video(path: Path, content_hash: ContentHash | None = None) -> VideoSource:
    """A video file, or a folder of pictures or a picture file as a video. content_hash: if it is known.

    Raises MediaError, also for a folder with videos.
    """
    found = content_hash or hash_of_local_video(path)
    if not is_pictures(path):
        return open_video(path, found)
    try:
        return open_pages(_frames_in(path), found)
    except MediaError as error:
        raise MediaError(f"{path}: {error}") from error


def _frames_in(folder: Path) -> list[Path]:
    """The pages of a folder or a picture file. Raises MediaError for a folder with videos, or without pictures."""
    if folder.is_dir() and not is_picture_folder(folder):
        videos = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in VIDEO_SUFFIXES)
        if not videos:
            raise MediaError(f"{folder} holds neither a video nor pictures ({', '.join(sorted(IMAGE_SUFFIXES))})")
        some = ", ".join(videos[:3]) + " and more" * (len(videos) > 3)
        raise MediaError(f"{folder} holds {some}; name one video, or a folder that holds pictures and no videos")
    return _pages_in(folder)


def _pages_in(path: Path) -> list[Path]:
    files = images_in(path) if path.is_dir() else [path]
    return [file.with_name(page) for file in files for page in page_names(file)]


def read_video_source(path: Path, name: str, indices: IndexCache) -> SourceMedia:
    """Read all of a video file once. Raises MediaError with the file and the remedy."""
    stamp = stamp_of(path)
    content_hash = file_hash(path)
    with open_video(path, content_hash, indices=indices) as video:
        info = video.info
    return SourceMedia(
        content_hash, SourceMediaKind.VIDEO, path, name, info.size, info.frame_count, info.frame_rate, stamp
    )


def read_image_source(
    folder: Path, name: str, *, numbers: Sequence[int] = (), names: Sequence[str] = ()
) -> SourceMedia:
    """A folder of images of one size, or the pages of an image file, as frames.

    names: the files to use; all without names. numbers: their frame indices in the original video. Raises MediaError
    naming the file that is not an image or has another size.
    """
    stamp = stamp_of(folder)
    paths = [folder / file for file in names] or _pages_in(folder)
    if not paths:
        raise MediaError(f"{folder} holds no images")
    content_hash = _pages_hash(paths)
    try:
        info = open_pages(paths, content_hash).info
    except MediaError as error:
        raise MediaError(f"{folder}: {error}") from error
    return SourceMedia(
        content_hash,
        SourceMediaKind.IMAGES,
        folder,
        name,
        info.size,
        len(paths),
        Fraction(1),
        stamp,
        names=tuple(path.name for path in paths),
        numbers=tuple(numbers),
    )


def _pages_hash(paths: Sequence[Path]) -> ContentHash:
    """Of one page a file, the files' hashes; a page of a file with several has its number too."""
    hashes: dict[Path, ContentHash] = {}
    parts: list[ContentHash] = []
    for path in paths:
        file, number = (path, None) if path.is_file() else file_of(path)
        if file not in hashes:
            hashes[file] = file_hash(file)
        parts.append(hashes[file] if number is None else ContentHash(f"{hashes[file]}{PAGE_MARK}{number}"))
    return pages_hash(parts)


def open_source_media(medium: SourceMedia, indices: IndexCache, decoders: DecoderPool | None = None) -> VideoSource:
    """The medium's frames. Raises MediaError if the file is missing or was changed.

    decoders: decode a video in separate processes; None: in this one.
    """
    if stamp_of(medium.path) != medium.stamp:
        raise MediaError(f"{medium.path} was changed after it was imported; import it again")
    if medium.kind is SourceMediaKind.IMAGES:
        pages = [medium.picture(position) for position in range(medium.frame_count)]
        return open_pages(pages, medium.content_hash)
    if decoders is not None:
        return decoders.open_video(medium.path, medium.content_hash, indices=indices)
    return open_video(medium.path, medium.content_hash, indices=indices)


def thumbs(video: VideoSource, frames: Sequence[FrameIndex]) -> NDArray[np.float64]:
    """[N, 768] float64: each frame as 16 x 16 pixels in colour, 0..1."""
    rows = []
    for index in frames:
        small = cv2.resize(video.frame(index), (THUMB_PX, THUMB_PX), interpolation=cv2.INTER_AREA)
        rows.append(small.astype(np.float64).ravel() / 255.0)
    return np.stack(rows)


def jpeg_of(video: VideoSource, frame: FrameIndex) -> bytes:
    """One frame as a JPEG file. Raises PromptError past the end, MediaError."""
    done, encoded = cv2.imencode(".jpg", video.frame(frame)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, PAGE_QUALITY])
    if not done:
        raise MediaError(f"frame {frame} cannot be written as JPEG")
    return encoded.tobytes()


def renamed(medium: SourceMedia, name: str) -> SourceMedia:
    return replace(medium, name=name)
