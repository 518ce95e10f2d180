"""Addresses that are refused before any route sees them, and names that only look like numbers."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from backend.interfaces.http.address_check import AddressCheckMiddleware
from tests.fakes.web import TestClient


@pytest.fixture(scope="module")
def caller() -> TestClient:
    app = FastAPI()
    app.add_middleware(AddressCheckMiddleware)
    app.add_api_route("/x", lambda: "ok")
    return TestClient(app)


@pytest.mark.parametrize("value", ["2147483648", "99999999999", "1,2,99999999999", "project:99999999999"])
def test_a_number_that_no_id_can_have_is_refused_by_its_field(caller: TestClient, value: str) -> None:
    answer = caller.get("/x", params={"task": value})
    assert answer.status_code == 400
    assert "invalid field 'task': a number is at most 2147483647" in answer.text


@pytest.mark.parametrize("value", ["-2147483648", "-10000000000000000000000000000"])
def test_a_number_below_every_id_is_refused_by_its_field(caller: TestClient, value: str) -> None:
    answer = caller.get("/x", params={"project": value})
    assert answer.status_code == 400
    assert "invalid field 'project': a number is at least -2147483647" in answer.text


@pytest.mark.parametrize(
    "value",
    [
        "2147483647",
        "-1",
        "000000000000000000007",
        "p-ab1234567890123cd9999999999999e",  # every ninth name of a run has ten digits in a row
        "1234567890123ab",
        "t-55555555555555555555",
        "drone-20261129123000",
        "2026-11-29T12:30:00",
        "12345678901.5",
        "clip_20261129123000.mp4",
    ],
)
def test_a_name_with_digits_is_no_number(caller: TestClient, value: str) -> None:
    assert caller.get("/x", params={"run": value}).status_code == 200


def test_nul_and_what_is_no_text_are_refused(caller: TestClient) -> None:
    assert "it holds a NUL character" in caller.get("/x?name=a%00").text
    assert caller.get("/x?name=%ff").status_code == 400
    assert caller.get("/x%00").status_code == 400
    assert "longer than" in caller.get("/x?name=" + "a" * 9000).text
