"""X35, X36: a token that stops counting while its socket is open."""

from __future__ import annotations

import time

from tests.e2e.neighbours import UserService
from tests.e2e.replica import Replica
from tests.e2e.tokens import token_for
from tests.e2e.waiting import until
from tests.hardening.sockets.lines import Line, answers
from tests.hardening.sockets.wire import CLOSE, Wire, dialled, handshake, somebody
from web.auth import LEEWAY_SECONDS


async def greeted(wire: Wire, token: str) -> None:
    wire.send(handshake(query=f"token={token}"))
    assert (await wire.answer()).status == 101
    assert (await wire.frame()).payload.startswith(b'{"type":"state"')


@answers("X35")
async def test_a_socket_ends_with_its_token(quiet: Replica, line: Line) -> None:
    expires = int(time.time()) - LEEWAY_SECONDS + 2
    async with dialled(quiet.url) as wire:
        await greeted(wire, token_for(somebody(), exp=expires))
        closing = await wire.frame()
        assert (closing.opcode, int.from_bytes(closing.payload[:2])) == (CLOSE, line.answer)
        assert closing.payload[2:] == b"the token has expired"
        assert time.time() >= expires + LEEWAY_SECONDS


def briefly_believed(users: UserService) -> str:
    """A token that the User Service knows, and is asked about again soon: its word counts no longer than the token."""
    user = somebody()
    token = token_for(user, exp=int(time.time()) + 1)
    users.users[token] = user
    return token


@answers("X36")
async def test_a_socket_ends_soon_after_its_user(small: Replica, users: UserService, line: Line) -> None:
    token = briefly_believed(users)
    async with dialled(small.url) as wire:
        await greeted(wire, token)
        del users.users[token]
        closing = await wire.frame()
        assert (closing.opcode, int.from_bytes(closing.payload[:2])) == (CLOSE, line.answer)
        assert closing.payload[2:] == b"the user is unknown"


@answers("X36")
async def test_whoever_was_let_in_stays_while_the_user_service_does_not_answer(
    small: Replica, users: UserService, line: Line
) -> None:
    token = briefly_believed(users)
    async with dialled(small.url) as wire:
        await greeted(wire, token)
        users.says("it hurts", status=500)
        try:
            asked = len(users.asked)
            await until(lambda: len(users.asked) >= asked + 3)
            await wire.is_served()
        finally:
            users.recovers()
