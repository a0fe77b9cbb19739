"""The REST API as OpenAPI 3.1, generated from the route table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from web.errors import PROBLEM_JSON
from web.options import WebOptions
from web.routes import Route
from web.schemas import UUID_PATTERN, ProblemBody

Json = dict[str, Any]
REF: Final = "#/components/schemas/{model}"
_SECURITY: Final = "accessToken"
_HEADERS: Final[Mapping[int, tuple[str, ...]]] = {
    201: ("Location",),
    401: ("WWW-Authenticate",),
    415: ("Accept-Encoding",),
    426: ("Upgrade", "Sec-WebSocket-Version"),
    429: ("Retry-After",),
    503: ("Retry-After",),
}


def openapi(routes: Iterable[Route], options: WebOptions) -> Json:
    """The document."""
    routes = list(routes)
    paths: dict[str, Json] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": options.app_name,
            "version": options.version,
            "description": "Pairs PeerPrep users by difficulty and topic. Events: /asyncapi.json.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"schemas": _schemas(routes), "securitySchemes": _security_schemes()},
    }


def _schemas(routes: Iterable[Route]) -> Json:
    taken: set[type[BaseModel]] = {route.body for route in routes if route.body is not None}
    given = {model for route in routes for models in route.answers.values() for model in models} | {ProblemBody}
    modes: list[tuple[type[BaseModel], JsonSchemaMode]] = [
        *((model, "validation") for model in sorted(taken, key=_name)),
        *((model, "serialization") for model in sorted(given, key=_name)),
    ]
    _, document = models_json_schema(modes, ref_template=REF)
    definitions: Json = document["$defs"]
    return definitions


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _security_schemes() -> Json:
    return {_SECURITY: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}


def _operation(route: Route) -> Json:
    operation: Json = {
        "operationId": route.name,
        "summary": route.summary,
        "tags": [route.tag],
        "responses": _responses(route),
        "security": [{_SECURITY: []}] if route.needs_token else [],
    }
    parameters = [_parameter(name) for name in re.findall(r"{(\w+)}", route.path)]
    if parameters:
        operation["parameters"] = parameters
    if route.body is not None:
        schema = {"$ref": REF.format(model=route.body.__name__)}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def _parameter(name: str) -> Json:
    schema = {"type": "string", "format": "uuid", "pattern": UUID_PATTERN}
    return {"name": name, "in": "path", "required": True, "schema": schema}


def _responses(route: Route) -> Json:
    responses = {
        str(status): _response(status, _one_of(models), "application/json") for status, models in route.answers.items()
    }
    if not route.answers and route.media_type:
        responses["200"] = _response(200, {}, route.media_type)
    elif not route.answers:
        responses["101"] = {"description": "The socket is open; see /asyncapi.json"}
    for status in sorted({*route.problems}):
        responses[str(status)] = _response(status, {"$ref": REF.format(model=ProblemBody.__name__)}, PROBLEM_JSON)
    return responses


def _one_of(models: tuple[type[BaseModel], ...]) -> Json:
    references = [{"$ref": REF.format(model=model.__name__)} for model in models]
    return references[0] if len(references) == 1 else {"anyOf": references}


def _response(status: int, schema: Json, media_type: str) -> Json:
    response: Json = {"description": HTTPStatus(status).phrase, "content": {media_type: {"schema": schema}}}
    names = _HEADERS.get(status, ())
    if names:
        response["headers"] = {name: {"required": True, "schema": {"type": "string"}} for name in names}
    return response
