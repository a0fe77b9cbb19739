"""How often one user may call."""

from __future__ import annotations

import pytest

from domain.ids import UserId
from tests.web.conftest import Edge
from web.errors import RateLimited
from web.rate import RateLimit


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
