"""The process ends at a named step, and nothing is lost: ``./run chaos crash --help``.

The service has no hooks for this.  ``replica.py`` starts it as ``python -m service serve`` does, after wrapping one
method of an adapter so that the process ends with ``os._exit(137)`` right after the step has taken effect: no answer
is sent, no frame, no later step is taken.

Each run is one story of one or two people: they wait, confirm, decline, leave, until the replica dies under them.
Then they do what clients do: connect again, and repeat what was not answered or look where they stand.  Two ways on:

takeover   another replica on the same database goes on; the first person's socket has been there all along, so she
           learns only what the service tells her by itself
restart    the only replica is started again

``judge.py`` says what is wrong with the stores and with what people were told.  A run has recovered when it finds
nothing any more; that must take less than five seconds from the death.  Afterwards everybody goes home, marks are
waited for, the index must end up empty, and the logs must hold no error.  At the end of a lane its whole database
is judged once more.

Read next: steps.py (where it dies), stories.py (what people do), judge.py (what must be true), lane.py (one run),
programme.py (all of them).  forkserver.py starts a replica in 40 ms, since everything is imported already: a restart
here is that much quicker than in life, where importing takes half a second of CPU.
"""
