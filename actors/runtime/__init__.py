"""Pykka actors on asyncio: mailbox, promise, loop and address.

Pykka leaves three methods of :class:`pykka.Actor` "for implementors of new actor types": the inbox, the
future and the loop.  This package fills them for asyncio.  References, the registry, ``tell``, ``ask``,
stopping and dead letters stay Pykka's.  Nothing outside this package imports :mod:`pykka`.
"""

from actors.runtime._actor import Actor, BatchActor
from actors.runtime._address import Address
from actors.runtime._mail import Ask, Letter, Mailbox
from actors.runtime._promise import Promise
from actors.runtime._resident import Resident
from actors.runtime._standstill import Standstill

__all__ = ["Actor", "Address", "Ask", "BatchActor", "Letter", "Mailbox", "Promise", "Resident", "Standstill"]
