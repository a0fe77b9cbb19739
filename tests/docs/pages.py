"""How the tests read a page."""

from __future__ import annotations


def table(page: str, first_column: str) -> list[list[str]]:
    """The rows below the heading row that begins with *first_column*; an empty first cell repeats the one above."""
    lines = iter(page.splitlines())
    assert any(line.startswith(f"| {first_column} |") for line in lines), f"no table of each {first_column}"
    next(lines)
    rows: list[list[str]] = []
    for line in lines:
        if not line.startswith("|"):
            break
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        cells[0] = cells[0] or rows[-1][0]
        rows.append(cells)
    return rows
