"""A sign of life that all replicas share.

Revision: 0002, after 0001; 2026-11-25.  Only adds: version 1.0 before it works on these tables as well.
"""

from __future__ import annotations

from migrations.statements import run

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

HEARTBEAT = """
CREATE TABLE heartbeat (
    id           boolean PRIMARY KEY DEFAULT true CHECK (id),
    beaten_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    previous_at  timestamptz
)
"""


def upgrade() -> None:
    """Create the table of one row, which comes with the first beat."""
    run(HEARTBEAT)


def downgrade() -> None:
    """Drop it."""
    run("DROP TABLE heartbeat")
