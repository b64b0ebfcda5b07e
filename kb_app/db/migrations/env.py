"""Entry point of Alembic; uses the connection from kb_app.db.engine."""

from __future__ import annotations

from alembic import context

from kb_app.db.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
