"""The command line of the chaos programme: ``./run chaos --help``."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Final

import typer

from service.errors import StartFailed
from tests.chaos.checker.secrets import PRINTED
from tests.chaos.crash.cli import crash
from tests.chaos.evidence import Evidence
from tests.chaos.faults import FAULTS, NoSuchFault, why_not
from tests.chaos.page import page
from tests.chaos.plan import ChaosPlan
from tests.chaos.report import Judged, lines, summed
from tests.chaos.run import TownBroken, play

SMOKE: Final = ("F1", "F5", "F9", "F11", "F16", "F25", "F34")
"""The mix of CI; F38, everything three times, is in what users do anyway."""
SMOKE_SECONDS, SMOKE_RATE = 60.0, 15.0
"""Few enough users for a machine of CI: the promises are of time as well."""
BROKEN_PROMISE, NO_RUN = 1, 3

Say = Callable[[str], None]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.command()(crash)


@app.callback(invoke_without_command=True)
def chaos(
    context: typer.Context,
    *,
    seed: Annotated[int, typer.Option(min=0, help="Decides what breaks, when, and what every user does.")] = 1,
    seeds: Annotated[str, typer.Option(metavar="FROM-TO", help="A run for each, instead of --seed.")] = "",
    seconds: Annotated[float, typer.Option(min=1, max=86_400, help="How long users come.")] = 60,
    rate: Annotated[float, typer.Option(min=0.1, max=500, help="Users that arrive in a second.")] = 30,
    faults: Annotated[str, typer.Option(metavar="A,B", help="Names or numbers to choose from; else all.")] = "",
    each: Annotated[bool, typer.Option("--each", help="Each fault alone, in the order of the matrix.")] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help="The mix of CI, a minute.")] = False,
    fsync: Annotated[bool, typer.Option(help="Whether the stores wait for the disk, as real ones do.")] = True,
    keep: Annotated[Path | None, typer.Option(help="Where the evidence stays.", file_okay=False)] = None,
    report: Annotated[Path | None, typer.Option(help="Where to write the page.", dir_okay=False)] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name every fault, and play nothing.")] = False,
) -> None:
    """Lets users live while things break, and judges what was left behind: docs/reliability.md says by which rules.

    Without options: a minute of a random mix.  The exit code is 1 when a promise was broken.

    ./run chaos --seeds 1-10 --report FILE.html   ten runs, and a page with the faults marked on it

    ./run chaos --faults F9,replica-kill --each   these alone, one after the other
    """
    if context.invoked_subcommand is not None:
        return
    plan = ChaosPlan(
        seed=seed, seconds=seconds, rate=rate, faults=[name for name in faults.split(",") if name], one_by_one=each,
        fsync=fsync,
    )  # fmt: skip
    if list_:
        _list(plan)
        return
    if smoke:
        plan = _smoke(plan)
    runs = [_one(replace(plan, seed=number), keep) for number in _numbers(seeds, seed)]
    _finish(runs, report)


@app.command()
def check(
    folder: Annotated[Path, typer.Argument(help="A folder of evidence, or of several.", exists=True, file_okay=False)],
    report: Annotated[Path | None, typer.Option(help="Where to write the page.", dir_okay=False)] = None,
) -> None:
    """Judges kept evidence again."""
    folders = sorted(path.parent for path in folder.glob("**/run.json"))
    if not folders:
        raise typer.BadParameter("there is no evidence in it", param_hint="FOLDER")
    _finish([_judged(one, typer.echo) for one in folders], report)


def _one(plan: ChaosPlan, keep: Path | None) -> Judged:
    typer.echo(f"seed {plan.seed}")
    with _folder(keep, plan.seed) as folder, (folder / PRINTED).open("w", encoding="utf-8") as printed:

        def say(line: str) -> None:
            typer.echo(line)
            print(line, file=printed, flush=True)

        _play(plan, folder, say)
        return _judged(folder, say)


def _play(plan: ChaosPlan, folder: Path, say: Say) -> None:
    import uvloop  # noqa: PLC0415

    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(play(plan, folder, say))
    except TownBroken as broken:  # the evidence is whole, and the verdict says so too
        say(f"NOT HEALED: {broken}")


def _judged(folder: Path, say: Say) -> Judged:
    run = Judged.of(Evidence.read(folder))
    for line in lines(run):
        say(line)
    return run


def _finish(runs: Sequence[Judged], report: Path | None) -> None:
    typer.echo(summed(runs))
    if report is not None:
        report.write_text(page(runs), encoding="utf-8")
        typer.echo(f"the report is in {report}")
    raise typer.Exit(0 if all(run.verdict.is_clean for run in runs) else BROKEN_PROMISE)


def _smoke(plan: ChaosPlan) -> ChaosPlan:
    """The mix of CI, as far as this machine can make it."""
    possible = {fault.number for fault in FAULTS if not why_not(fault, plan)}
    return replace(
        plan, seconds=SMOKE_SECONDS, rate=SMOKE_RATE, faults=[number for number in SMOKE if number in possible]
    )


def _list(plan: ChaosPlan) -> None:
    for fault in FAULTS:
        reason = why_not(fault, plan)
        remark = f"  NOT HERE: {reason}" if reason else "  (not in the mix)" if fault.heavy else ""
        typer.echo(f"{fault.number:<4} {fault.name:<28} {fault.title}{remark}")


def _numbers(seeds: str, seed: int) -> Sequence[int]:
    if not seeds:
        return [seed]
    first, _, last = seeds.partition("-")
    if not (first.isdecimal() and (last or first).isdecimal() and int(first) <= int(last or first)):
        raise typer.BadParameter("it is like 1-10", param_hint="--seeds")
    return range(int(first), int(last or first) + 1)


@contextmanager
def _folder(keep: Path | None, seed: int) -> Iterator[Path]:
    """Where the evidence of one run goes: a new folder, kept or not."""
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="chaos-") as name:
            yield Path(name)
        return
    folder = keep / f"seed-{seed}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise typer.BadParameter(f"{folder} is there already", param_hint="--keep") from None
    yield folder


def main() -> None:
    """Runs the programme; what keeps it from starting becomes one message on stderr."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also in the background of a shell, which ignores it
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that servers and folders go too
    try:
        app(prog_name="./run chaos")
    except (StartFailed, NoSuchFault) as error:
        typer.echo(str(error), err=True)
        sys.exit(NO_RUN)


if __name__ == "__main__":
    main()
