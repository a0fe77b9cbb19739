"""Asking for a partner."""

from __future__ import annotations

from domain.errors import RequestNotFound
from domain.ids import RequestId
from domain.request import Bucket, MatchRequest, RequestStatus
from web.calls import Call, Reply
from web.inputs import MatchWish
from web.paths import BASE
from web.schemas import EndedStatus, MatchedStatus, PendingStatus, RepeatedRequest, RequestCancelled, WaitingRequest


async def find(call: Call[MatchWish]) -> Reply:
    """Wait for a partner; asking again for the same keeps the place."""
    wish = call.body
    admission = await call.services.matchmaker.find(call.user_id, Bucket(wish.difficulty, wish.topic))
    if admission.already_queued:
        return Reply(_body(RepeatedRequest, admission.request))
    location = f"{BASE}/requests/{admission.request.id}/status"
    return Reply(_body(WaitingRequest, admission.request), 201, {"Location": location})


def _body(kind: type[WaitingRequest], request: MatchRequest) -> WaitingRequest:
    return kind(
        id=request.id,
        user_id=request.user_id,
        difficulty=request.bucket.difficulty,
        topic=request.bucket.topic,
        created_at=request.created_at,
        expires_at=request.expires_at,
    )


async def status(call: Call[None]) -> Reply:
    """How the search goes."""
    reads = call.services.reads
    request = await reads.request(call.user_id, RequestId(call.id("request_id", RequestNotFound)))
    if request is None:
        raise RequestNotFound
    match request.status:
        case RequestStatus.PENDING:
            place = await reads.place(request)
            return Reply(
                PendingStatus(
                    waiting_seconds=round(place.waiting_seconds, 3),
                    position=place.position,
                    estimated_wait_seconds=place.estimated_wait_seconds,
                    expires_at=request.expires_at,
                )
            )
        case RequestStatus.MATCHED | RequestStatus.CONFIRMED if request.match_id is not None:
            return Reply(MatchedStatus(match_id=request.match_id))
        case RequestStatus.CANCELLED:
            return Reply(EndedStatus(status="cancelled"))
        case RequestStatus.TIMED_OUT:
            return Reply(EndedStatus(status="timeout"))
        case _:
            raise RequestNotFound


async def cancel(call: Call[None]) -> Reply:
    """Stop waiting; a match that is not confirmed by both is declined."""
    await call.services.matchmaker.cancel(call.user_id, RequestId(call.id("request_id", RequestNotFound)))
    return Reply(RequestCancelled())
