"""Requests, matches and the outbox.

Revision: 0001, the first; 2026-11-23
"""

from __future__ import annotations

from migrations.statements import run

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REQUESTS = """
CREATE TABLE match_requests (
    id          uuid PRIMARY KEY,
    seq         bigint GENERATED ALWAYS AS IDENTITY,
    user_id     text NOT NULL,
    difficulty  text NOT NULL CHECK (difficulty IN ('easy', 'medium', 'hard')),
    topic       text NOT NULL CHECK (char_length(topic) BETWEEN 1 AND 64 AND topic NOT LIKE '%:%'),
    bucket      text NOT NULL GENERATED ALWAYS AS (difficulty || ':' || topic) STORED,
    status      text NOT NULL DEFAULT 'pending'
                CHECK (status IN ('pending', 'matched', 'confirmed', 'cancelled', 'timeout')),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    match_id    uuid,
    avoid       text,
    ended_at    timestamptz,
    CHECK (CASE status
           WHEN 'pending' THEN match_id IS NULL AND ended_at IS NULL
           WHEN 'matched' THEN match_id IS NOT NULL AND ended_at IS NULL
           WHEN 'confirmed' THEN match_id IS NOT NULL AND ended_at IS NOT NULL
           ELSE ended_at IS NOT NULL END)
)
"""

MATCHES = """
CREATE TABLE matches (
    id                  uuid PRIMARY KEY,
    difficulty          text NOT NULL,
    topic               text NOT NULL,
    request1_id         uuid NOT NULL,
    request2_id         uuid NOT NULL,
    user1_id            text NOT NULL,
    user2_id            text NOT NULL,
    status              text NOT NULL DEFAULT 'proposed'
                        CHECK (status IN ('proposed', 'confirmed', 'ready', 'closed', 'declined', 'expired', 'failed')),
    created_at          timestamptz NOT NULL DEFAULT now(),
    changed_at          timestamptz NOT NULL DEFAULT now(),
    deadline            timestamptz NOT NULL,
    user1_confirmed_at  timestamptz,
    user2_confirmed_at  timestamptz,
    confirmed_at        timestamptz,
    session_id          uuid UNIQUE,
    question            jsonb,
    user1_left_at       timestamptz,
    user2_left_at       timestamptz,
    declined_by         text,
    untold              boolean NOT NULL DEFAULT true,
    CHECK (user1_id <> user2_id),
    CHECK ((status IN ('confirmed', 'ready', 'closed', 'failed')) = (confirmed_at IS NOT NULL)),
    CHECK (confirmed_at IS NULL
           OR user1_confirmed_at IS NOT NULL AND user2_confirmed_at IS NOT NULL AND session_id IS NOT NULL),
    CHECK (status NOT IN ('ready', 'closed') OR question IS NOT NULL)
)
"""

OUTBOX = """
CREATE TABLE outbox (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id       uuid NOT NULL UNIQUE,
    routing_key    text NOT NULL,
    body           bytea NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    claimed_until  timestamptz NOT NULL DEFAULT '-infinity',
    published_at   timestamptz
)
"""

INDEXES = (
    # one live request per user: the rule that makes a double match impossible
    "CREATE UNIQUE INDEX match_requests_live ON match_requests (user_id) WHERE status IN ('pending', 'matched')",
    "CREATE INDEX match_requests_queue ON match_requests (bucket, seq) WHERE status = 'pending'",
    "CREATE INDEX match_requests_pending ON match_requests (seq) WHERE status = 'pending'",
    "CREATE INDEX match_requests_search ON match_requests (expires_at) WHERE status = 'pending'",
    "CREATE INDEX match_requests_ended ON match_requests (ended_at) WHERE ended_at IS NOT NULL",
    "CREATE INDEX matches_deadline ON matches (deadline) WHERE status = 'proposed'",
    "CREATE INDEX matches_opening ON matches (confirmed_at) WHERE status = 'confirmed'",
    "CREATE INDEX matches_untold ON matches (changed_at) WHERE untold",
    "CREATE INDEX matches_bucket ON matches (difficulty, topic, created_at)",
    "CREATE INDEX matches_user1 ON matches (user1_id, confirmed_at) WHERE status = 'ready'",
    "CREATE INDEX matches_user2 ON matches (user2_id, confirmed_at) WHERE status = 'ready'",
    "CREATE INDEX matches_changed ON matches (changed_at)",
    "CREATE INDEX outbox_waiting ON outbox (claimed_until, id) WHERE published_at IS NULL",
    "CREATE INDEX outbox_published ON outbox (published_at) WHERE published_at IS NOT NULL",
)


def upgrade() -> None:
    """Create the tables, their indexes and first statistics."""
    run(REQUESTS, MATCHES, OUTBOX, *INDEXES, "ANALYZE match_requests", "ANALYZE matches", "ANALYZE outbox")


def downgrade() -> None:
    """Drop the tables."""
    run("DROP TABLE outbox", "DROP TABLE matches", "DROP TABLE match_requests")
