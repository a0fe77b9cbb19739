"""What we say to sibling services, and what we ask them.

:mod:`messaging.events` is the wire form of what others are told, :mod:`messaging.rabbitmq` brings it to
the broker.  :mod:`messaging.questions` and :mod:`messaging.users` ask the Question and the User Service,
both through the bounded GET of :mod:`messaging.neighbour`.
"""
