"""Since when customers can read each article, so that known answers are told from new ones."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine, select

from kb_app.db import schema
from kb_app.db.writing import insert_new

_table = schema.served_articles
# Articles that were there before the first note: nobody knows since when.
ALWAYS = 0


def note_served(engine: Engine, article_ids: Iterable[str], now: int) -> int:
    """Note the articles that are served for the first time, at ``now`` in ms; returns how many."""
    with engine.begin() as connection:
        known = set(connection.execute(select(_table.c.article_id)).scalars())
        since = now if known else ALWAYS
        rows = [{"article_id": name, "since": since} for name in set(article_ids) - known]
        insert_new(connection, _table, rows)
    return len(rows)


def served_since(engine: Engine) -> dict[str, int]:
    """The time in ms from which each article is served."""
    with engine.connect() as connection:
        rows = connection.execute(select(_table.c.article_id, _table.c.since))
        return {str(name): int(since) for name, since in rows}
