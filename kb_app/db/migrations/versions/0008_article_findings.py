"""Findings of all articles, links to other sites, and what agents do with cases."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

_TEXTS = {"tags": sa.Text(), "cc": sa.Text(), "handed_by": sa.String(200)}
_TEXTS |= {"abuse_by": sa.String(200), "merged_into": sa.String(36)}

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward."""
    op.create_table(
        "article_findings",
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("article_id", sa.String(length=200), nullable=False),
        sa.Column("other_id", sa.String(length=200), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("other_quote", sa.Text(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("set_aside_by", sa.String(length=200), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "external_links",
        sa.Column("url_hash", sa.String(length=64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("article_ids", sa.Text(), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_since", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("url_hash"),
    )
    for name, kind in _TEXTS.items():
        op.add_column("cases", sa.Column(name, kind, server_default="", nullable=False))
    op.add_column("cases", sa.Column("snoozed_until", sa.BigInteger()))
    op.create_table(
        "case_writers",
        sa.Column("case_id", sa.String(length=36), nullable=False),
        sa.Column("mail", sa.String(length=200), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "mail"),
    )


def downgrade() -> None:
    """Back."""
    op.drop_table("case_writers")
    for name in (*_TEXTS, "snoozed_until"):
        op.drop_column("cases", name)
    op.drop_table("external_links")
    op.drop_table("article_findings")
