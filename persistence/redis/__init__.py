"""The index and the cache: queues, sessions for the Collaboration Service, frames between replicas.

Everything here can be lost: after a FLUSHALL it comes back from PostgreSQL.  Every command and
script touches one key, so that a Redis Cluster serves as well as one node.
"""
