"""What the OpenAPI document says of the player's calls: answers, bodies, refusals, the page's header."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from backend.interfaces.http.player import bodies, schemas
from backend.interfaces.http.player.schemas import Opening, Problem

REFS = "#/components/schemas/{model}"
PROBLEM_TYPE = "application/problem+json"

REFUSALS = {
    400: "A field or the prompt cannot be used.",
    401: "The caller is not signed in.",
    403: "Label Studio does not show the task to the caller, the setting is off, or the page's header is missing.",
    404: "There is no such task, object, frame range or propagation.",
    409: "Something is being prepared, or was cancelled; ask again.",
    422: "The media cannot be read.",
    503: "A worker, the queue, the ledger or Label Studio does not answer; ask again.",
    507: "A disk is full.",
}

_HEADER = {
    "name": "X-Masklet-Player",
    "in": "header",
    "required": True,
    "description": "Calls that change something carry it; pages of other origins cannot.",
    "schema": {"type": "string", "const": "1"},
}


def described(
    summary: str,
    answer: type[BaseModel],
    *,
    status: int = 200,
    body: type[BaseModel] | None = None,
    changes: bool = True,
    may_be_opening: bool = False,
) -> dict[str, Any]:
    """Arguments of add_api_route for a call with a JSON answer.

    body: None for a call without a body. changes: whether the call needs the page's header.
    """
    responses = {status: _content(answer.__doc__ or "", "application/json", _ref(answer)), **_refusals()}
    if may_be_opening:
        responses[202] = _content(Opening.__doc__ or "", "application/json", _ref(Opening))
    return {
        "summary": summary,
        "status_code": status,
        "responses": responses,
        "openapi_extra": {
            **({} if body is None else {"requestBody": _request_body(body)}),
            **({"parameters": [_HEADER]} if changes else {}),
        },
    }


def described_as(summary: str, media_type: str, what: str) -> dict[str, Any]:
    """The same for a call that only reads, with an answer of another media type."""
    responses = {200: _content(what, media_type, {"type": "string"}), **_refusals()}
    return {"summary": summary, "responses": responses}


def document_schemas(app: FastAPI, *modules: ModuleType) -> None:
    """Adds the forms of these modules to the app's OpenAPI document; none: the player's."""
    make, kinds = app.openapi, [kind for module in modules or (schemas, bodies) for kind in _models(module)]

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = make()
            wanted: list[tuple[type[BaseModel], JsonSchemaMode]] = [(kind, "validation") for kind in kinds]
            _, made = models_json_schema(wanted, ref_template=REFS)
            document.setdefault("components", {}).setdefault("schemas", {}).update(made["$defs"])
        return make()

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def _models(module: ModuleType) -> list[type[BaseModel]]:
    """The forms of a module. Their common base has no docstring."""
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, BaseModel)]
    return [each for each in found if each.__module__ == module.__name__ and each.__doc__]


@functools.cache
def _request_body(body: type[BaseModel]) -> dict[str, Any]:
    example = body.model_json_schema()["example"]
    return {"required": True, "content": {"application/json": {"schema": _ref(body), "example": example}}}


def _refusals() -> dict[int, dict[str, Any]]:
    return {status: _content(what, PROBLEM_TYPE, _ref(Problem)) for status, what in REFUSALS.items()}


def _content(description: str, media_type: str, schema: dict[str, str]) -> dict[str, Any]:
    return {"description": description, "content": {media_type: {"schema": schema}}}


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": REFS.format(model=model.__name__)}
