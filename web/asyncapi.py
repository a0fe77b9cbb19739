"""WebSocket frames and broker events as AsyncAPI 3, generated from the types that encode them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from web.frames import SENT, Ping
from web.openapi import REF
from web.options import WebOptions
from web.paths import SOCKET

Json = dict[str, Any]
EXCHANGE: Final = "matching.events"
_FRAMES: Final[tuple[type[BaseModel], ...]] = (*SENT, Ping)


def asyncapi(events: Mapping[str, type[BaseModel]], options: WebOptions) -> Json:
    """The document; *events* are the broker's, by routing key."""
    models = [*_FRAMES, *events.values()]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": f"{options.app_name} events",
            "version": options.version,
            "description": "What users hear over the WebSocket, and sibling services from the broker.",
        },
        "defaultContentType": "application/json",
        "channels": {"socket": _socket(), **{_id(key): _queue(key, model) for key, model in events.items()}},
        "operations": {
            "tellUser": _operation("send", "socket", SENT),
            "hearUser": _operation("receive", "socket", [Ping]),
            **{f"publish_{_id(key)}": _operation("send", _id(key), [model]) for key, model in events.items()},
        },
        "components": {
            "schemas": _schemas(models),
            "messages": {model.__name__: _message(model) for model in models},
        },
    }


def _socket() -> Json:
    query = {"type": "object", "properties": {"token": {"type": "string", "description": "The access token."}}}
    return {
        "address": SOCKET,
        "description": "Text frames, one JSON object each. The token may also come as Authorization header or as "
        "Sec-WebSocket-Protocol: bearer, and the token. The first frame is always state; it comes again when frames "
        "may have got lost between replicas. A replica that restarts closes its sockets with 1012; the reason ends "
        "with retry-after-ms= and how long to wait before connecting again, another while for every socket.",
        "messages": {model.__name__: _reference("messages", model.__name__) for model in _FRAMES},
        "bindings": {"ws": {"method": "GET", "query": query}},
    }


def _queue(key: str, model: type[BaseModel]) -> Json:
    exchange = {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False, "vhost": "/"}
    return {
        "address": key,
        "description": f"Routing key {key} of the durable topic exchange {EXCHANGE}.",
        "messages": {model.__name__: _reference("messages", model.__name__)},
        "bindings": {"amqp": {"is": "routingKey", "exchange": exchange}},
    }


def _operation(action: str, channel: str, models: Iterable[type[BaseModel]]) -> Json:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{model.__name__}"} for model in models],
    }


def _message(model: type[BaseModel]) -> Json:
    kind = model.model_fields.get("type") or model.model_fields["event_type"]
    name = str(kind.default)
    summary = (model.__doc__ or "").strip()
    return {"name": name, "title": name, "summary": summary, "payload": _reference("schemas", model.__name__)}


def _reference(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _schemas(models: Iterable[type[BaseModel]]) -> Json:
    _, document = models_json_schema([(model, "serialization") for model in models], ref_template=REF)
    definitions: Json = document["$defs"]
    return definitions


def _id(key: str) -> str:
    return key.replace(".", "_")
