"""Listens to what the suite does: what it signs, what its child processes print, what its servers log."""

from __future__ import annotations

import asyncio.subprocess
import functools
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jwt.algorithms import HMACAlgorithm
from jwt.utils import base64url_encode

from service.embedded.datadir import DataDir
from tests.access.leaks import SHORTEST_SECRET, Known


class Ear:
    """Everything overheard in this process."""

    def __init__(self) -> None:
        self.known = Known()
        self.heard: list[tuple[str, bytes]] = []
        """Where from, and what."""

    def hear(self, where: str, text: str | bytes | None) -> None:
        """Keep *text*, to be searched when all secrets are known."""
        if text:
            self.heard.append((where, text if isinstance(text, bytes) else text.encode(errors="replace")))

    def listen(self) -> None:
        """From now on: everything is signed, printed and erased as before, and noted."""
        _after(HMACAlgorithm, "sign", self._signed)
        _after(DataDir, "secret", self._made_up)
        _after(subprocess.Popen, "communicate", self._printed)
        _after_awaiting(asyncio.subprocess.Process, "communicate", self._printed_meanwhile)
        _before(DataDir, "erase", self._logged)

    def _signed(self, _: HMACAlgorithm, signature: bytes, _message: bytes, key: bytes) -> None:
        self.known.signatures.add(base64url_encode(signature))
        self.known.note_secret(key)

    def _made_up(self, _: DataDir, password: str, _name: str) -> None:
        self.known.passwords.add(password.encode())

    def _printed(self, process: Any, said: tuple[str | bytes | None, ...], *_given: object, **_named: object) -> None:
        for text in said:
            self.hear(f"what was printed by {_name(process.args)}", text)

    def _printed_meanwhile(self, process: Any, said: tuple[bytes | None, ...], *_given: object) -> None:
        self._printed(process._transport.get_extra_info("subprocess"), said)

    def _logged(self, data: DataDir) -> None:
        for log in data.logs.glob("*"):
            self.hear(str(log), log.read_bytes())


def _name(arguments: Any) -> str:
    """What program this was, without what may be a secret among its arguments."""
    program, *words = [arguments] if isinstance(arguments, str | bytes | Path) else arguments
    harmless = [str(word) for word in words if re.fullmatch(r"[\w.-]*", str(word)) and len(str(word)) < SHORTEST_SECRET]
    return " ".join([Path(str(program)).name, *harmless[:4]])


def _after(owner: type, name: str, note: Callable[..., None]) -> None:
    act = getattr(owner, name)

    @functools.wraps(act)
    def overheard(self: Any, *given: Any, **named: Any) -> Any:
        outcome = act(self, *given, **named)
        note(self, outcome, *given, **named)
        return outcome

    setattr(owner, name, overheard)


def _after_awaiting(owner: type, name: str, note: Callable[..., None]) -> None:
    act = getattr(owner, name)

    @functools.wraps(act)
    async def overheard(self: Any, *given: Any, **named: Any) -> Any:
        outcome = await act(self, *given, **named)
        note(self, outcome, *given, **named)
        return outcome

    setattr(owner, name, overheard)


def _before(owner: type, name: str, note: Callable[..., None]) -> None:
    act = getattr(owner, name)

    @functools.wraps(act)
    def overheard(self: Any, *given: Any, **named: Any) -> Any:
        note(self, *given, **named)
        return act(self, *given, **named)

    setattr(owner, name, overheard)
