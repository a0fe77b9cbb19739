"""The report as a page that stands alone: no script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from tests.chaos.report import SHOWN, Judged, spoken, summed, violations
from tests.chaos.series import Recovery
from tests.charts import Band, Chart, stylesheet

TEMPLATE: Final = Path(__file__).with_name("report.html")


def page(runs: Sequence[Judged]) -> str:
    """The HTML of some judged runs."""
    clean = all(run.verdict.is_clean for run in runs)
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title="Chaos report",
        style=stylesheet(),
        verdict=escape(summed(runs)),
        **{"class": "clean" if clean else "broken"},
        runs="\n".join(map(_run, runs)),
    )


FINDINGS: Final = ("", "invariant", "looked at", "violations", "figures")
FAULTS: Final = (
    "", "fault", "from", "lasted", "longest gap between matches during / after", "first match", "first success",
    "normal", "asked for", "met",
)  # fmt: skip


def _run(run: Judged) -> str:
    when = datetime.fromtimestamp(run.began, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    sums = f"{run.verdict.acknowledged:,} acknowledged operations, {violations(run.verdict.violations)}"
    parts = [
        f"<h2>Seed {run.seed}</h2>",
        f"<p>{when}. {sums}.</p>",
        f"<pre>{escape(run.command)}</pre>",
        *_charts(run),
        _table(FINDINGS, _findings(run)),
        _table(FAULTS, (_fault(one, run.began) for one in run.recoveries)),
    ]
    return "\n".join(parts)


def _charts(run: Judged) -> Iterator[str]:
    bands = [
        Band(f"{one.fault.number} {one.fault.name}", one.fault.began - run.began, one.fault.healed - run.began)
        for one in run.recoveries
    ]
    throughput = {
        "operations/s": [second.ok for second in run.seconds],
        "matches/s": [second.matches for second in run.seconds],
        "no good answer/s": [second.unknown for second in run.seconds],
    }
    latency = {
        "p50": [second.p50_ms for second in run.seconds],
        "p99": [second.p99_ms for second in run.seconds],
    }
    yield Chart(title="Throughput", lines=throughput, bands=bands).svg()
    yield Chart(title="Latency of good answers, ms", lines=latency, bands=bands).svg()


def _findings(run: Judged) -> Iterator[str]:
    for one in run.verdict.findings:
        looked_at = "<br>".join(f"{count:,} {escape(what)}" for what, count in one.looked_at.items())
        figures = "<br>".join(f"{escape(what)}: {value:,g}" for what, value in one.figures.items())
        wrong = "".join(f"<br>{escape(violation.told(run.began))}" for violation in one.violations[:SHOWN])
        mark = ' class="broken"' if one.violations else ""
        yield (
            f"<tr{mark}><td>{one.number}</td><td>{escape(one.name)}{wrong}</td><td>{looked_at}</td>"
            f'<td class="number">{len(one.violations):,}</td><td>{figures}</td></tr>'
        )


def _fault(one: Recovery, began: float) -> str:
    span, target = one.fault, one.target
    met = {None: "", True: "yes", False: "no"}[one.is_met]
    note = f"<br>{escape(span.note)}" if span.note else ""
    times = (
        f"{span.began - began:.0f} s", spoken(span.healed - span.began),
        f"{spoken(one.gap_during)} / {spoken(one.gap_after)}", spoken(one.first_match), spoken(one.first_success),
        spoken(one.normal),
    )  # fmt: skip
    cells = "".join(f'<td class="number">{time}</td>' for time in times)
    return (
        f"<tr><td>{escape(span.number)}</td><td>{escape(span.name)}{note}</td>{cells}"
        f"<td>{escape(target.text) if target else ''}</td><td>{met}</td></tr>"
    )


def _table(heads: Sequence[str], rows: Iterable[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
