"""``python -m service``: what ./run runs."""

from __future__ import annotations

from service.cli import main

main()
