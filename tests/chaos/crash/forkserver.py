"""A process that has imported the service, and forks a replica whenever it is asked: 40 ms instead of a second.

It reads orders from stdin, a JSON object a line, and says on stdout what happens:

======================================  ==================================================================
``{"start": 7, "environment": {...},``  fork replica 7, whose output goes to that file
``"log": "..."}``
``{"kill": 7}``                         end it with SIGKILL, if it has not ended
``{"number": 7, "up": "http://..."}``   it listens there
``{"number": 7, "ended": 137,``         it has ended, with that code, at that moment of the monotonic clock
``"at": 12.3}``
======================================  ==================================================================

All replicas end when stdin does.  There is neither a thread nor an event loop here: a fork would copy half of it.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import selectors
import signal
import sys
import time
import traceback
from typing import Any, Final, NoReturn

from tests.chaos.crash.replica import serve

_PR_SET_PDEATHSIG: Final = 1
_STDIN, _STDOUT, _STDERR = range(3)
MOST_BYTES: Final = 65_536


class ForkServer:
    """The replicas that run, by the pipe on which each says where it listens; it closes when the replica ends."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._selector.register(_STDIN, selectors.EVENT_READ)
        self._pids: dict[int, int] = {}
        self._unread = b""

    def run(self) -> None:
        """Follow orders until there are no more."""
        while True:
            for key, _ in self._selector.select():
                if key.fd == _STDIN:
                    if not self._read_orders():
                        return
                else:
                    self._hear(key.fd, key.data)

    def close(self) -> None:
        """End every replica."""
        for pid in self._pids.values():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)

    def _read_orders(self) -> bool:
        data = os.read(_STDIN, MOST_BYTES)
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            self._follow(json.loads(line))
        return bool(data)

    def _follow(self, order: dict[str, Any]) -> None:
        match order:
            case {"start": number, "environment": environment, "log": log}:
                self._start(number, environment, log)
            case {"kill": number} if number in self._pids:
                os.kill(self._pids[number], signal.SIGKILL)
            case {"kill": _}:
                pass  # it has ended by itself
            case _:
                raise ValueError(f"unknown order {order}")

    def _start(self, number: int, environment: dict[str, str], log: str) -> None:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            be_replica(environment, log, writing)
        os.close(writing)
        self._pids[number] = pid
        self._selector.register(reading, selectors.EVENT_READ, number)

    def _hear(self, pipe: int, number: int) -> None:
        if address := os.read(pipe, MOST_BYTES):
            say(number=number, up=address.decode())
            return
        at = time.monotonic()
        self._selector.unregister(pipe)
        os.close(pipe)
        _, status = os.waitpid(self._pids.pop(number), 0)
        say(number=number, ended=os.waitstatus_to_exitcode(status), at=at)


def be_replica(environment: dict[str, str], log: str, pipe: int) -> NoReturn:
    """What the child does; it ends here, so that nothing of the parent's is taken down twice."""
    code = 1

    def announce(address: str) -> None:
        os.write(pipe, address.encode())

    try:
        if sys.platform == "linux":
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        _redirect(log)
        os.environ.update(environment)
        code = serve(announce)
    except BaseException:  # noqa: BLE001 - the log is where it is looked for
        traceback.print_exc()
    finally:
        os._exit(code)


def _redirect(log: str) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for ours, theirs in ((nothing, _STDIN), (output, _STDOUT), (output, _STDERR)):
        os.dup2(ours, theirs)


def say(**news: object) -> None:
    """One line to whoever started this process."""
    os.write(_STDOUT, json.dumps(news).encode() + b"\n")


def main() -> None:
    gc.collect()
    gc.freeze()  # what was imported stays shared between the replicas
    server = ForkServer()
    with contextlib.closing(server):
        server.run()


if __name__ == "__main__":
    main()
