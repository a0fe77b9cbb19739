"""The vocabulary of matchmaking: frozen values and pure decisions, standard library only.

Start with :mod:`domain.request` and :mod:`domain.match`: two small state machines, drawn in their
docstrings.  :mod:`domain.pairing` decides who goes with whom, :mod:`domain.requeue` who goes back to
the queue when a match ends badly.  :mod:`domain.news` is what users are told, :mod:`domain.events`
what sibling services are told.
"""
