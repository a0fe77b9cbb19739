"""The bucket actors of this process: started when someone comes, retired when nobody does."""

from __future__ import annotations

from collections.abc import Callable

from actors.messages import BucketMessage
from actors.runtime import Actor, Address
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
        make: Callable[[Bucket, Callable[[], None]], Actor[BucketMessage]],
        most: int,
        mailbox_limit: int,
    ) -> None:
        self._system = system
        self._make = make
        self._most = most
        self._mailbox_limit = mailbox_limit
        self._addresses: dict[Bucket, Address[BucketMessage]] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def __call__(self, bucket: Bucket) -> Address[BucketMessage]:
        """The bucket's address.  Raises ``TooManyBuckets`` when a new one would be too many."""
        address = self._addresses.get(bucket)
        if address is None:
            if len(self._addresses) >= self._most:
                raise TooManyBuckets(self._most)
            address = self._addresses[bucket] = self._system.spawn(
                lambda: self._make(bucket, lambda: self._retire(bucket)), mailbox_limit=self._mailbox_limit
            )
        return address

    def _retire(self, bucket: Bucket) -> None:
        address = self._addresses[bucket]
        if address.depth == 0:
            del self._addresses[bucket]
            self._system.retire(address)
