"""What verifying a token costs, and what is remembered of it."""

from __future__ import annotations

import contextlib
import statistics
import time

import jwt
import pytest

from domain.ids import UserId
from tests.web.fakes import SECRET, token
from web import auth
from web.auth import LEEWAY_SECONDS, Authenticator
from web.errors import Unauthorized

NOW = int(time.time())
GOOD = token()


def authenticator(now: list[float]) -> Authenticator:
    return Authenticator(secret=SECRET, algorithm="HS256", clock=lambda: now[0])


def test_a_remembered_token_still_expires() -> None:
    now = [float(NOW)]
    subject = authenticator(now)
    presented = token(exp=NOW + 7200)
    assert subject.verify(presented).user_id == UserId("user-123")
    now[0] = NOW + 7200 + LEEWAY_SECONDS - 1
    assert subject.verify(presented).expires_at == NOW + 7200
    now[0] = NOW + 7200 + LEEWAY_SECONDS
    for _ in range(2):
        with pytest.raises(Unauthorized):
            subject.verify(presented)


def test_a_good_token_is_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    subject = authenticator([float(NOW)])
    first = subject.verify(GOOD)
    monkeypatch.delattr(jwt, "decode")
    assert subject.verify(GOOD) is first


def test_only_so_many_tokens_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBERED", 3)
    subject = authenticator([float(NOW)])
    for number in range(10):
        subject.verify(token(f"user-{number}"))
    assert len(subject._remembered) == 3


async def test_a_flood_of_bad_tokens_drives_nobody_out() -> None:
    subject = authenticator([float(NOW)])
    good = subject.verify(GOOD)
    for number in range(10_000):
        with pytest.raises(Unauthorized):
            subject.verify(f"{GOOD[:-12]}{number:07}{GOOD[-5:]}")
    assert list(subject._remembered.values()) == [good]


def test_a_bad_token_costs_the_same_however_close_it_is() -> None:
    """And not a multiple of a good one, so that a flood of them is no more than a flood."""
    subject = authenticator([float(NOW)])
    signed, _, signature = GOOD.rpartition(".")
    lasted: dict[str, list[int]] = {"good": [], "close": [], "far": []}
    for number in range(2_000):
        for kind, presented in (
            ("good", token(f"user-{number}")),
            ("close", f"{signed}.{signature[:36]}{number:06}{signature[-1]}"),
            ("far", f"{signed}.{number:07}{signature[7:]}"),
        ):
            began = time.perf_counter_ns()
            with contextlib.suppress(Unauthorized):
                subject.verify(presented)
            lasted[kind].append(time.perf_counter_ns() - began)
    good, close, far = (statistics.median(times) for times in lasted.values())
    assert abs(close - far) < max(close, far) / 4
    assert max(close, far) < 3 * good
