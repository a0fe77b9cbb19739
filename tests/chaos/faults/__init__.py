"""The fault matrix, F1 to F42, as far as one machine can make it from outside.

Each module says what it leaves out, and why.  F42, a day of all of them, is a run of a day.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.chaos.faults import clients, disk, network, postgres, questions, rabbitmq, redis, replicas
from tests.chaos.faults.row import Row
from tests.chaos.plan import ChaosPlan

FAULTS: Final[Sequence[Row]] = (
    replicas.kill_one,
    replicas.kill_all,
    replicas.kill_all_for_long,
    replicas.restart_one_by_one,
    replicas.freeze,
    replicas.freeze_for_long,
    redis.flush,
    redis.kill,
    redis.kill_for_long,
    redis.go_back,
    redis.pause,
    redis.slow_down,
    redis.be_late,
    redis.fill,
    redis.spoil,
    postgres.terminate,
    postgres.crash,
    postgres.kill,
    postgres.stop,
    postgres.stop_for_long,
    postgres.doubt_of_one,
    postgres.doubt_of_all,
    postgres.slow_down,
    postgres.lock_rows,
    disk.fill,
    postgres.be_read_only,
    rabbitmq.stop_app,
    rabbitmq.kill,
    rabbitmq.alarm_of_memory,
    rabbitmq.alarm_of_disk,
    rabbitmq.delete_exchange,
    rabbitmq.replace_exchange,
    rabbitmq.unbind,
    *network.HALF_OPEN,
    network.cut_all,
    *network.PARTITIONS,
    *questions.MISBEHAVIOUR,
    replicas.run_ahead,
    replicas.run_behind,
    clients.never_read,
    clients.vanish,
    clients.vanish_for_long,
    clients.storm,
    clients.large_storm,
    replicas.take_descriptors,
)
"""In the order of the matrix."""


class NoSuchFault(Exception):
    """A name that no fault has, or one that this machine cannot make."""


def why_not(fault: Row, plan: ChaosPlan) -> str:
    """Why *fault* cannot be made here and with this *plan*; empty when it can."""
    if fault.needs_disk and not plan.fsync:
        return "the stores do not wait for the disk, and may forget what they confirmed"
    return fault.available()


def chosen(plan: ChaosPlan) -> list[Row]:
    """The faults to choose from, in the order of the matrix.  Raises :class:`NoSuchFault`."""
    if not plan.faults:
        return [fault for fault in FAULTS if not fault.heavy and not why_not(fault, plan)]
    known = {name for fault in FAULTS for name in (fault.name, fault.number)}
    if unknown := sorted(set(plan.faults) - known):
        raise NoSuchFault(f"There is no fault {', '.join(unknown)}.")
    found = [fault for fault in FAULTS if fault.name in plan.faults or _is_meant_by_number(fault, plan)]
    for fault in found:
        if reason := why_not(fault, plan):
            raise NoSuchFault(f"{fault.name} cannot be made: {reason}.")
    return found


def _is_meant_by_number(fault: Row, plan: ChaosPlan) -> bool:
    """A number means those of its faults that are not heavy, unless all are."""
    if fault.number not in plan.faults:
        return False
    return not fault.heavy or all(one.heavy for one in FAULTS if one.number == fault.number)
