"""What is learned of a known problem while it lasts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "notice_updates",
        sa.Column("update_id", sa.String(length=36), nullable=False),
        sa.Column("notice_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("update_id"),
    )
    op.create_index("ix_notice_updates_notice_id", "notice_updates", ["notice_id"])


def downgrade() -> None:
    """Back."""
    op.drop_table("notice_updates")
