"""Media of tasks that Label Studio's page leaves blank, because browsers do not show them: TIFF.

Masklet reads them. `masklet import` serves their pages as JPEG.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

from backend.application.exports.naming import file_of_address
from backend.domain.tasks import MediaRef

SUFFIXES = frozenset((".tif", ".tiff"))
UPLOAD = re.compile(r"/data/upload/.*/[0-9a-f]{8}-([^/?]+)")
"""Label Studio puts eight digits before the name of an uploaded file."""


@dataclass(frozen=True, slots=True)
class Unshown:
    """A file of a task that browsers do not show. sentence: which one, and what one sees. remedy: the command."""

    sentence: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.sentence}; import the file itself: {self.remedy}"


def unshown(media: MediaRef, project_id: int) -> Unshown | None:
    """The first file of a task that browsers do not show, by its name; None if they show all."""
    for number, address in enumerate(media.addresses, 1):
        name = original_name(address)
        if PurePosixPath(name).suffix.lower() in SUFFIXES:
            what = f"page {number}, {name}," if len(media.addresses) > 1 else name
            sentence = (
                f"{what} is a TIFF, which browsers do not show: Label Studio's page is blank, and Masklet reads the "
                "first of its pages"
            )
            return Unshown(sentence, f"masklet import {shlex.quote(name)} --project {project_id}")
    return None


def original_name(address: str) -> str:
    """The file name in a media address, of an upload as it was before; empty without one."""
    uploaded = UPLOAD.search(address)
    return unquote(uploaded[1]) if uploaded else file_of_address(address)
