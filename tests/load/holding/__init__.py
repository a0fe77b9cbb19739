"""Many sockets, held open by processes of their own, dropped at once, and back again.

hall.py is a service with its holders, program.py what ``./run load sockets`` does in it, findings.py what is told of
it; room.py says how many sockets the system allows.  holder.py is the process that holds them, seat.py one of them,
attendance.py what it tells.
"""
