"""What no address of a request may hold: bytes that are no text, NUL, numbers that no id can have.

Databases refuse these with errors of their own, each a different one: they are refused here, in the name of the field.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from backend.interfaces.http.errors import reply
from backend.interfaces.labelstudio.tasks import MAX_ID

MOST_FIELDS = 100
LONGEST_ADDRESS = 8192
_NUMBERS = re.compile(r"(?<![\w.-])(-?)([0-9]+)(?![\w.-])", re.ASCII)
"""Signs and digits that stand alone, in a list or after a colon. Names of runs and dates have digits too."""


class AddressCheckMiddleware:
    """ASGI middleware that refuses such addresses with 400 and a sentence."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        trouble = _trouble(scope) if scope["type"] == "http" else ""
        if trouble:
            await reply(400, trouble)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _trouble(scope: Scope) -> str:
    """What is wrong with an address, in one sentence; empty if nothing is."""
    path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
    if len(path) + len(query) > LONGEST_ADDRESS:
        return f"the address is longer than {LONGEST_ADDRESS} bytes"
    if not _is_text(path):
        return "the address is not UTF-8 text, or holds a NUL character"
    try:
        fields = parse_qsl(query.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except UnicodeDecodeError:
        return "the address is not UTF-8 text"
    except ValueError:
        return f"the address has more than {MOST_FIELDS} fields"
    return next((sentence for name, value in fields if (sentence := _trouble_of(name, value))), "")


def _trouble_of(name: str, value: str) -> str:
    if "\0" in name + value:
        return f"invalid field {name[:60]!r}: it holds a NUL character"
    for sign, digits in _NUMBERS.findall(value):
        if len(digits.lstrip("0")) > 10 or int(digits) > MAX_ID:
            bound = f"at least -{MAX_ID}" if sign else f"at most {MAX_ID}"
            return f"invalid field {name[:60]!r}: a number is {bound}"
    return ""


def _is_text(path: bytes) -> bool:
    try:
        return "\0" not in unquote_to_bytes(path).decode()
    except UnicodeDecodeError:
        return False
