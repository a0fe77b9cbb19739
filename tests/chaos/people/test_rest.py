from __future__ import annotations

import asyncio
import socket

import pytest

from tests.chaos.people.conftest import Play, answer
from tests.chaos.people.rest import Cut, Pool
from tests.e2e.waiting import until

QUESTION = b"POST /it HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"


async def test_answers_come_over_one_connection(puppet: Play) -> None:
    replica = await puppet(answer(201, '{"id": 1}'), answer(503, "{}", "retry-after: 3"), answer(200))
    pool = Pool(replica.url)
    first, second = await pool.ask(QUESTION), await pool.ask(QUESTION)
    assert (first.status, first.body, first.retry_after) == (201, b'{"id": 1}', 0)
    assert (second.status, second.retry_after) == (503, 3)
    assert (replica.connections, replica.heard) == (1, [QUESTION, QUESTION])
    pool.close()


async def test_an_answer_may_come_in_pieces(puppet: Play) -> None:
    whole = answer(200, '{"id": "a long one"}')
    replica = await puppet(whole[:10])
    asking = asyncio.create_task(Pool(replica.url).ask(QUESTION))
    await until(lambda: replica.heard)
    with pytest.raises(Cut):  # it hangs up in the middle
        await asking


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\nContent-", answer(200, "a body")[:-1], b"nonsense\r\n\r\n"])
async def test_what_is_no_whole_answer_is_a_cut(puppet: Play, said: bytes) -> None:
    replica = await puppet(said)
    with pytest.raises(Cut):
        await Pool(replica.url).ask(QUESTION)


async def test_a_refused_connection_is_a_cut() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(Cut):
            await Pool(f"http://127.0.0.1:{taken.getsockname()[1]}").ask(QUESTION)


async def test_an_answer_that_comes_late_is_not_taken_for_the_next_one(puppet: Play) -> None:
    replica = await puppet(answer(201, "{}"), answer(200, '{"of": "the second"}'))
    replica.held, pool = asyncio.Event(), Pool(replica.url)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await pool.ask(QUESTION)
    replica.held.set()
    assert (await pool.ask(QUESTION)).body == b'{"of": "the second"}'
    assert replica.connections == 2
    pool.close()


async def test_a_connection_that_the_replica_ends_is_not_used_again(puppet: Play) -> None:
    replica = await puppet(answer(200, "{}", "Connection: close"), answer(201))
    pool = Pool(replica.url)
    assert [(await pool.ask(QUESTION)).status for _ in range(2)] == [200, 201]
    assert replica.connections == 2
    pool.close()
