"""docs/reliability.md names every promise that is judged and every fault that can be made, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from tests.chaos.checker import judge
from tests.chaos.faults import FAULTS
from tests.chaos.series import TARGETS
from tests.chaos.story import a_story
from tests.docs.pages import table

PAGE = (Path(__file__).parents[2] / "docs" / "reliability.md").read_text(encoding="utf-8")


def test_the_page_names_every_promise_in_the_order_of_the_report() -> None:
    numbers = [finding.number for finding in judge(a_story().evidence()).findings]
    promised = [row[0] for row in table(PAGE, "number")]
    assert promised == list(dict.fromkeys(numbers))


def test_the_page_has_a_row_for_every_fault_with_what_is_asked_for() -> None:
    rows = {cells[0]: cells[-1] for cells in table(PAGE, "fault")}
    asked = {number: target.text for number, target in TARGETS.items()}
    assert rows == {f"{fault.number} `{fault.name}`": asked.get(fault.number, "") for fault in FAULTS}


def test_every_option_that_the_page_shows_exists() -> None:
    from tests.chaos.__main__ import chaos, check  # noqa: PLC0415
    from tests.chaos.crash.cli import crash  # noqa: PLC0415

    annotations = {**chaos.__annotations__, **check.__annotations__, **crash.__annotations__}
    known = {f"--{name.rstrip('_')}" for name in annotations}
    assert set(re.findall(r"--[a-z]+", " ".join(re.findall(r"\./run chaos[^\n`#]*", PAGE)))) <= known
