"""The JSON body of a request: its parsing and its size limit."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from backend.domain.errors import MalformedRequest, TooLarge
from backend.interfaces.http.body import parse_object, read_body


def test_an_object_is_read() -> None:
    assert parse_object(b' {"a": [1, 2.5, "\\ud83d\\ude00", null]} ') == {"a": [1, 2.5, "\U0001f600", None]}


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "the body is empty"),
        (b"  \n", "the body is empty"),
        (b'{"tasks": [', "at line 1 column 12"),
        (b"[]", "must be an object, not a list"),
        (b'"text"', "must be an object, not text"),
        (b"12", "must be an object, not a number"),
        (b"null", "must be an object, not null"),
        (b"true", "must be an object, not true or false"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a": -Infinity}', "-Infinity is not a JSON number"),
        (b'{"a": 1e999}', "too large for a double"),
        (b'{"a": 9223372036854775808}', "more than 64 bits"),
        (b'{"a": -9223372036854775809}', "more than 64 bits"),
        (b'{"a": ' + b"9" * 5000 + b"}", "more than 64 bits"),
        (b'{"a": "\\ud800"}', "half a surrogate pair"),
        (b'{"\\udc00x": 1}', "half a surrogate pair"),
        (b'{"a": [{"b": "\\u0000"}]}', "a NUL character"),
        (b'{"a": 1, "a": 2}', "the same key twice"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
    ],
)
def test_a_body_that_is_no_json_object_is_refused_with_a_reason(body: bytes, sentence: str) -> None:
    with pytest.raises(MalformedRequest) as refusal:
        parse_object(body)
    assert sentence in str(refusal.value)
    assert str(refusal.value).startswith("invalid JSON: ")


@pytest.mark.parametrize("number", [2**63 - 1, -(2**63 - 1), 0, 10**18])
def test_whole_numbers_of_64_bits_are_exact(number: int) -> None:
    assert parse_object(b'{"a": %d}' % number) == {"a": number}


def test_an_escaped_backslash_before_u0000_is_plain_text() -> None:
    assert parse_object(rb'{"a": "\\u0000"}') == {"a": "\\u0000"}


@given(st.binary(max_size=200))
def test_any_bytes_give_an_object_or_a_refusal(body: bytes) -> None:
    try:
        document = parse_object(body)
    except MalformedRequest:
        return
    assert isinstance(document, dict)


class Sender:
    """A client that sends the same chunk `chunks` times and announces another length."""

    def __init__(self, chunk: bytes, *, chunks: int, announced: str = "") -> None:
        self.left = chunks
        self._chunk = chunk
        headers = [(b"content-type", b"application/json")]
        if announced:
            headers.append((b"content-length", announced.encode()))
        self.request = Request({"type": "http", "method": "POST", "headers": headers}, self._receive)

    async def _receive(self) -> Message:
        self.left -= 1
        return {"type": "http.request", "body": self._chunk, "more_body": self.left > 0}


def test_a_body_up_to_the_limit_is_read_whole() -> None:
    sender = Sender(b"abcd", chunks=25)
    assert asyncio.run(read_body(sender.request, max_bytes=100)) == b"abcd" * 25


@pytest.mark.parametrize("announced", ["", "4", "lies", "-1", "²"])
def test_a_longer_body_is_cut_off_for_any_announced_length(announced: str) -> None:
    sender = Sender(b"abcd", chunks=1000, announced=announced)
    with pytest.raises(TooLarge, match="MASKLET_MAX_BODY_MIB"):
        asyncio.run(read_body(sender.request, max_bytes=100))
    assert sender.left == 1000 - 26


def test_a_body_announced_as_too_long_is_not_read_at_all() -> None:
    sender = Sender(b"abcd", chunks=1, announced="101")
    with pytest.raises(TooLarge):
        asyncio.run(read_body(sender.request, max_bytes=100))
    assert sender.left == 1
