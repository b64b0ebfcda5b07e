"""Since when each article can be read, so that known answers are told from new ones."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Engine, select

from kb_app.db import schema
from kb_app.db.writing import insert_new

_table = schema.served_articles
# No article: its time is that of the first note.
BEGINNING = ""


def note_served(engine: Engine, article_ids: Iterable[str], now: int) -> int:
    """Note the articles that are served for the first time, at ``now`` in ms; returns how many.

    Those of the first note were there before, nobody knows since when: their time is negative.
    """
    with engine.begin() as connection:
        known = set(connection.execute(select(_table.c.article_id)).scalars())
        since = now if known else -now
        rows = [{"article_id": name, "since": since} for name in set(article_ids) - known]
        begun = [] if known else [{"article_id": BEGINNING, "since": now}]
        insert_new(connection, _table, [*rows, *begun])
    return len(rows)


def served_since(engine: Engine) -> dict[str, int]:
    """The time in ms from which each article is served; negative: at that time or earlier."""
    with engine.connect() as connection:
        rows = connection.execute(select(_table.c.article_id, _table.c.since))
        return {str(name): int(since) for name, since in rows if name != BEGINNING}


def was_there(since: int | None, at: int) -> bool | None:
    """Whether an article could be read at a time; None where nobody knows."""
    if since is None:
        return None
    if abs(since) <= at:
        return True
    return None if since < 0 else False
