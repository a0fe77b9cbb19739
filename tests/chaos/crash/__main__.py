"""``python -m tests.chaos.crash``."""

from __future__ import annotations

from tests.chaos.crash.cli import main

main()
