"""The remedies that Masklet's sentences name."""

from __future__ import annotations

import re
from enum import StrEnum


class Remedy(StrEnum):
    """What a sentence tells to do."""

    REENCODE = "masklet import --reencode always"
    IMPORT = "masklet import"
    COPY = "masklet reencode"
    FETCH_AGAIN = "the undamaged file"


NAMED = (
    (Remedy.REENCODE, re.compile(r"--reencode( always)?\b(?! never)")),
    (Remedy.COPY, re.compile(r"masklet reencode IN --out OUT\.mp4")),
    (Remedy.IMPORT, re.compile(r"masklet import\b")),
    (Remedy.FETCH_AGAIN, re.compile(r"copy it again|download the video|save it as|name the file")),
)
"""In the order in which they are tried."""


def remedies_in(sentence: str) -> list[Remedy]:
    """The remedies that a sentence names, best first."""
    return [remedy for remedy, pattern in NAMED if pattern.search(sentence)]
