"""Lines to Redis: shared, at hand, and never with an answer for somebody else."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import pytest
import uvloop
from redis.asyncio import Redis
from redis.exceptions import ResponseError

from persistence.redis.client import connect
from persistence.redis.lines import LANES
from tests.actors.waiting import a_few_turns
from tests.persistence.conftest import Failures, reach_of
from tests.persistence.replicas import Proxy


@pytest.mark.parametrize("turns", [0, 1, 20])
def test_a_line_that_uvloop_closes_is_a_redis_that_is_away_at_most_once(
    redis_url: str, failures: Failures, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    """Its closed transports refuse to write with a bare RuntimeError, where asyncio's say nothing."""

    async def lose_the_line() -> None:
        async with reach_of(redis_url, failures) as reach:
            assert await reach.is_up()
            [line] = reach.client._idle
            assert line._writer is not None
            line._writer.transport.abort()
            for _ in range(turns):
                await asyncio.sleep(0)
            if not await reach.is_up():
                assert failures.names == ["redis"]
                monkeypatch.setattr(reach, "_rests_until", 0.0)
                assert await reach.is_up()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(lose_the_line())


async def test_a_line_that_was_closed_while_nobody_used_it_is_not_used(redis_url: str, failures: Failures) -> None:
    async with reach_of(redis_url, failures) as reach, Redis.from_url(redis_url) as other:
        assert await reach.is_up()
        [line] = reach.client._idle
        await other.client_kill_filter(_type="normal", skipme=True)
        async with asyncio.timeout(5):
            while await line.is_fresh():  # noqa: ASYNC110 - the other side is waited for
                await asyncio.sleep(0.001)
        assert await reach.is_up()
        assert not failures.names


async def test_what_is_asked_together_shares_a_line_or_two(redis_url: str, failures: Failures) -> None:
    async with reach_of(redis_url, failures) as reach, Redis.from_url(redis_url) as other:
        before = await other.info("clients")
        assert all(await asyncio.gather(*(reach.is_up() for _ in range(50))))
        after = await other.info("clients")
    assert after["connected_clients"] - before["connected_clients"] <= LANES
    assert not failures.names


async def test_lines_that_are_lost_leave_room_for_others(redis_url: str, failures: Failures) -> None:
    async with reach_of(redis_url, failures) as reach:
        for number in range(40):
            assert await reach.is_up(), number
            [line] = reach.client._idle
            await line.disconnect(nowait=True)
    assert not failures.names


async def test_an_answer_that_nobody_asked_for_goes_to_nobody(failures: Failures) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            commands = data.count(b"\r\nPING\r\n")
            writer.write(
                b"+OK\r\n" * (data.count(b"*") - commands) + b"+PONG\r\n" * commands + b"+STRAY\r\n" * commands
            )
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with reach_of(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0?protocol=2", failures) as reach:
        for _ in range(5):
            assert await reach.client.ping() is True
    server.close()
    await server.wait_closed()


async def test_what_comes_after_an_answer_that_cannot_be_read_is_not_taken_for_another(
    redis_url: str, failures: Failures
) -> None:
    def fail(_: object) -> object:
        raise ValueError

    async with reach_of(redis_url, failures) as reach:
        client = reach.client
        for name in ("one", "two", "three"):
            await client.set(name, name)
        client.set_response_callback("ECHO", fail)  # type: ignore[arg-type]  # less than a callback may get
        asked = [client.get("one"), client.execute_command("ECHO", "x"), client.get("two"), client.get("three")]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        assert isinstance(answers[1], ValueError)
        assert [await client.get(name) for name in ("one", "two", "three")] == ["one", "two", "three"]


async def test_a_command_of_two_words_and_a_text_that_is_none_reach_redis(redis_url: str, failures: Failures) -> None:
    async with reach_of(redis_url, failures) as reach:
        assert await reach.client.execute_command("CLIENT GETNAME") == "matching-service"
        await reach.client.set("odd", "\udcff")
        assert await reach.client.get("odd") == "\udcff"


async def test_a_redis_that_says_nothing_is_away_for_all_who_ask_at_once(failures: Failures) -> None:
    async def swallow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(swallow, "127.0.0.1", 0)
    async with reach_of(f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", failures) as reach:
        began = time.monotonic()
        assert not any(await asyncio.gather(*(reach.is_up() for _ in range(2000))))
        assert time.monotonic() - began < 2
    server.close()
    await server.wait_closed()


async def test_an_answer_that_is_an_error_spoils_none_beside_it(redis_url: str, failures: Failures) -> None:
    async with reach_of(redis_url, failures) as reach:
        client = reach.client
        await client.set("text", "text")
        wrong = client.zadd("text", {"member": 1})
        around = [client.get("text") for _ in range(3)]
        first, refused, *others = await asyncio.gather(around[0], wrong, *around[1:], return_exceptions=True)
        assert (first, others) == ("text", ["text", "text"])
        assert isinstance(refused, ResponseError)


@pytest.mark.parametrize("patient", [1, 3])
async def test_answers_to_a_handshake_that_was_given_up_are_nobody_elses(redis_url: str, patient: int) -> None:
    """Its line is connected, and fresh as long as Redis stands still; then the answers come."""
    async with Proxy(redis_url).running() as proxy, aclosing(connect(proxy.url)) as client:
        proxy.freeze()
        with pytest.raises(TimeoutError):
            await client.echo("given up")
        asked = [asyncio.ensure_future(client.execute_command("ECHO", str(number))) for number in range(patient)]
        await a_few_turns()
        proxy.mend()
        assert await asyncio.gather(*asked) == [str(number) for number in range(patient)]
        assert await asyncio.gather(*(client.echo(str(number)) for number in range(100))) == [*map(str, range(100))]
