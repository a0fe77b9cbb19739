"""How PostgreSQL finds what the service asks for: the plans of the very statements that it sends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from persistence.postgres.database import Database

SMALL: Final = frozenset({"heartbeat"})
"""Tables of one row."""

EXPLAIN: Final = "EXPLAIN (FORMAT JSON)"
SHOWN: Final = 90
"""Letters of a statement that name it."""


class Plans:
    """Remembers each statement with the arguments of its first use, for which it is planned again later."""

    def __init__(self) -> None:
        self.paths: dict[str, str] = {}
        """For each statement, shortened, the indexes and tables of its latest plan."""
        self._statements: dict[str, tuple[Any, ...]] = {}

    def watch(self, database: Database) -> None:
        """Look at everything that *database* is asked from now on."""
        fetch = database.fetch

        async def noted(sql: str, *arguments: Any) -> list[Any]:
            self._statements.setdefault(sql, arguments)
            return await fetch(sql, *arguments)

        vars(database)["fetch"] = noted  # for this one object: everything else stays as it is

    async def explain(self, database: Database) -> dict[str, list[str]]:
        """For each statement the tables that are read from end to end; nothing is executed.

        The plans are made by a connection of the service's own kind, so with its settings.
        """
        found: dict[str, list[str]] = {}
        for sql, arguments in list(self._statements.items()):
            if not sql.startswith(EXPLAIN):
                [row] = await database.fetch(f"{EXPLAIN} {sql}", *arguments)
                plan, name = json.loads(row[0])[0]["Plan"], name_of(sql)
                self.paths[name] = ", ".join(dict.fromkeys(paths(plan)))
                found[name] = [*full_reads(plan)]
        return found


def name_of(sql: str) -> str:
    """The beginning of a statement, without a list of columns that many begin with."""
    return re.sub(r"^SELECT .*? FROM (?=\w+ )", "SELECT ... FROM ", " ".join(sql.split()))[:SHOWN]


def full_reads(plan: dict[str, Any]) -> Iterator[str]:
    """The tables that *plan* reads from end to end."""
    whole = (node["Relation Name"] for node in _scans(plan) if "Index Name" not in node)
    return (table for table in whole if table not in SMALL)


def paths(plan: dict[str, Any]) -> Iterator[str]:
    """The indexes that *plan* reads, and the tables that it reads from end to end."""
    return (node.get("Index Name") or f"ALL OF {node['Relation Name']}" for node in _scans(plan))


def _scans(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if plan["Node Type"] == "Seq Scan" or "Index Name" in plan:
        yield plan
    for part in plan.get("Plans", ()):
        yield from _scans(part)
