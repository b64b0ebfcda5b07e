"""Has the days counted again: the counts for other products' definitions are kept by day."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.execute(
        sa.text(
            "INSERT INTO job_state (name, value) "
            "SELECT DISTINCT 'recount:' || day, '' FROM daily WHERE NOT EXISTS "
            "(SELECT 1 FROM job_state WHERE name = 'recount:' || daily.day)"
        )
    )


def downgrade() -> None:
    """Back. Older versions do not read the new counts."""
    op.execute(sa.text("DELETE FROM daily WHERE measure LIKE 'vendor%'"))
