"""Values of a checkpoint's `config.json` in transformers' format, by dotted key. Does not import torch."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path

from backend.codecs.json_file import read_json
from backend.domain.errors import ModelError

MOST = 65_536
"""The largest integer that is taken."""
_SMALLEST_IMAGE = 16


class ConfigReader:
    """Values by dotted key, each with a default. Every method raises ModelError for a value it cannot take."""

    def __init__(self, path: Path, values: Mapping[str, object]) -> None:
        self._path, self._values = path, values

    def require(self, key: str, expected: object, *, default: object = None) -> None:
        given = self._value(key, expected if default is None else default)
        if given != expected:
            raise self._refused(key, given, f"Masklet runs {expected!r}")

    def count(self, key: str, default: int) -> int:
        return self._counted(key, self._value(key, default), least=1)

    def counts(self, key: str, default: tuple[int, ...]) -> tuple[int, ...]:
        given = self._value(key, list(default))
        if not isinstance(given, list) or not 1 <= len(given) <= 4:
            raise self._refused(key, given, "it is a list of integers")
        return tuple(self._counted(key, each, least=0) for each in given)

    def side(self, key: str, default: int) -> int:
        """The side of a square; also given as a pair."""
        given = self._value(key, default)
        if isinstance(given, list) and len(given) == 2 and given[0] == given[1]:
            given = given[0]
        return self._counted(key, given, least=_SMALLEST_IMAGE)

    def number(self, key: str, default: float) -> float:
        given = self._value(key, default)
        if not isinstance(given, int | float) or isinstance(given, bool) or not math.isfinite(given):
            raise self._refused(key, given, "it is a number")
        return float(given)

    def flag(self, key: str) -> bool:
        given = self._value(key, True)
        if not isinstance(given, bool):
            raise self._refused(key, given, "it is true or false")
        return given

    def text(self, key: str, default: str, pattern: re.Pattern[str], wanted: str) -> str:
        """wanted: what the pattern matches, for the message."""
        given = self._value(key, default)
        if not isinstance(given, str) or not pattern.fullmatch(given):
            raise self._refused(key, given, wanted)
        return given

    def part(self, key: str) -> Mapping[str, object]:
        """The keys below a key; none if it is missing."""
        given = self._value(key, {})
        if not isinstance(given, dict):
            raise self._refused(key, given, "it is an object")
        return given

    def _counted(self, key: str, given: object, *, least: int) -> int:
        if not isinstance(given, int) or isinstance(given, bool) or not least <= given <= MOST:
            raise self._refused(key, given, f"it is an integer from {least} to {MOST}")
        return given

    def _value(self, key: str, default: object) -> object:
        found: object = self._values
        for part in key.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        return default if found is None else found

    def _refused(self, key: str, given: object, wanted: str) -> ModelError:
        return ModelError(f"{self._path} sets {key} to {given!r}: {wanted}")


def read_values(path: Path) -> Mapping[str, object]:
    """The object in a JSON file. Raises ModelError."""
    try:
        values = read_json(path)
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ModelError(f"{path} is no model's config: {error}") from error
    if not isinstance(values, dict):
        raise ModelError(f"{path} is no model's config: it is no JSON object")
    return values
