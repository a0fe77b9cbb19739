"""Whether a secret got into any log of a run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.e2e.tokens import ISSUED, SECRET

if TYPE_CHECKING:
    from tests.chaos.town import Town


def secrets_of(town: Town) -> dict[str, list[str]]:
    """What must be in no output, by kind.  Tokens of the crowd are not known here."""
    return {
        "database_password": [urlsplit(town.servers.urls.database_url or "").password or ""],
        "signing_secret": [SECRET],
        "token_signatures": [token.rpartition(".")[2] for token in ISSUED],
    }


def count(folder: Path, secrets: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How many of each kind are in any file of *folder*."""
    texts = [path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        kind: sum(any(secret.encode() in text for text in texts) for secret in known) for kind, known in secrets.items()
    }
