"""The command line: names and options here, the work elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from service.errors import StartFailed

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)

Port = Annotated[int | None, typer.Option(help="The port to listen on; PORT of the environment, or 8002.")]
DataDirectory = Annotated[Path, typer.Option(help="Where private servers keep their data; one per run.")]
HERE = Path(".data")


@app.callback(invoke_without_command=True)
def start(context: typer.Context, *, port: Port = None, data_dir: DataDirectory = HERE) -> None:
    """Start the matching service with everything it needs; without a command, that is all there is to type.

    PostgreSQL, Redis and RabbitMQ run privately where DATABASE_URL, REDIS_URL
    and RABBITMQ_URL are not set. Also: ./run test (every check), ./run load
    (how fast it is), ./run chaos (whether it keeps its promises under fire)
    and ./run audit (advisories about what is pinned).
    """
    if context.invoked_subcommand is None:
        from service.development import run_everything  # noqa: PLC0415  each command loads what it needs only

        raise typer.Exit(run_everything(port=port, data_dir=data_dir))


@app.command()
def serve(*, port: Port = None) -> None:
    """Serve with what the environment gives: nothing is started, nothing is migrated."""
    from service.settings import load_settings  # noqa: PLC0415

    settings = load_settings(**({} if port is None else {"port": port}))
    from service import bootstrap  # noqa: PLC0415

    raise typer.Exit(bootstrap.run(settings))


@app.command()
def migrate() -> None:
    """Bring the schema of DATABASE_URL up to date."""
    from service.migrating import migrate as upgrade  # noqa: PLC0415
    from service.migrating import newest_revision  # noqa: PLC0415

    upgrade()
    typer.echo(f"The database is at revision {newest_revision()}.")


@app.command()
def token(user_id: str, *, hours: Annotated[float, typer.Option(min=0.01, max=8760)] = 12) -> None:
    """Print an access token of a user; with ENV=dev only."""
    from service.settings import load_settings_before_servers  # noqa: PLC0415
    from service.tokens import sign_token  # noqa: PLC0415

    typer.echo(sign_token(load_settings_before_servers(), user_id, lifetime_seconds=int(hours * 3600)))


@app.command()
def doctor(*, data_dir: DataDirectory = HERE) -> None:
    """Check settings, servers and neighbours: a line each, and what to do about it."""
    from service.doctor import examine  # noqa: PLC0415

    raise typer.Exit(examine(data_dir))


def main() -> None:
    """Run the command line; what keeps it from starting becomes one message on stderr."""
    try:
        app(prog_name="./run")
    except StartFailed as error:
        typer.echo(str(error), err=True)
        sys.exit(error.exit_code)
