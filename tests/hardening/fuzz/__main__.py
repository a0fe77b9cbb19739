"""Noise against a real replica, for a minute: ``python -m tests.hardening.fuzz --seconds 60 --seed 1``."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from service.embedded import temporary_servers
from service.embedded.databases import make_template
from tests.hardening.fuzz.attack import Outcome, attack
from tests.hardening.fuzz.house import besieged
from tests.hardening.fuzz.visit import Tally, visit

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, help=__doc__)


@app.command()
def main(
    *,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="How long, warm-up included.")] = 60,
    seed: Annotated[int, typer.Option(help="The same seed, the same visits.")] = 1,
    visitors: Annotated[int, typer.Option(min=1, max=500, help="Connections at the same time.")] = 128,
    only: Annotated[int | None, typer.Option(help="Make this one visit of the run, and nothing else.")] = None,
) -> None:
    """Fails when the replica dies, slows down, grows, keeps something, logs an error or answers one."""
    outcome = asyncio.run(_run(seconds, seed, visitors, only))
    _show(outcome)
    raise typer.Exit(code=1 if outcome.findings else 0)


async def _run(seconds: float, seed: int, visitors: int, only: int | None) -> Outcome:
    with temporary_servers() as servers, tempfile.TemporaryDirectory() as folder:
        postgres_url, redis_url = servers.urls.database_url, servers.urls.redis_url
        assert postgres_url is not None
        assert redis_url is not None
        await make_template(postgres_url)
        async with besieged(Path(folder), postgres_url=postgres_url, redis_url=redis_url) as replica:
            if only is None:
                return await attack(replica, seconds=seconds, seed=seed, visitors=visitors)
            await visit(replica.url, seed, only, Tally())
            return await attack(replica, seconds=0, seed=seed, visitors=1)


def _show(outcome: Outcome) -> None:
    console, tally, before, after = Console(highlight=False), outcome.tally, outcome.before, outcome.after
    console.print(
        f"seed {outcome.seed}: {tally.connections:,} connections, {tally.requests:,} requests, "
        f"{tally.sockets:,} sockets, {tally.frames:,} frames, {tally.sent_bytes / 1e6:,.1f} MB"
    )
    console.print("answers: " + ", ".join(f"{status}: {times:,}" for status, times in sorted(tally.statuses.items())))
    console.print("log: " + ", ".join(f"{what}: {times:,}" for what, times in sorted(outcome.lines.items())))
    console.print(
        f"memory {before.resident_bytes >> 20} → {after.resident_bytes >> 20} MiB, descriptors {before.descriptors} → "
        f"{after.descriptors}, tasks {before.tasks} → {after.tasks}, sockets {after.sockets}"
    )
    for finding in outcome.findings[:20]:
        console.print(f"FOUND {escape(finding)}")
    console.print(f"{len(outcome.findings)} findings")


if __name__ == "__main__":
    app()
