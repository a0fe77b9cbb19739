"""How PostgreSQL finds what the service asks for: the plans of the very statements that it sends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from persistence.postgres.database import Database

SMALL: Final = frozenset({"heartbeat"})
"""Tables of one row."""


class Plans:
    """Remembers each statement with the arguments of its first use."""

    def __init__(self) -> None:
        self._statements: dict[str, tuple[Any, ...]] = {}

    def watch(self, database: Database) -> None:
        """Look at everything that *database* is asked from now on."""
        fetch = database.fetch

        async def noted(sql: str, *arguments: Any) -> list[Any]:
            self._statements.setdefault(sql, arguments)
            return await fetch(sql, *arguments)

        vars(database)["fetch"] = noted  # for this one object: everything else stays as it is

    def __len__(self) -> int:
        return len(self._statements)

    async def explained(self, database: Database) -> dict[str, Any]:
        """Each statement's plan, made by a connection of the service's own kind; nothing is executed."""
        return {
            sql: json.loads((await database.fetch(f"EXPLAIN (FORMAT JSON) {sql}", *arguments))[0][0])[0]["Plan"]
            for sql, arguments in list(self._statements.items())
            if not sql.startswith("EXPLAIN")
        }


def full_reads(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that *plan* reads from end to end."""
    if plan["Node Type"] == "Seq Scan" and plan["Relation Name"] not in SMALL:
        yield plan["Relation Name"]
    for part in plan.get("Plans", ()):
        yield from full_reads(part)
