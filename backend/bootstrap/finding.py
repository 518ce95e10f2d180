"""One finding of `masklet doctor`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from backend.domain.errors import MaskletError


class Verdict(StrEnum):
    """WARN is for what works but is not what one would want."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """The subject of a check, its verdict, a sentence, and the remedy (empty: none is needed)."""

    subject: str
    verdict: Verdict
    sentence: str
    remedy: str = ""


def guarded(subject: str, check: Callable[[], Finding]) -> Finding:
    """What the check finds; a MaskletError is a failure with its sentence."""
    try:
        return check()
    except MaskletError as error:
        return Finding(subject, Verdict.FAIL, str(error))
