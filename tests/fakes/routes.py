"""Apps for tests, whose routes are analysed once in a test process: an analysis takes a quarter of a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from fastapi import FastAPI, routing
from fastapi.dependencies.models import Dependant

from backend.bootstrap.web import WebParts
from backend.interfaces.http.app import create_app

_analyse = routing.get_dependant  # type: ignore[attr-defined]
_return_annotation = routing.get_typed_return_annotation  # type: ignore[attr-defined]
_make_field = routing.create_model_field  # type: ignore[attr-defined]

_analysed: dict[object, Dependant] = {}
_returned: dict[object, object] = {}
_fields: dict[object, object] = {}


def fast_app(parts: WebParts) -> FastAPI:
    """`create_app`, with the parameters of endpoints and the forms of answers that the process has seen before."""
    with (
        patch.object(routing, "get_dependant", _known_dependant),
        patch.object(routing, "get_typed_return_annotation", _known_return),
        patch.object(routing, "create_model_field", _known_field),
    ):
        return create_app(parts)


def _known_dependant(*, path: str, call: Callable[..., Any], scope: Any) -> Dependant:  # noqa: ANN401
    """The parameters of an endpoint. Methods of two objects, and closures of one code, have the same."""
    key = (path, *_code_of(call))
    if key not in _analysed:
        _analysed[key] = _analyse(path=path, call=call, scope=scope)
    known = _analysed[key]
    return replace(known, call=call, dependencies=list(known.dependencies))


def _known_return(call: Callable[..., Any]) -> object:
    key = _code_of(call)
    if key not in _returned:
        _returned[key] = _return_annotation(call)
    return _returned[key]


def _code_of(call: Callable[..., Any]) -> tuple[object, ...]:
    function = getattr(call, "__func__", call)
    return function.__qualname__, function.__code__


def _known_field(*, name: str, type_: Any, mode: Any) -> object:  # noqa: ANN401
    key = (name, type_, mode)
    if key not in _fields:
        _fields[key] = _make_field(name=name, type_=type_, mode=mode)
    return _fields[key]
