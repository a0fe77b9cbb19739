"""What clients send is counted whole, however it is cut on the way."""

from __future__ import annotations

import pytest

from tests.guard.dialects import Anything, Commands, Dialect, Frames, Statements

ENCRYPT = (8).to_bytes(4, "big") + (80_877_103).to_bytes(4, "big")
GREETING = (12).to_bytes(4, "big") + (196_608).to_bytes(4, "big") + b"user"
POSTGRES = b"".join(kind + (4 + len(body)).to_bytes(4, "big") + body for kind, body in [
    (b"P", b"parse"), (b"B", b"E" * 300), (b"E", b"\0" * 5), (b"S", b""), (b"Q", b"BEGIN\0"),
])  # fmt: skip
REDIS = b"*1\r\n$4\r\nPING\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n*1\r\n\r\n"
RABBITMQ = b"".join(bytes([kind, 0, 1]) + len(body).to_bytes(4, "big") + body + b"\xce" for kind, body in [
    (1, b"method"), (2, b"properties"), (3, b"\xce" * 20), (8, b""),
])  # fmt: skip

SPEECHES = [
    pytest.param(Statements, ENCRYPT + GREETING + POSTGRES, 2, id="PostgreSQL"),
    pytest.param(Statements, GREETING + POSTGRES, 2, id="PostgreSQL without a word about encryption"),
    pytest.param(Commands, REDIS, 2, id="Redis"),
    pytest.param(Frames, b"AMQP\0\0\x09\x01" + RABBITMQ, 3, id="RabbitMQ"),
    pytest.param(Anything, b"GET / HTTP/1.1", 0, id="anything"),
]


@pytest.mark.parametrize("size", [1, 2, 7, 64, 10_000])
@pytest.mark.parametrize(("dialect", "speech", "count"), SPEECHES)
def test_messages_are_counted_once_whatever_the_size_of_the_chunks(
    dialect: type[Dialect], speech: bytes, count: int, size: int
) -> None:
    reader, sent, found = dialect(), bytearray(), 0
    for start in range(0, len(speech), size):
        sent += speech[start : start + size]
        found += reader.take(sent)
    assert (found, bytes(sent)) == (count, b"")
