"""Request bodies: how many bytes are read, and which JSON counts as JSON.

Refused here, before anything looks inside: bodies over the limit (whatever Content-Length claims), slow ones,
compressed ones, numbers that are not finite, repeated keys, nesting beyond reason, text that is not Unicode.
"""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import AsyncIterator, Iterator

from starlette.exceptions import HTTPException
from starlette.requests import Request

from backend.domain.errors import InvalidInput, MalformedRequest, TooLarge
from backend.interfaces.http.body_limits import BodyLimits, JsonScan, Reservation

SURROGATE_ESCAPE = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
"""Escapes of half a character or of NUL: rare enough that only bodies with one are walked through."""

LONG_NUMBER = re.compile(rb"[0-9]{19}")
"""Only a body with such a run of digits can hold a whole number beyond 64 bits."""

LARGEST_INT = 2**63 - 1

LONG_BODY = 2**22
"""Bytes from which a body is parsed with a Python function for each number. Without one the parser holds the
interpreter's lock from beginning to end, and no other request is answered meanwhile."""

MAX_KEYS = 50_000
"""Different keys in one body. Label Studio's own bodies have some hundred."""

SEARCH_BYTES = 2**20

SMALL_NUMBERS = {str(number): number for number in range(1000)}
"""The bytes of masks, and others that are not made again for each place where they stand."""


async def read_body(request: Request, limits: BodyLimits, memory: Reservation) -> bytes:
    """The whole body, at most limits.max_bytes of it in memory; what its values will take is reserved too.

    Raises TooLarge as soon as a limit is passed (or announced to be), MalformedRequest for too much depth;
    HTTPException 408 for a body that does not arrive in time, 415 for one that is compressed or not JSON by its own
    account, 503 beyond the memory for all bodies.
    """
    _require_plain_json(request)
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limits.max_bytes:
        raise _too_large(limits.max_bytes)
    body, scan = bytearray(), JsonScan(limits.max_bytes)
    async for chunk in _timely(request.stream(), limits):
        if len(body) + len(chunk) > limits.max_bytes:
            raise _too_large(limits.max_bytes)
        memory.read(len(chunk))
        scan.feed(chunk)
        body += chunk
    memory.parse(scan.estimate)
    return bytes(body)


async def _timely(chunks: AsyncIterator[bytes], limits: BodyLimits) -> AsyncIterator[bytes]:
    """The chunks as they arrive. Raises HTTPException 408 for a long pause, or if the whole takes too long."""
    end_s = asyncio.get_running_loop().time() + limits.whole_s
    while True:
        now_s = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(min(end_s, now_s + limits.silence_s)):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise HTTPException(
                408,
                f"the request body did not arrive in time: pauses of up to {limits.silence_s:g} s and "
                f"{limits.whole_s:g} s for the whole are waited for",
                headers={"Connection": "close"},
            ) from None
        yield chunk


def _require_plain_json(request: Request) -> None:
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise HTTPException(415, "compressed request bodies are not taken; send the JSON as it is")
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):
        raise HTTPException(415, "the body must be JSON: send it with Content-Type: application/json")


def _too_large(max_bytes: int) -> TooLarge:
    return TooLarge(f"the request body is larger than {max_bytes / 2**20:g} MiB (MASKLET_MAX_BODY_MIB)")


def parse_object(body: bytes) -> dict[str, object]:
    """The body's JSON object. Raises MalformedRequest for anything else."""
    if not body.strip():
        raise MalformedRequest("invalid JSON: the body is empty")
    document = _parsed(body)
    if not isinstance(document, dict):
        raise MalformedRequest(f"invalid JSON: the body must be an object, not {_kind(document)}")
    if _occurs(SURROGATE_ESCAPE, body, longest=6):
        _require_clean_text(document)
    return document


def _parsed(body: bytes) -> object:
    whole_number = _bounded if len(body) > LONG_BODY or LONG_NUMBER.search(body) else int
    try:
        document: object = json.loads(
            body.decode(),
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=whole_number,
            object_pairs_hook=_Objects().make,
        )
    except InvalidInput:
        raise
    except UnicodeDecodeError:
        raise MalformedRequest("invalid JSON: the body is not UTF-8 text") from None
    except RecursionError:
        raise MalformedRequest("invalid JSON: it is nested too deeply") from None
    except json.JSONDecodeError as error:
        raise MalformedRequest(f"invalid JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    return document


def _occurs(pattern: re.Pattern[bytes], body: bytes, *, longest: int) -> bool:
    """Whether a pattern occurs, searched piece by piece: a search holds the interpreter's lock.

    longest: bytes of the longest match.
    """
    starts = range(0, len(body), SEARCH_BYTES)
    return any(pattern.search(body, start, start + SEARCH_BYTES + longest) for start in starts)


def _bounded(digits: str) -> int:
    small = SMALL_NUMBERS.get(digits)
    if small is not None:
        return small
    value = int(digits) if len(digits) <= 20 else LARGEST_INT + 1
    if abs(value) > LARGEST_INT:
        raise MalformedRequest("invalid JSON: a whole number has more than 64 bits")
    return value


def _no_constant(name: str) -> object:
    raise MalformedRequest(f"invalid JSON: {name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise MalformedRequest("invalid JSON: a number is too large for a double")
    return value


class _Objects:
    """Makes the objects of one body. Their keys are kept apart while it is parsed, so there are few different ones."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def make(self, pairs: list[tuple[str, object]]) -> dict[str, object]:
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise MalformedRequest("invalid JSON: an object has the same key twice")
        self._keys.update(fields)
        if len(self._keys) > MAX_KEYS:
            raise TooLarge(f"the request body has more than {MAX_KEYS} different keys")
        return fields


def _require_clean_text(document: object) -> None:
    for text in _texts(document):
        if "\0" in text:
            raise MalformedRequest("invalid JSON: a text holds a NUL character")
        try:
            text.encode()
        except UnicodeEncodeError:
            raise MalformedRequest("invalid JSON: a text holds half a surrogate pair") from None


def _texts(document: object) -> Iterator[str]:
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, dict):
            yield from value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _kind(value: object) -> str:
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")
