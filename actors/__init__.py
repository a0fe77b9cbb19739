"""Who does what, one mailbox at a time.

Read :mod:`actors.messages` first: it is the whole protocol.  Then :mod:`actors.bucket` (pairs users),
:mod:`actors.supervisor` (confirmations and deadlines), :mod:`actors.session` (opens and closes sessions),
:mod:`actors.relay` (publishes the outbox) and :mod:`actors.janitor` (finds what a crash left behind).
:mod:`actors.matchmaker` is the front door.  What actors need from the world is in :mod:`actors.ports`.
"""
