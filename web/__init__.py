"""HTTP and WebSocket in, mailboxes out.

Start with :mod:`web.routes`, the one table of everything that is served; a row names its handler, the
types that go in and come out, and who may call.  :mod:`web.app` puts the table behind a router,
:mod:`web.calls` stands between the two: who is it, how often, what do they say.  Sockets are
:mod:`web.socket` (one connection's life), :mod:`web.connection` (its outbox) and :mod:`web.hub` (who is
connected).  :mod:`web.errors` is the one table from error to status.
"""
