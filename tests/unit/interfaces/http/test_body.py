"""The JSON body of a request: its parsing and its size limit."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

from backend.domain.errors import MalformedRequest, TooLarge
from backend.interfaces.http.body import LONG_BODY, parse_object, read_body
from backend.interfaces.http.body_limits import MAX_CONTAINERS, MAX_DEPTH, BodyLimits, BodyMemory, JsonScan


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


SMALL = BodyLimits(100)


def read(sender: Sender, *, limits: BodyLimits = SMALL, memory: BodyMemory | None = None) -> bytes:
    async def reading() -> bytes:
        with (memory or BodyMemory(limits.max_bytes)).reserve() as reservation:
            return await read_body(sender.request, limits, reservation)

    return asyncio.run(reading())


def test_a_body_up_to_the_limit_is_read_whole() -> None:
    sender = Sender(b"abcd", chunks=25)
    assert read(sender) == b"abcd" * 25


@pytest.mark.parametrize("announced", ["", "4", "lies", "-1", "²"])
def test_a_longer_body_is_cut_off_for_any_announced_length(announced: str) -> None:
    sender = Sender(b"abcd", chunks=1000, announced=announced)
    with pytest.raises(TooLarge, match="MASKLET_MAX_BODY_MIB"):
        read(sender)
    assert sender.left == 1000 - 26


def test_a_body_announced_as_too_long_is_not_read_at_all() -> None:
    sender = Sender(b"abcd", chunks=1, announced="101")
    with pytest.raises(TooLarge):
        read(sender)
    assert sender.left == 1


@pytest.mark.parametrize(("silence_s", "whole_s"), [(0.01, 60.0), (60.0, 0.01)])
def test_a_body_that_does_not_arrive_is_refused_in_time(silence_s: float, whole_s: float) -> None:
    class Silent(Sender):
        async def _receive(self) -> Message:
            if self.left < 3:
                await asyncio.sleep(3600)
            return await super()._receive()

    sender = Silent(b"abcd", chunks=4)
    memory = BodyMemory(100)
    with pytest.raises(HTTPException) as refusal:
        read(sender, limits=BodyLimits(100, silence_s, whole_s), memory=memory)
    assert (refusal.value.status_code, refusal.value.headers) == (408, {"Connection": "close"})
    assert (memory.unread, memory.held) == (0, 0)


def test_bodies_in_flight_have_a_budget_and_give_it_back() -> None:
    memory = BodyMemory(100)
    with memory.reserve() as first:
        first.read(390)
        with pytest.raises(HTTPException) as refusal:
            read(Sender(b"abcd", chunks=5), memory=memory)
        assert (refusal.value.status_code, (refusal.value.headers or {})["Retry-After"]) == (503, "2")
        assert memory.unread == 390
    assert (memory.unread, memory.held) == (0, 0)
    assert read(Sender(b"abcd", chunks=5), memory=memory) == b"abcd" * 5


def test_parsed_bodies_count_against_the_budget() -> None:
    memory = BodyMemory(100)
    with memory.reserve() as first, memory.reserve() as second:
        first.read(100)
        first.parse(700)
        assert (memory.unread, memory.held) == (0, 800)
        second.read(100)
        with pytest.raises(HTTPException):
            second.parse(301)
        second.parse(300)


def scanned(*chunks: bytes, max_bytes: int = 2**26) -> JsonScan:
    scan = JsonScan(max_bytes)
    for chunk in chunks:
        scan.feed(chunk)
    return scan


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_depth_is_refused_while_the_body_arrives(opening: bytes) -> None:
    scanned(opening * MAX_DEPTH)
    with pytest.raises(MalformedRequest, match="nested too deeply"):
        scanned(*[opening] * (MAX_DEPTH + 1))
    scanned(*[b"[[]]" * 10] * MAX_DEPTH)


@pytest.mark.parametrize("body", [b"[[]," * (MAX_CONTAINERS // 2 + 1), b"{}," * (MAX_CONTAINERS + 1)])
def test_too_many_lists_and_objects_are_refused(body: bytes) -> None:
    with pytest.raises((TooLarge, MalformedRequest)):
        scanned(b"[", body)


@pytest.mark.parametrize("value", [b'"ab",', b"0.1,", b"1000,", b'"abc":1,'])
def test_values_that_would_fill_the_memory_are_refused(value: bytes) -> None:
    with pytest.raises(TooLarge, match="values|keys"):
        scanned(b"[", *[value * 1000] * 1000, max_bytes=len(value) * 100_000)


def test_the_bytes_of_masks_are_cheap() -> None:
    body = b"[" + b"255,12,0," * 100_000 + b"1]"
    assert scanned(body).estimate < 4 * len(body)


def test_brackets_in_text_are_no_lists() -> None:
    text = rb'{"label_config": "' + rb"[{\"\\[" * 1000 + rb'", "x": [1]}'
    for size in (1, 2, 3, 7, len(text)):
        scan = scanned(*[text[start : start + size] for start in range(0, len(text), size)])
        assert (scan._depth, scan._containers) == (0, 2)


JSON = st.recursive(
    st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def containers(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return isinstance(value, dict | list) + sum(containers(entry) for entry in inner)


@settings(max_examples=60)
@given(JSON, st.sampled_from([1, 2, 3, 7, 50]), st.booleans())
def test_a_scan_counts_what_the_parser_makes(value: object, size: int, is_ascii: bool) -> None:
    body = json.dumps(value, ensure_ascii=is_ascii).encode()
    scan = scanned(*[body[start : start + size] for start in range(0, len(body), size)])
    assert (scan._depth, scan._containers) == (0, containers(value))


def test_a_long_body_is_read_as_a_short_one() -> None:
    numbers = [0, 255, 999, 1000, -1, -999, 2**63 - 1]
    document = {"a": numbers * (LONG_BODY // 20), "b": "\U0001f600"}
    body = json.dumps(document).encode()
    assert len(body) > LONG_BODY
    assert parse_object(body) == document
    with pytest.raises(MalformedRequest, match="64 bits"):
        parse_object(body[:-1] + b', "c": 9223372036854775808}')
    with pytest.raises(MalformedRequest, match="surrogate"):
        parse_object(body[:-1] + b', "c": "\\ud800"}')


def test_too_many_keys_are_refused() -> None:
    one = b",".join(b'"%06d":1' % number for number in range(20_001))
    with pytest.raises(TooLarge, match="an object with more than 20000 keys"):
        scanned(b"[{", *[one[start : start + 1000] for start in range(0, len(one), 1000)])
    many = [{f"{first}-{second}": 1 for second in range(1000)} for first in range(51)]
    body = json.dumps({"a": many}).encode()
    scanned(body)
    with pytest.raises(TooLarge, match="more than 50000 different keys"):
        parse_object(body)
    assert parse_object(json.dumps({"a": many[:1] * 51}).encode()) == {"a": many[:1] * 51}
