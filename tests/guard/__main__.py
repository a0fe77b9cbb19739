"""Prints the present figures as the table of budgets: ``python -m tests.guard > tests/guard/budgets.toml``."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from service.embedded import Servers, temporary_servers
from service.embedded.databases import fresh_database, make_template
from tests.guard.budgets import as_table
from tests.guard.house import open_house
from tests.guard.measuring import TRIES, Figures, measure


def count(*, tries: Annotated[int, typer.Option(min=1, max=100)] = TRIES, spread: bool = False) -> None:
    """Count what a match takes, and print the table; with --spread, how far every figure moved as well."""
    with temporary_servers(rabbitmq=True) as servers:
        if servers.urls.rabbitmq_url is None:
            raise typer.BadParameter("RabbitMQ is not installed: apt-get install rabbitmq-server")
        servers.wait_for("rabbitmq")
        figures = asyncio.run(_measure(servers, tries))
    typer.echo(as_table(figures))
    if spread:
        for scene, rows in figures.items():
            for name, counts in rows.items():
                typer.echo(f"# {name}, {scene}: {min(counts):g} to {max(counts):g}", err=True)


async def _measure(servers: Servers, tries: int) -> Figures:
    url, redis_url, rabbitmq_url = servers.urls.database_url, servers.urls.redis_url, servers.urls.rabbitmq_url
    assert url is not None
    assert redis_url is not None
    assert rabbitmq_url is not None
    await make_template(url)
    with tempfile.TemporaryDirectory(prefix="counted-") as folder:
        async with (
            fresh_database(url) as database_url,
            open_house(
                Path(folder), database_url=database_url, redis_url=redis_url, rabbitmq_url=rabbitmq_url
            ) as house,
        ):
            return await measure(house, tries=tries)


if __name__ == "__main__":
    sys.argv[0] = "python -m tests.guard"
    typer.run(count)
