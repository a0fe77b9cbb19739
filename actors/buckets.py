"""The bucket actors of this process: started when someone comes, retired when nobody does."""

from __future__ import annotations

from collections.abc import Callable

from actors.bucket import Door
from actors.messages import BucketMessage
from actors.runtime import Address, Resident
from actors.system import System
from domain.errors import TooManyBuckets
from domain.request import Bucket


class Buckets:
    """Finds the mailbox of a bucket.

    An address is to be used at once, not kept: between two awaits no bucket retires.
    """

    def __init__(
        self,
        *,
        system: System,
        make: Callable[[Bucket, Door], Resident[BucketMessage]],
        most: int,
        mailbox_limit: int,
    ) -> None:
        self._system = system
        self._make = make
        self._most = most
        self._mailbox_limit = mailbox_limit
        self._addresses: dict[Bucket, Address[BucketMessage]] = {}
        self._vacant: dict[Bucket, None] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def __call__(self, bucket: Bucket) -> Address[BucketMessage]:
        """The bucket's address: for those who are in it already, wherever they asked, there is always room."""
        self._vacant.pop(bucket, None)
        return self._addresses.get(bucket) or self._open(bucket)

    def admit(self, bucket: Bucket) -> Address[BucketMessage]:
        """The same for someone new.  Raises ``TooManyBuckets`` when their bucket would be one too many."""
        if bucket not in self._addresses and len(self._addresses) >= self._most and not self._make_room():
            raise TooManyBuckets(self._most)
        return self(bucket)

    def _open(self, bucket: Bucket) -> Address[BucketMessage]:
        door = Door(vacant=lambda: self._note_vacant(bucket), retire=lambda: self._retire(bucket))
        address = self._system.spawn(lambda: self._make(bucket, door), mailbox_limit=self._mailbox_limit)
        self._addresses[bucket] = address
        return address

    def _make_room(self) -> bool:
        """Retire the bucket that has been vacant for longest, if there is one."""
        return any(self._retire(bucket) for bucket in list(self._vacant))

    def _note_vacant(self, bucket: Bucket) -> None:
        if bucket in self._addresses:
            self._vacant[bucket] = None

    def _retire(self, bucket: Bucket) -> bool:
        """Let a bucket go unless mail has come for it."""
        address = self._addresses.get(bucket)
        if address is None or address.depth:
            return False
        del self._addresses[bucket]
        self._vacant.pop(bucket, None)
        self._system.retire(address)
        return True
