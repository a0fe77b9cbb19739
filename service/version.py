"""Which version this is; ``pyproject.toml`` says the same, and a test holds them together."""

VERSION = "1.0.0"
