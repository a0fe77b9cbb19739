"""What a replica says about itself, read from ``/metrics``."""

from __future__ import annotations

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.replica import Replica


class Gauges:
    """One look at all metrics."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name and these labels."""
        found = [one.value for one in self._samples if one.name == name and labels.items() <= one.labels.items()]
        return sum(found)

    @property
    def sockets(self) -> int:
        return int(self("matching_sockets"))

    @property
    def descriptors(self) -> int:
        return int(self("process_open_fds"))

    @property
    def tasks(self) -> int:
        return int(self("matching_asyncio_tasks"))

    @property
    def resident_bytes(self) -> int:
        return int(self("process_resident_memory_bytes"))

    def closed(self, code: int) -> int:
        """How many sockets were closed with *code*."""
        return int(self("matching_sockets_closed_total", code=str(code)))


async def gauges(replica: Replica) -> Gauges:
    async with aiohttp.ClientSession() as http, http.get(f"{replica.url}/metrics") as response:
        return Gauges(await response.text())
