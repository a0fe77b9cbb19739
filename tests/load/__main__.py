"""Measures how fast the service is; docs/performance.md has what came out."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import typer
from rich.console import Console

from service.errors import StartFailed
from tests.load.arrivals import Arrival
from tests.load.report import Sheet, page, show
from tests.load.report.findings import write

R = TypeVar("R")

app = typer.Typer(
    add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None, no_args_is_help=True, help=__doc__
)


def _in_a_folder(path: Path | None) -> Path | None:
    """Told before the run, not after it."""
    if path is not None and not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}")
    return path


Json = Annotated[
    Path | None,
    typer.Option("--json", help="Where to keep everything, as JSON.", dir_okay=False, callback=_in_a_folder),
]
Page = Annotated[
    Path | None,
    typer.Option("--report", help="Where to keep the page, as HTML.", dir_okay=False, callback=_in_a_folder),
]
Fsync = Annotated[bool, typer.Option(help="Whether the private stores wait for the disk, as real ones do.")]


@app.command()
def flow(
    *,
    rate: Annotated[float, typer.Option(min=0.1, max=2000, help="Pairs that arrive in a second.")] = 100,
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="How long pairs arrive.")] = 10,
    url: Annotated[str | None, typer.Option(help="A service that runs on this machine with ENV=dev.")] = None,
    replicas: Annotated[int, typer.Option(min=1, max=8, help="Processes of the service to start.")] = 1,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Processes that generate load.")] = 1,
    buckets: Annotated[int, typer.Option(min=8, max=500, help="Buckets the pairs go to in turn.")] = 45,
    warm_up: Annotated[float, typer.Option(min=0, max=60, help="Seconds before it is measured.")] = 2,
    fsync: Fsync = True,
    json: Json = None,
    report: Page = None,
) -> None:
    """Measures the whole flow over REST, WebSocket and AMQP, as an open loop."""
    from tests.load.flow import FlowPlan, measure  # noqa: PLC0415  each command loads what it needs only

    plan = FlowPlan(
        rate=rate, seconds=seconds, url=url, replicas=replicas, workers=workers, buckets=buckets, warm_up=warm_up,
        fsync=fsync,
    )  # fmt: skip
    console = Console()
    _finish(_run(measure(plan, console)), console, json, report)


@app.command()
def floor(
    *,
    rate: Annotated[float, typer.Option(min=0.1, max=2000, help="Pairs that arrive in a second.")] = 100,
    seconds: Annotated[float, typer.Option(min=0.1, max=600, help="Of one measurement.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, max=50, help="Measurements of each, in turn.")] = 3,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Processes that generate load.")] = 1,
    fsync: Fsync = True,
    json: Json = None,
    report: Page = None,
) -> None:
    """Measures the bare aiohttp floor and the service in turn: how much CPU a match costs beyond answering."""
    from tests.load.flow import FlowPlan  # noqa: PLC0415
    from tests.load.ratio import compare  # noqa: PLC0415

    console = Console()
    plan = FlowPlan(rate=rate, seconds=seconds, workers=workers, fsync=fsync)
    _finish(_run(compare(plan, rounds, console)), console, json, report)


@app.command()
def buckets(
    *,
    buckets: Annotated[int, typer.Option(min=1, max=500, help="Bucket actors.")] = 8,
    users: Annotated[int, typer.Option(min=2, max=1_000_000)] = 20_000,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, max=600, help="Instead of --users: --rate times this many, or half of that in a ramp."),
    ] = None,
    arrival: Annotated[
        Arrival, typer.Option(help="burst: all at once; poisson: at random moments; ramp: from 0 to --rate a second.")
    ] = Arrival.BURST,
    rate: Annotated[float, typer.Option(min=1, max=100_000, help="Users a second, for poisson and ramp.")] = 2000,
    warm_up: Annotated[int, typer.Option(min=0, max=100_000, help="Users before it is measured.")] = 1000,
    fsync: Fsync = True,
    json: Json = None,
    report: Page = None,
) -> None:
    """Measures the bucket actors in this process over real PostgreSQL and Redis, without HTTP."""
    from service.logs import configure  # noqa: PLC0415
    from tests.load.buckets import BucketPlan, measure  # noqa: PLC0415

    configure(level="ERROR", pretty=False)  # the actors run in this process

    if seconds is not None:
        users = arrival.users(rate, seconds)
    plan = BucketPlan(buckets=buckets, users=users, arrival=arrival, rate=rate, warm_up=warm_up, fsync=fsync)
    console = Console()
    _finish(_run(measure(plan, console)), console, json, report)


@app.command()
def sockets(
    *,
    sockets: Annotated[int, typer.Option(min=1, max=50_000, help="WebSockets to hold open.")] = 1000,
    rate: Annotated[float, typer.Option(min=1, max=10_000, help="Sockets that are opened in a second.")] = 500,
    seconds: Annotated[float, typer.Option(min=0.1, max=3600, help="How long they are idle.")] = 20,
    storm: Annotated[bool, typer.Option(help="Whether all are dropped at once then, and come back at once.")] = True,
    concurrency: Annotated[int, typer.Option(min=1, max=10_000, help="Handshakes in flight in the storm.")] = 500,
    workers: Annotated[int, typer.Option(min=1, max=8, help="Processes that hold sockets.")] = 1,
    fsync: Fsync = True,
    json: Json = None,
    report: Page = None,
) -> None:
    """Measures idle WebSockets, and a storm in which all of them come back."""
    from tests.load.holding.program import SocketsPlan, measure  # noqa: PLC0415

    plan = SocketsPlan(
        sockets=sockets, rate=rate, seconds=seconds, storm=storm, concurrency=concurrency, workers=workers, fsync=fsync
    )
    console = Console()
    _finish(_run(measure(plan, console)), console, json, report)


@app.command()
def drain(
    *,
    events: Annotated[int, typer.Option(min=1, max=1_000_000, help="Events that wait in the outbox.")] = 20_000,
    fsync: Fsync = True,
    json: Json = None,
    report: Page = None,
) -> None:
    """Measures how fast one replica publishes what an outage of the broker has left behind."""
    from tests.load.drain import DrainPlan, measure  # noqa: PLC0415

    console = Console()
    _finish(_run(measure(DrainPlan(events=events, fsync=fsync), console)), console, json, report)


@app.command()
def growth(
    *,
    only: Annotated[str, typer.Option(help="Some of users,buckets,sockets,history; all when empty.")] = "",
    full: Annotated[bool, typer.Option(help="Also 5 million rows of history and 50,000 sockets.")] = False,
    fsync: Fsync = True,
    json: Json = None,
    report: Page = None,
) -> None:
    """Measures what a match, a bucket, a user and a socket cost as the work grows."""
    from service.logs import configure  # noqa: PLC0415
    from tests.load.growth.program import Grows, GrowthPlan, measure  # noqa: PLC0415

    configure(level="ERROR", pretty=False)  # the actors run in this process
    try:
        chosen = [Grows(name) for name in only.replace(",", " ").split()]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--only") from None
    console = Console()
    _finish(_run(measure(GrowthPlan.of(chosen, full=full, fsync=fsync), console)), console, json, report)


def _run(measuring: Coroutine[Any, Any, R]) -> R:
    import uvloop  # noqa: PLC0415

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(measuring)


class _Found(Protocol):
    """What a program returns."""

    def sheet(self) -> Sheet: ...

    def as_json(self) -> dict[str, object]: ...


def _finish(found: _Found, console: Console, json: Path | None, report: Path | None) -> None:
    sheet = found.sheet()
    show(sheet, console)
    if json is not None:
        write(found.as_json(), json)
    if report is not None:
        report.write_text(page(sheet), encoding="utf-8")
    raise typer.Exit(0 if sheet.is_clean else 1)


def main() -> None:
    """Runs a program; what keeps it from starting becomes one message on stderr."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders go too
    try:
        app(prog_name="./run load")
    except StartFailed as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
