"""Logging of a process of Masklet, set up from the settings."""

from __future__ import annotations

import logging
from urllib.parse import urlsplit

from backend.bootstrap.masks.opening import store_secrets
from backend.bootstrap.monitoring.json_lines import line_formatter
from backend.settings import Settings

TALKATIVE = ("httpx", "httpcore")
"""Loggers that print whole addresses, presigned ones too, at levels below WARNING."""


def set_up_logging(settings: Settings) -> None:
    """One line an event on stderr, as text or JSON, without addresses that grant access, tokens and passwords."""
    handler = logging.StreamHandler()
    handler.setFormatter(line_formatter(settings.log_format, (*_secrets_of(settings), *store_secrets())))
    logging.basicConfig(level=settings.log_level.upper(), handlers=[handler], force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def _secrets_of(settings: Settings) -> tuple[str, ...]:
    passwords = (urlsplit(url).password for url in (settings.database_url, settings.redis_url))
    values = (settings.basic_auth_pass, settings.webhook_secret, settings.label_studio_token)
    return (*(value.get_secret_value() for value in values), *(password or "" for password in passwords))
