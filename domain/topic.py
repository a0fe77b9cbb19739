"""How a topic is spelled.

A topic names a bucket, a Redis key and, when it is configured, a metric label, so its alphabet is
small: Latin letters (accents included), digits, space and ``+#&/().,'_-``.  Look-alikes from other
scripts, zero-width and direction marks, emoji and the separators of our keys are refused.
"""

from __future__ import annotations

import string
import unicodedata
from collections.abc import Iterable
from typing import Final

MAX_TOPIC_LENGTH: Final = 64
"""Characters, after normalisation."""

_PLAIN: Final = frozenset(string.ascii_letters + string.digits + " +#&/().,'_-")


def normalise(text: str) -> str:
    """*text* in NFC, trimmed, runs of spaces made one.

    Raises :class:`ValueError` with a sentence for the user when it is no topic.
    """
    topic = " ".join(part for part in unicodedata.normalize("NFC", text).split(" ") if part)
    if not 1 <= len(topic) <= MAX_TOPIC_LENGTH:
        msg = f"a topic has 1 to {MAX_TOPIC_LENGTH} characters"
        raise ValueError(msg)
    if not all(map(_is_latin, set(topic) - _PLAIN)):
        msg = "a topic is made of letters, digits, spaces and + # & / ( ) . , ' _ -"
        raise ValueError(msg)
    return topic


def _is_latin(character: str) -> bool:
    return unicodedata.name(character, "").startswith(("LATIN SMALL LETTER", "LATIN CAPITAL LETTER"))


class Topics:
    """The topics a deployment offers: those configured, or any when none is."""

    def __init__(self, configured: Iterable[str] = ()) -> None:
        self._spelling = {topic.casefold(): topic for topic in map(normalise, configured)}

    def canonical(self, text: str) -> str:
        """The configured spelling of *text*; *text* itself, normalised, when any topic goes.

        Raises :class:`ValueError` when *text* is no topic or not one of those configured.
        """
        topic = normalise(text)
        if not self._spelling:
            return topic
        try:
            return self._spelling[topic.casefold()]
        except KeyError:
            msg = f"not one of the {len(self._spelling)} topics that are offered"
            raise ValueError(msg) from None

    def __contains__(self, topic: str) -> bool:
        """Whether *topic* is one of those configured: only these may become metric labels."""
        return self._spelling.get(topic.casefold()) == topic
