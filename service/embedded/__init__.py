"""Private PostgreSQL, Redis and RabbitMQ for development and tests, without installing anything.

Read servers.py first: ``start_servers`` is the door.  Behind it one small process, supervisor.py, owns the servers
and outlives nobody: when its parent is gone, however it went, the servers go too.  datadir.py is where they live,
postgres.py, valkey.py and rabbitmq.py know one server each.
"""

from __future__ import annotations

from service.embedded.servers import Servers, Urls, start_servers, temporary_servers

__all__ = ["Servers", "Urls", "start_servers", "temporary_servers"]
