"""How users got to where a test begins."""

from __future__ import annotations

from collections.abc import Sequence

from domain.errors import LiveRequestExists
from domain.ids import MatchId, UserId
from domain.match import Match
from domain.request import Bucket, MatchRequest
from domain.session import Session
from tests.builders import BUCKET, a_pair, a_question, found_event, new_request_id, new_session_id, new_users
from tests.contracts.world import Replica


async def enqueued(here: Replica, users: Sequence[UserId], bucket: Bucket = BUCKET) -> list[MatchRequest]:
    """The requests of *users*, who wait in this order."""
    outcomes = await here.requests.add(bucket, [(new_request_id(), user_id) for user_id in users])
    requests = []
    for outcome in outcomes:
        assert not isinstance(outcome, LiveRequestExists)
        requests.append(outcome.request)
    return requests


async def proposed(here: Replica, number: int = 1, bucket: Bucket = BUCKET) -> list[Match]:
    """So many matches that await their confirmations."""
    users = new_users(2 * number)
    await enqueued(here, users, bucket)
    pairs = [a_pair(one, other) for one, other in zip(users[::2], users[1::2], strict=True)]
    verdict = await here.proposals.propose(bucket, pairs)
    assert len(verdict.matches) == number
    by_id = {match.id: match for match in verdict.matches}
    return [by_id[match_id] for match_id, _ in pairs]


async def a_proposed_match(here: Replica, bucket: Bucket = BUCKET) -> Match:
    [match] = await proposed(here, 1, bucket)
    return match


async def say_yes(here: Replica, match_id: MatchId, *users: UserId) -> tuple[Match, bool] | None:
    """What became of the last yes."""
    outcome = None
    for user_id in users:
        [outcome] = await here.matches.confirm([(match_id, user_id, new_session_id())])
    return outcome


async def a_confirmed_match(here: Replica) -> Match:
    match = await a_proposed_match(here)
    outcome = await say_yes(here, match.id, *match.users)
    assert outcome is not None
    return outcome[0]


async def a_ready_match(here: Replica) -> tuple[Match, Session]:
    match = await a_proposed_match(here)
    session = await opened(here, match)
    return await read(here, match.id), session


async def read(here: Replica, match_id: MatchId) -> Match:
    match = await here.matches.get(match_id)
    assert match is not None
    return match


async def matched(here: Replica, users: Sequence[UserId]) -> Match:
    """The match of two who wait already."""
    [match] = (await here.proposals.propose(BUCKET, [a_pair(users[0], users[1])])).matches
    return match


async def opened(here: Replica, match: Match) -> Session:
    """The session of a proposed match, with both yeses said on the way."""
    outcome = await say_yes(here, match.id, *match.users)
    assert outcome is not None
    question = await here.openings.keep_question(match.id, a_question())
    assert question is not None
    session = outcome[0].session_about(question)
    await here.sessions.create(session)
    assert await here.openings.ready(session, found_event(session))
    return session
