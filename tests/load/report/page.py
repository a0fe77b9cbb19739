"""The page that stands alone: no script, no network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from string import Template
from typing import Final

from tests.charts import stylesheet
from tests.load.report.sheet import Sheet, Table

TEMPLATE: Final = Path(__file__).with_name("page.html")


def page(sheet: Sheet) -> str:
    """The HTML."""
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(f"Load report: {sheet.title}"),
        style=stylesheet(),
        mark="clean" if sheet.is_clean else "broken",
        verdict=escape(sheet.verdict),
        written=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        command=escape(sheet.command),
        caveats="\n".join(f"<li>{escape(caveat)}</li>" for caveat in sheet.caveats),
        pictures="\n".join(f'<div class="wide">{picture}</div>' for picture in sheet.pictures),
        tables="\n".join(map(_table, sheet.tables)),
        surroundings="\n".join(_named(title, values) for title, values in sheet.surroundings.items()),
    )


def _named(title: str, values: Mapping[str, object]) -> str:
    rows = [(name.replace("_", " "), _spoken(value)) for name, value in values.items()]
    return _table(Table(title, (), rows or [("none", "")]))


def _spoken(value: object) -> str:
    match value:
        case bool() | None:
            return {True: "yes", False: "no", None: "none"}[value]
        case float():
            return f"{value:g}"
        case list() | tuple():
            return ", ".join(map(_spoken, value))
        case _:
            return str(value)


def _table(table: Table) -> str:
    if not table.heads:
        return _list(table)
    heads = "".join(f"<th{_side(number)}>{escape(head)}</th>" for number, head in enumerate(table.heads))
    rows = "".join(_row(row, is_wrong=number in table.wrong) for number, row in enumerate(table.rows))
    head = f"<caption>{escape(table.title)}</caption><thead><tr>{heads}</tr></thead>"
    return f'<div class="wide"><table>{head}<tbody>{rows}</tbody></table></div>'


def _list(table: Table) -> str:
    """Names and values: nothing to compare from row to row."""
    rows = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in table.rows)
    return f'<table class="named"><caption>{escape(table.title)}</caption><tbody>{rows}</tbody></table>'


def _row(row: Sequence[str], *, is_wrong: bool) -> str:
    cells = "".join(f"<td{_side(number)}>{escape(cell)}</td>" for number, cell in enumerate(row))
    return f'<tr class="broken">{cells}</tr>' if is_wrong else f"<tr>{cells}</tr>"


def _side(number: int) -> str:
    """The first column names the row, the others are figures."""
    return ' class="number"' if number else ""
