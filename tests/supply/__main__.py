"""``./run audit``: the advisories about what is pinned, if there are any.

Exit codes: 0 none; 1 there are, and they are named; 3 nobody could be asked, which is not the same as none.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.supply.audit import SOURCES, Outcome, audit

LOCK = Path(__file__).parents[2] / "requirements.lock"


def main() -> int:
    """The outcome as exit code; what there is to say goes to stderr."""
    parser = argparse.ArgumentParser(
        prog="./run audit", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--lock", type=Path, default=LOCK, help="what to ask about (default: requirements.lock)")
    parser.add_argument("--osv-url", metavar="URL", help="ask this OSV service, and no other")
    given = parser.parse_args()
    sources = (("osv", "--osv-url", given.osv_url),) if given.osv_url else SOURCES
    verdict = audit(given.lock, sources)
    sys.stderr.write("\n".join(verdict.said) + "\n")
    return Outcome(verdict.outcome).value


if __name__ == "__main__":
    sys.exit(main())
