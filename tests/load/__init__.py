"""How fast it is: programs that anyone can run, and what their figures mean.

::

    ./run load flow --rate 100 --seconds 10             the whole flow: REST, WebSocket, AMQP
    ./run load flow --rate 100 --replicas 2 --json out.json --report out.html
    ./run load flow --url http://127.0.0.1:8002         against one that runs already, on this machine
    ./run load floor --rounds 3                         the service beside the bare floor, in turn
    ./run load buckets --buckets 8 --users 20000        the bucket actors alone, over real stores
    ./run load buckets --arrival ramp --rate 4000 --seconds 20
    ./run load sockets --sockets 10000 --rate 1000      idle WebSockets, and a storm in which all come back
    ./run load growth --only history,users              what it costs as the work grows

All start private servers of their own, with fsync unless ``--no-fsync``, show a progress bar and end with tables;
``--json`` keeps everything, with machine, versions, command line, settings and caveats, and ``--report`` the same as
a page with pictures that stands alone.  Settings in the environment reach the measured service
(``LOG_LEVEL=WARNING ./run load flow ...``) and are named in the report.

**flow** is an open loop: pairs arrive at their intended times, however slow the service is.  A user connects a
socket, waits for ``state``, posts a request, waits for ``match_found``, confirms at once and waits for
``match_ready``.  The second of a pair arrives 0.1 s after the first, on another replica when there are several.

=====================  =========================================================================================
connect                intended arrival to the ``state`` frame
request, confirm       one POST each, answered with success
found                  the second POST to ``match_found`` on both sockets
ready                  the second confirmation to ``match_ready`` on both sockets
flow                   the second user's intended arrival to ``match_ready`` on both: a stall anywhere counts here
=====================  =========================================================================================

Every step but the first starts by itself when the one before has ended, so its clock starts then.  Times of
frames are taken as they come in.  A match is counted as finished when both users have its ``match_ready``; the
broker must then have delivered exactly one event for it.

**buckets** runs the actors in this process, with a notifier that only looks at the clock: ``paired`` is the time
from the second user's ``Enqueue`` (its intended moment) to both being told.  In a burst this is mostly the time
spent in the queue.

**sockets** opens WebSockets at a rate, leaves them idle, drops all of them at once and lets them come back with so
many handshakes in flight; who is refused comes back when told to.  In a storm ``state`` counts from the drop.

**growth** measures the same thing at one size after the other.  Compare points of one run only.

CPU is user and system time of a process with its children, over the measured phase until the last event has
arrived, per finished match.  Quote ratios taken side by side, medians and CPU per match: a machine is shared
more often than one thinks.  The generator tells how late it began what was intended, and how much of a core it used;
a caveat comes first where either makes the figures doubtful.

Read next: flow.py, buckets.py, holding and growth put a run together; house.py starts what is measured, worker.py and
user.py are the generator, processes.py and report are the figures.
"""
