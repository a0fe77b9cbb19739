"""How often one user may call, and how often one address may come with a bad token."""

from __future__ import annotations

import pytest

from domain.ids import UserId
from tests.web.builders import UNKNOWN_ID
from tests.web.conftest import Edge
from web import rate
from web.errors import RateLimited
from web.rate import RateLimit, household


async def test_a_user_who_calls_too_often_waits(edge: Edge) -> None:
    edge.set(rate_limit="3/minute")
    answers = [await edge.get("/sessions/active") for _ in range(4)]
    assert [answer.status for answer in answers] == [404, 404, 404, 429]
    assert answers[3].code == "rate_limited"
    assert 1 <= int(answers[3].headers["Retry-After"]) <= 60
    assert (await edge.get("/sessions/active", user="user-456")).status == 404
    assert (await edge.get("//health")).status == 200


def test_a_new_window_counts_anew() -> None:
    now = [100.0]
    limit = RateLimit("2/second", clock=lambda: now[0])
    user_id = UserId("user-123")
    for _ in range(2):
        limit.count(user_id)
    with pytest.raises(RateLimited):
        limit.count(user_id)
    now[0] += 1
    limit.count(user_id)


@pytest.mark.parametrize("text", ["", None])
def test_no_limit_is_no_limit(text: str | None) -> None:
    limit = RateLimit(text)
    for _ in range(10_000):
        limit.count(UserId("user-123"))


async def test_an_address_with_too_many_bad_tokens_waits_and_good_ones_get_in(edge: Edge) -> None:
    edge.set(auth_failure_limit="2/minute")
    answers = [await edge.get("/sessions/active", user=None) for _ in range(3)]
    assert [(answer.status, answer.code) for answer in answers[1:]] == [(401, "unauthorized"), (429, "rate_limited")]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 60
    assert (await edge.get("/sessions/active")).status == 404


async def test_strangers_who_may_read_openly_are_counted_as_well(edge: Edge) -> None:
    edge.set(auth_failure_limit="2/minute", legacy_open_session_read=True)
    answers = [await edge.get(f"/session/{UNKNOWN_ID}", user=None) for _ in range(3)]
    assert [answer.status for answer in answers] == [404, 404, 429]


@pytest.mark.parametrize(
    ("address", "shared_by"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::"),
        ("2001:db8:0:1:ffff::", "2001:db8:0:1::"),
        ("fe80::1%eth0", "fe80::"),
        (None, "unknown"),
        ("", "unknown"),
    ],
)
def test_of_an_ipv6_address_the_first_half_counts(address: str | None, shared_by: str) -> None:
    assert household(address) == shared_by


def test_only_so_many_callers_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate, "MOST_COUNTED", 2)
    limit = RateLimit("1/minute")
    for caller in ("one", "two", "three", "three", "three"):
        limit.count(caller)
    with pytest.raises(RateLimited):
        limit.count("two")
