"""Secrets in log lines: addresses that grant access, tokens and passwords are replaced, also in tracebacks."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable

HIDDEN = "[hidden]"
LEAST_SECRET = 6
"""Shorter settings are not looked for: they would be found in ordinary words."""

_PATTERNS = (
    (re.compile(r"(/media/[^/\s\"']+)/[0-9a-f]{1,12}-[0-9a-f]+/"), rf"\1/{HIDDEN}/"),
    (re.compile(r"([a-z][a-z0-9+.-]*://)[^/\s@\"']+@", re.IGNORECASE), rf"\1{HIDDEN}@"),
    (re.compile(r"([a-z][a-z0-9+.-]*://[^\s\"'?#]+)\?[^\s\"']*", re.IGNORECASE), rf"\1?{HIDDEN}"),
    (
        re.compile(
            r"([?&](?:[a-z0-9_-]*(?:sig|token|key|secret|password|credential|fileuri|auth)[a-z0-9_-]*)=)[^&\s\"']+",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"\b(Bearer|Token|Basic)(\s+)[A-Za-z0-9._~+/=-]{8,}"), rf"\1\2{HIDDEN}"),
    (re.compile(r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"), HIDDEN),
)
"""Signed media addresses; names and passwords in addresses; queries of addresses of other hosts (presigned links);
queries by the names of their fields; Authorization headers; JSON web tokens."""


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """The text without what grants access. secrets: values of settings."""
    for secret in secrets:
        if len(secret) >= LEAST_SECRET:
            text = text.replace(secret, HIDDEN)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class RedactingFormatter(logging.Formatter):
    """A Formatter whose lines, with their tracebacks, are redacted."""

    def __init__(self, line_format: str, secrets: Iterable[str]) -> None:
        super().__init__(line_format)
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        return redacted(super().format(record), self._secrets)
