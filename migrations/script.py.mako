"""${message}.

Revision: ${up_revision}, after ${down_revision}; ${create_date}
"""

from __future__ import annotations

from migrations.statements import run

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    """${message}."""
    ${upgrades if upgrades else "run()"}


def downgrade() -> None:
    """Take it back."""
    ${downgrades if downgrades else "run()"}
