"""One bounded GET: in time, in bytes, and without being sent elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, InvalidURL

from domain.errors import NeighbourUnavailable
from messaging.meter import Meter

TRY_SECONDS: Final = 2.0
"""For one answer, from connecting to its last byte."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer worth reading: status 2xx, or 4xx but 429."""

    status: int
    body: bytes

    @property
    def is_ok(self) -> bool:
        """Whether it is what was asked for."""
        return self.status < HTTPStatus.BAD_REQUEST


class Neighbour:
    """A sibling HTTP service.

    Raises :class:`~domain.errors.NeighbourUnavailable` with its name and a reason when it is down, slow,
    answers 5xx, 429, too much, or with a redirect: no address but the configured one is ever asked.
    """

    def __init__(self, *, name: str, url: str, session: ClientSession, meter: Meter, most_bytes: int) -> None:
        self.name = name
        self._url = url.rstrip("/")
        self._session = session
        self._meter = meter
        self._most_bytes = most_bytes

    async def get(
        self, path: str, *, query: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """The answer to one try.  Repeating is safe."""
        try:
            async with self._session.get(
                self._url + path,
                params=query,
                headers={"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})},
                allow_redirects=False,
                timeout=ClientTimeout(total=TRY_SECONDS),
            ) as response:
                return await self._read(response)
        except TimeoutError:
            raise self.unavailable(f"no answer within {TRY_SECONDS:g} s") from None
        except InvalidURL:
            raise self.unavailable("its address is not a URL") from None
        except (ClientError, OSError) as error:
            raise self.unavailable(type(error).__name__) from error

    def unavailable(self, reason: str) -> NeighbourUnavailable:
        """The error to raise, counted."""
        self._meter.dependency_failed(self.name)
        return NeighbourUnavailable(self.name, reason)

    async def _read(self, response: ClientResponse) -> Reply:
        if response.status // 100 not in (2, 4) or response.status == HTTPStatus.TOO_MANY_REQUESTS:
            raise self.unavailable(f"answered {response.status}")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._most_bytes:
                raise self.unavailable(f"answered more than {self._most_bytes} bytes")
        return Reply(response.status, bytes(body))
