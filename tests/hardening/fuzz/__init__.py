"""Noise against a real replica: mutated HTTP and WebSocket traffic over raw sockets, and what it must leave behind.

``python -m tests.hardening.fuzz --help``.  In the order in which to read: corpus, mutations, frames, visit, attack,
house, verdict.
"""
