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
_make_field = routing.create_model_field  # type: ignore[attr-defined]

_analysed: dict[object, Dependant] = {}
_fields: dict[object, object] = {}


def fast_app(parts: WebParts) -> FastAPI:
    """`create_app`, with the parameters of endpoints and the forms of answers that the process has seen before."""
    with (
        patch.object(routing, "get_dependant", _known_dependant),
        patch.object(routing, "create_model_field", _known_field),
    ):
        return create_app(parts)


def _known_dependant(*, path: str, call: Callable[..., Any], scope: Any) -> Dependant:  # noqa: ANN401
    """The parameters of an endpoint. Methods of two objects, and closures of one code, have the same."""
    function = getattr(call, "__func__", call)
    key = (path, function.__qualname__, function.__code__)
    if key not in _analysed:
        _analysed[key] = _analyse(path=path, call=call, scope=scope)
    known = _analysed[key]
    return replace(known, call=call, dependencies=list(known.dependencies))


def _known_field(*, name: str, type_: Any, mode: Any) -> object:  # noqa: ANN401
    key = (name, type_, mode)
    if key not in _fields:
        _fields[key] = _make_field(name=name, type_=type_, mode=mode)
    return _fields[key]
