"""The users of a chaos run.

What a user decides is drawn from the seed before it arrives (temper.py); what it does then depends on what it is told
(standing.py), so a run repeats its crowd and not its history.

A call goes in by door.py, as by a balancer, over one of the connections of rest.py; caller.py writes down each try:
a 2xx is done, a 4xx is not, anything else is unknown and tried again at another replica.  A tab.py holds a sitting.py,
one socket, after the other.  Arrivals do not wait for answers, calls do: as many are under way at a replica as it
answers, so that a slow one is not buried under retries.

Read next: person.py, a user's life; strangers.py, what it tries with ids of others; then worker.py and crowd.py one
folder up, the process around them.
"""
