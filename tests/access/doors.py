"""Every way to name an id to the service, read from its table of routes: a new route is tested without being listed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from web.routes import ROUTES, Route

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
KINDS: Final = ("request_id", "match_id", "session_id")
CHOICES: Final = {bool: (True, False)}
"""What a test says in the fields of a body that are no ids."""


@dataclass(frozen=True, slots=True)
class Door:
    """One method, and one place in path or body where an id goes."""

    method: str
    path: str
    kind: str
    """Whose ids belong there: one of ``KINDS``."""
    rest: tuple[tuple[str, Any], ...] | None = None
    """The other fields of the body; None where the id stands in the path."""
    is_served: bool = True
    """Whether the table has this method for this path."""

    @property
    def name(self) -> str:
        said = "".join(f" {field}={value}" for field, value in self.rest or ())
        return f"{self.method} {self.path}{said}"

    def target(self, one: str) -> str:
        """The path to *one*."""
        return self.path.replace(f"{{{self.kind}}}", one)

    def body(self, one: str) -> bytes:
        """What is sent to ask for *one*."""
        return b"" if self.rest is None else json.dumps({self.kind: one, **dict(self.rest)}).encode()


def doors() -> tuple[Door, ...]:
    """All of them.  Fails for a route that this page cannot ask."""
    return tuple(door for route in ROUTES for door in (*_in_path(route), *_in_body(route)))


def _in_path(route: Route) -> Iterator[Door]:
    names = re.findall(r"\{(\w+)\}", route.path)
    assert len(names) <= 1, f"{route.path}: say here how to ask for one of several ids"
    for kind in names:
        assert kind in KINDS, f"{route.path}: tests/access has no {kind} of somebody else's to ask for"
        served = {other.method for other in ROUTES if other.path == route.path}
        served |= {"HEAD"} & {"HEAD" for method in served if method == "GET"}
        others = set(METHODS) - served if route.method == min(served - {"HEAD"}) else set()
        for method in METHODS:
            if method == route.method or (method == "HEAD" and route.method == "GET") or method in others:
                yield Door(method, route.path, kind, is_served=method in served)


def _in_body(route: Route) -> Iterator[Door]:
    fields = route.body.model_fields if route.body is not None else {}
    for kind in (name for name in fields if name.endswith("_id")):
        assert kind in KINDS, f"{route.path}: tests/access has no {kind} of somebody else's to ask for"
        others = {name: field.annotation for name, field in fields.items() if name != kind}
        for name, annotation in others.items():
            assert annotation in CHOICES, f"{route.path}: say in CHOICES what its {name} may be"
        for values in product(*(CHOICES[annotation] for annotation in others.values() if annotation in CHOICES)):
            yield Door(route.method, route.path, kind, tuple(zip(others, values, strict=True)))
