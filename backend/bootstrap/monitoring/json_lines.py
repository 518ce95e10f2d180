"""Log lines as JSON, one object a line, redacted as the plain ones are."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import UTC, datetime

from backend.application.ports.measuring.log_fields import log_fields
from backend.bootstrap.log_redaction import RedactingFormatter, redacted
from backend.settings import LogFormat

LINE_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"


def line_formatter(log_format: LogFormat, secrets: Iterable[str]) -> logging.Formatter:
    """What makes the lines of MASKLET_LOG_FORMAT. secrets: values that no line may hold."""
    return JsonFormatter(secrets) if log_format is LogFormat.JSON else RedactingFormatter(LINE_FORMAT, secrets)


class JsonFormatter(logging.Formatter):
    """Formats a record as an object with time, level, logger and message; error, if there is a traceback.

    job, task, attempt and worker are there where they are known. time is UTC in ISO 8601. Values are redacted before
    they become JSON: a secret with a quote or a line break in it would not be found afterwards.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = tuple(secrets)

    def format(self, record: logging.LogRecord) -> str:
        told: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            **log_fields(),
        }
        if record.exc_info:
            told["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            told["stack"] = self.formatStack(record.stack_info)
        return json.dumps({name: self._redacted(value) for name, value in told.items()}, ensure_ascii=False)

    def _redacted(self, value: object) -> object:
        return value if isinstance(value, (int, float)) else redacted(str(value), self._secrets)
