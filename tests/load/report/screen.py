"""The tables at the end of a run."""

from __future__ import annotations

from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from tests.load.report.sheet import Sheet, Table


def show(sheet: Sheet, console: Console) -> None:
    """Everything but the pictures and surroundings."""
    style = "bold" if sheet.is_clean else "red"
    console.print(f"{escape(sheet.title)}: {escape(sheet.verdict)}", style=style, highlight=False)
    for table in sheet.tables:
        console.print(_drawn(table))
    for caveat in sheet.caveats:
        console.print(f"  * {escape(caveat)}", style="dim", highlight=False)


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(title=table.title, show_header=bool(table.heads), title_justify="left")
    for number, head in enumerate(table.heads):
        drawn.add_column(head, justify="right" if number else "left")
    for number, row in enumerate(table.rows):
        drawn.add_row(*map(escape, row), style="red" if number in table.wrong else None)
    return drawn
