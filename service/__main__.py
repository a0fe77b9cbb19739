"""``python -m service``: what ./run runs."""

from service.cli import main

main()
