"""One input of the benchmark, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import unquote

PAGES = 3
"""The number of pictures of one input."""

FIRST_PAGE = 37
"""The number painted on the first of them."""


class Kind(StrEnum):
    """A video file, or pictures as pages."""

    VIDEO = "video"
    PICTURES = "pictures"


class Verdict(StrEnum):
    """Whether browser and Masklet agree. REFUSED: Masklet refuses, and the remedy that it names works."""

    AGREE = "agree"
    REFUSED = "refused"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Input:
    """One generated input. name: what is special about it. write: makes its file, or pictures in its folder.

    file: of a video, the file's name; empty: pictures. numbers: those painted in the frames that a browser shows, in
    order; empty: damage decides. intact: makes the same file undamaged, which a person has who copies it again.
    is_typed: the address in the task is as a person types it, without percent signs.
    """

    name: str
    write: Callable[[Path], object]
    file: str = ""
    numbers: Sequence[int] = ()
    intact: Callable[[Path], object] | None = None
    is_typed: bool = False

    @property
    def kind(self) -> Kind:
        return Kind.VIDEO if self.file else Kind.PICTURES

    def address(self, quoted: str) -> str:
        return unquote(quoted) if self.is_typed else quoted


@dataclass(frozen=True, slots=True)
class Row:
    """What came of an input.

    browser: what Chromium shows of the file as it is, beside Masklet. masklet: the numbers that Masklet reads, or its
    refusal. imported: the same of the tasks that `masklet import` makes.
    """

    name: str
    kind: Kind
    browser: str
    masklet: str
    imported: str
    verdict: Verdict
    reason: str = ""

    def document(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}
