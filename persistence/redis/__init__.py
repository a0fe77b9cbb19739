"""The index and the cache: queues, sessions for the Collaboration Service, frames between replicas.

Everything here can be lost: after a FLUSHALL it comes back from PostgreSQL.  The client speaks to one node, or to
a proxy in front of several; a Redis Cluster would need its own client.  Every script touches one key, and so would
not stand in the way.
"""
