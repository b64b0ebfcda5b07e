"""What the contact form asks beside the message, such as an order number."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    with op.batch_alter_table("cases") as batch_op:
        batch_op.add_column(sa.Column("fields", sa.Text(), server_default="{}", nullable=False))


def downgrade() -> None:
    """Back."""
    with op.batch_alter_table("cases") as batch_op:
        batch_op.drop_column("fields")
