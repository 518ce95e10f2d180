"""Damaged media files: whatever a decoder raises on one becomes a MediaError that names the file."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import av

from backend.domain.errors import MaskletError, MediaError

log = logging.getLogger(__name__)


@contextmanager
def damage_named(name: str) -> Iterator[None]:
    """Raises MediaError for what the block raises, apart from Masklet's own errors and those of the disk.

    PyAV, FFmpeg and Pillow raise many kinds of exception on a changed byte: UnicodeDecodeError, OverflowError,
    AttributeError and more. name: the file or page, for the message.
    """
    try:
        yield
    except av.FFmpegError as error:
        raise MediaError(f"{name} cannot be read: {error.strerror}") from error
    except (MaskletError, OSError, MemoryError):
        raise
    except Exception as error:
        log.info("%s is damaged", name, exc_info=True)
        raise MediaError(f"{name} is damaged and cannot be read ({type(error).__name__})") from error
