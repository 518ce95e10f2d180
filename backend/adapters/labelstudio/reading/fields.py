"""Readers of untrusted JSON fields: each returns its type or raises an error with the field's path.

Numbers must be finite: Python's JSON reader accepts NaN and Infinity. A bool is not a number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime
from typing import cast

from backend.domain.errors import MalformedRequest, PromptError

Json = Mapping[str, object]


def as_object(value: object, where: str) -> Json:
    if not isinstance(value, Mapping):
        raise MalformedRequest(f"{where} must be an object, not {_kind(value)}")
    return cast(Json, value)


def as_list(value: object, where: str) -> list[object]:
    if not isinstance(value, list):
        raise MalformedRequest(f"{where} must be a list, not {_kind(value)}")
    return value


def as_text(value: object, where: str, *, longest: int = 1_000) -> str:
    if not isinstance(value, str):
        raise MalformedRequest(f"{where} must be a string, not {_kind(value)}")
    if len(value) > longest:
        raise MalformedRequest(f"{where} has {len(value)} characters; the most that is read is {longest}")
    return value


def as_number(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise MalformedRequest(f"{where} must be a number, not {_kind(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise MalformedRequest(f"{where} must be a finite number")
    return number


def as_whole(value: object, where: str, *, least: int, most: int) -> int:
    """An integer within least..most. 3.0 counts as 3: browsers have one type of number."""
    number = as_number(value, where)
    if number != int(number) or not least <= number <= most:
        raise PromptError(f"{where} must be a whole number from {least} to {most}, got {number:g}")
    return int(number)


def as_percent(value: object, where: str) -> float:
    """A coordinate in percent of the frame, 0..100, as relative 0..1."""
    number = as_number(value, where)
    if not 0.0 <= number <= 100.0:
        raise PromptError(f"{where} must lie within the frame (0 to 100 percent), got {number:g}")
    return number / 100.0


def as_flag(value: object, where: str) -> bool:
    if isinstance(value, bool):
        return value
    if value in (0, 1):
        return bool(value)
    raise MalformedRequest(f"{where} must be true or false, not {_kind(value)}")


def _kind(value: object) -> str:
    return "missing" if value is None else type(value).__name__


def wall_clock_s(written: object) -> float | None:
    """Seconds since 1970 of Label Studio's time, as in 2026-01-01T00:00:00.123456Z; None for no time."""
    try:
        return datetime.fromisoformat(str(written)).timestamp()
    except ValueError:
        return None
