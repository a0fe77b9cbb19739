"""From bytes to a body: strict where JSON is lax, and whatever the Content-Type says."""

from __future__ import annotations

import asyncio
import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from web.errors import BodyTooLarge, BodyTooSlow, EncodingRefused, InvalidBody, Malformed, NotSpoken

MAX_BODY_BYTES: Final = 16 * 1024
BODY_SECONDS: Final = 10
MAX_DEPTH: Final = 64

_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)

B = TypeVar("B", bound=BaseModel)


async def read_body(request: web.Request, model: type[B], context: Mapping[str, Any]) -> B:
    """The request's body.

    Raises ``EncodingRefused``, ``BodyTooLarge``, ``BodyTooSlow``, ``Malformed`` (no JSON, or framed oddly) or
    ``InvalidBody`` (JSON, but no *model*).
    """
    if any(coding.strip().lower() != "identity" for coding in request.headers.getall("Content-Encoding", [])):
        raise EncodingRefused
    if request.headers.get("Transfer-Encoding", "chunked").strip().lower() != "chunked":
        raise Malformed("No transfer coding but chunked is read.")
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise BodyTooLarge
    return validated(parsed(await _bytes(request)), model, context)


async def _bytes(request: web.Request) -> bytes:
    try:
        if request.content.is_eof():  # it came with the headers: nothing to wait for
            return await request.read()
        async with asyncio.timeout(BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise BodyTooSlow from None
    except (web.RequestPayloadError, ConnectionError):
        raise NotSpoken("The body broke off.") from None


def parsed(body: bytes | str) -> Any:
    """The JSON value of *body*.  Raises ``Malformed``, also for what only Python takes for JSON."""
    try:
        text = body if isinstance(body, str) else body.decode("utf-8")
        _expect_shallow(text)
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        raise Malformed("The body is not valid JSON.") from None


def validated(value: Any, model: type[B], context: Mapping[str, Any]) -> B:
    """*value* as a *model*.  Raises ``InvalidBody`` with every field error."""
    try:
        return model.model_validate(value, context=dict(context))
    except ValidationError as error:
        raise InvalidBody(
            [
                {"field": ".".join(map(str, wrong["loc"])), "code": wrong["type"], "message": wrong["msg"]}
                for wrong in error.errors(include_url=False, include_context=False, include_input=False)
            ]
        ) from None


def _expect_shallow(text: str) -> None:
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return
    depth = 0
    for character in _STRINGS.sub("", text):
        depth += (character in "[{") - (character in "]}")
        if depth > MAX_DEPTH:
            raise ValueError


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError
    return members


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError
    return number


def _refuse(_: str) -> NoReturn:
    raise ValueError


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_refuse)
