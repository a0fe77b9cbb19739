"""The command ``./run chaos crash``."""

from __future__ import annotations

import asyncio
import signal
import time
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from service.embedded import temporary_servers
from service.embedded.databases import make_template
from service.embedded.rabbitmq import ABSENT
from service.errors import StartFailed
from tests.chaos.crash.programme import CrashPlan, Findings, house, perform
from tests.chaos.crash.report import show
from tests.chaos.crash.steps import STEPS


def crash(
    *,
    times: Annotated[int, typer.Option(min=1, max=10_000, help="Deaths at each step, with each variant.")] = 100,
    steps: Annotated[str, typer.Option(help="Names, comma separated; all of them by default.")] = ",".join(STEPS),
    side_by_side: Annotated[int, typer.Option(min=2, max=40, help="Runs at the same time.")] = 12,
    limit_seconds: Annotated[float, typer.Option(min=0.1, max=60, help="All must be well so soon after a death.")] = 5,
) -> None:
    """Ends the process at every named step, and looks whether everything goes on within five seconds."""
    chosen = [name.strip() for name in steps.split(",") if name.strip()]
    if unknown := [name for name in chosen if name not in STEPS]:
        raise typer.BadParameter(f"{', '.join(unknown)}; there are {', '.join(STEPS)}", param_hint="--steps")
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # which ends everything in good order
    console = Console()
    began = time.monotonic()
    plan = CrashPlan(times=times, steps=chosen, side_by_side=side_by_side, limit_seconds=limit_seconds)
    findings = asyncio.run(_perform(plan, console))
    show(findings, time.monotonic() - began, console)
    raise typer.Exit(0 if findings.is_clean else 1)


async def _perform(plan: CrashPlan, console: Console) -> Findings:
    """On private servers, which do not wait for the disk: it is the service that dies, not the machine."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with temporary_servers(rabbitmq=True) as servers, Progress(*columns, console=console) as bar:
        urls = servers.urls
        if not urls.database_url or not urls.redis_url or not urls.rabbitmq_url:
            raise StartFailed(ABSENT)
        await make_template(urls.database_url)
        await asyncio.to_thread(servers.wait_for, "rabbitmq")
        task = bar.add_task("deaths", total=2 * plan.times * len(plan.steps))
        async with house(
            postgres_url=urls.database_url, redis_url=urls.redis_url, rabbitmq_url=urls.rabbitmq_url
        ) as home:
            return await perform(plan, home, lambda _: bar.advance(task))
