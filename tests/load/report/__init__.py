"""What a program found out, for the screen, the file, the page and the tests.

findings.py is what every program has to say, run.py the findings about matches; sheet.py is the form in which
screen.py and page.py show any of them.
"""

from tests.load.report.findings import COMMON_CAVEATS, Findings
from tests.load.report.generator import Generator
from tests.load.report.page import page
from tests.load.report.run import Events, Report
from tests.load.report.screen import show
from tests.load.report.sheet import Sheet, Table

__all__ = ["COMMON_CAVEATS", "Events", "Findings", "Generator", "Report", "Sheet", "Table", "page", "show"]
