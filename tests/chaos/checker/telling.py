"""I14: whoever is connected hears of it."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from math import inf

from tests.chaos.checker.case import CLOCK_SECONDS, FAILED, Case, Row, Stay, seat, users_of
from tests.chaos.checker.finding import Finding, Violation
from tests.chaos.evidence import Frame, SocketLife
from tests.load.numbers import percentile

TOLD_SECONDS = 5.0
NEWS = ("proposed", "ready", *FAILED)
"""What people are told of."""
_RANK = {"match_found": 0, "partner_confirmed": 0, "match_ready": 1, "match_expired": 1}


def everyone_connected_hears(case: Case) -> Finding:
    """I14: an event reaches every socket of both users within five seconds."""
    sockets: dict[str, list[SocketLife]] = defaultdict(list)
    for life in case.evidence.sockets:
        sockets[life.user_id].append(life)
    times = {key: [frame.at for frame in frames] for key, frames in case.frames_of.items()}
    violations: list[Violation] = []
    delays: list[float] = []
    looked_at = 0
    for match, stay, user_id in _news(case):
        due = case.windows.latest(stay.began, TOLD_SECONDS)
        for life in sockets.get(user_id, ()):
            if not life.opened <= stay.began < life.closed:
                continue
            told = _told(case, match, stay, life, times)
            if told == inf and life.closed < due:
                continue  # it was still to come when the user went
            looked_at += 1
            if told > due:
                ids = {"user": user_id, "socket": str(life.socket), "match": match["id"]}
                late = f"{told - stay.began:.1f} s late" if told < inf else "never"
                violations.append(Violation(f"{stay.state} was told {late}", stay.began, ids))
            elif not case.windows.touch(stay.began - TOLD_SECONDS, told):
                delays.append(told - stay.began)
    delays.sort()
    shares = {"p50": 0.5, "p99": 0.99, "max": 1.0}
    return Finding(
        number="I14",
        name="whoever is connected hears of it",
        looked_at={"news to a socket": looked_at, "in calm": len(delays)},
        violations=violations,
        figures={
            f"told in calm {name} ms": round(1000 * percentile(delays, share), 1) for name, share in shares.items()
        },
    )


def _news(case: Case) -> Iterator[tuple[Row, Stay, str]]:
    for match_id, stays in case.match_stays.items():
        match = case.matches.get(match_id)
        if match is not None:
            yield from ((match, stay, user) for stay in stays if stay.state in NEWS for user in users_of(match))


def _told(
    case: Case, match: Row, stay: Stay, life: SocketLife, times: Mapping[tuple[str, int], Sequence[float]]
) -> float:
    """When the socket was first told what *stay* is, or what followed it."""
    key = life.user_id, life.socket
    begin = bisect_left(times.get(key, ()), stay.began - CLOCK_SECONDS)
    for frame in case.frames_of.get(key, ())[begin:]:
        if _tells(case, frame, match, stay):
            return max(frame.at, stay.began)
    return inf


def _tells(case: Case, frame: Frame, match: Row, stay: Stay) -> bool:
    body, match_id = frame.body, match["id"]
    if body.get("type") == "state":
        return _stands(case, frame, match, stay)
    rank = _RANK.get(str(body.get("type")), -1)
    return body.get("match_id") == match_id and rank >= (0 if stay.state == "proposed" else 1)


def _stands(case: Case, frame: Frame, match: Row, stay: Stay) -> bool:
    """Whether a ``state`` says as much: the user need not be told of anything more."""
    now, session = frame.body.get("match"), frame.body.get("session")
    is_in_it = now is not None and now["match_id"] == match["id"]
    match stay.state:
        case "proposed":
            return is_in_it or case.reached(match["id"], "ready", *FAILED) <= frame.at + CLOCK_SECONDS
        case "ready":
            left = seat(match, frame.user_id, "left_at")
            return session is not None or (left is not None and left <= frame.at + CLOCK_SECONDS)
        case _:
            return not is_in_it
