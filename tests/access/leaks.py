"""Secrets in what was written: found by their shape, and by their value where it is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

import jwt
from jwt.types import Options

from service.settings import DEV_SECRET

SHORTEST_SECRET: Final = 16
"""What is shorter may be a word like any other."""

SAMPLE: Final = b"geheim"
"""Tests give this as a password where they make one up."""

_TOKEN: Final = re.compile(rb"eyJ[\w-]{10,}\.[\w-]{10,}(?:\.[\w-]*)?")
_SIGNATURE: Final = re.compile(rb"(?<![\w-])[\w-]{43,}")  # of HS256, the shortest there is
_CREDENTIALS: Final = re.compile(rb"://[^\s/:@\"']*:(?!\*\*\*@)[^\s/@\"']+@")


class Leak(StrEnum):
    """What may have got out."""

    TOKEN = "an access token"
    SIGNATURE = "the signature of a token"
    SECRET = "a secret that tokens are signed with"
    CREDENTIALS = "a URL with a password"
    PASSWORD = "the password of a server"


@dataclass(frozen=True, slots=True)
class Known:
    """What must not come out, by value."""

    signatures: set[bytes] = field(default_factory=set)
    secrets: set[bytes] = field(default_factory=set)
    passwords: set[bytes] = field(default_factory=lambda: {SAMPLE})

    def note_secret(self, secret: bytes) -> None:
        """Tokens were signed with this."""
        if len(secret) >= SHORTEST_SECRET:
            self.secrets.add(secret)


def leaks_in(text: bytes, known: Known) -> set[Leak]:
    """What is in *text* that should not be there."""
    return set(_found(text, known))


def _found(text: bytes, known: Known) -> Iterator[Leak]:
    open_tokens = {token for token in _TOKEN.findall(text) if _is_open(token)}
    open_signatures = {token.rpartition(b".")[2] for token in open_tokens}
    if any(token not in open_tokens for token in _TOKEN.findall(text)):
        yield Leak.TOKEN
    if known.signatures.intersection(_SIGNATURE.findall(text)) - open_signatures:
        yield Leak.SIGNATURE
    if any(secret in text for secret in known.secrets):
        yield Leak.SECRET
    if _CREDENTIALS.search(text):
        yield Leak.CREDENTIALS
    if any(password in text for password in known.passwords):
        yield Leak.PASSWORD


def _is_open(token: bytes) -> bool:
    """Whether everybody can sign this one: with ENV=dev, ``./run`` prints one to try, and ``./run token`` any."""
    unlimited: Options = {"verify_exp": False, "verify_aud": False}
    try:
        jwt.decode(token, DEV_SECRET, algorithms=["HS256", "HS384", "HS512"], options=unlimited)
    except jwt.PyJWTError:
        return False
    return True
