"""Readers who follow an article or a section by mail: asked for, confirmed, ended."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Engine, delete, select, update

from kb_app.db import schema
from kb_app.db.writing import insert_once
from kb_app.durations import DAY

Kind = Literal["article", "section"]
KINDS = ("article", "section")
# A follow that is not confirmed by then is forgotten.
CONFIRM_WITHIN = 2 * DAY


@dataclass(frozen=True)
class Follow:
    """Somebody follows an article, or a section in a language; times are in ms.

    ``seen`` is what they were told of last: the version of each article by its id.
    """

    follow_id: str
    mail: str
    kind: str
    object_id: str
    language: str
    at: int
    confirmed_at: int | None
    told_at: int
    seen: Mapping[str, str]


class FollowStore:
    """Reads and writes follows; thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def ask(
        self, connection: Connection, mail: str, kind: Kind, object_id: str, language: str, now: int
    ) -> Follow:
        """Store the wish to follow, once for an address and object; the follow, old or new."""
        table = schema.follows
        row = {
            "follow_id": str(uuid.uuid4()),
            "mail": mail.lower(),
            "kind": kind,
            "object_id": object_id,
            "language": language,
            "at": now,
            "told_at": now,
            "seen": "{}",
        }
        insert_once(connection, table, row)
        here = [table.c[name] == row[name] for name in ("mail", "kind", "object_id", "language")]
        return _follow(connection.execute(select(table).where(*here)).mappings().one())

    def get(self, follow_id: str) -> Follow | None:
        """The follow with this id, or None."""
        table = schema.follows
        with self.engine.connect() as connection:
            query = select(table).where(table.c.follow_id == follow_id)
            row = connection.execute(query).mappings().first()
        return _follow(row) if row else None

    def confirm(self, follow_id: str, seen: Mapping[str, str], now: int) -> None:
        """Begin to tell of changes; ``seen`` is how things stand now."""
        table = schema.follows
        values = {"confirmed_at": now, "told_at": now, "seen": json.dumps(dict(seen))}
        here = (table.c.follow_id == follow_id) & table.c.confirmed_at.is_(None)
        with self.engine.begin() as connection:
            connection.execute(update(table).where(here).values(**values))

    def end(self, follow_id: str) -> None:
        """Remove a follow, with the address and the mails to it."""
        table, outbox = schema.follows, schema.outbox
        with self.engine.begin() as connection:
            connection.execute(delete(table).where(table.c.follow_id == follow_id))
            mails = outbox.c.key.startswith(f"{key_of(follow_id)}:", autoescape=True)
            connection.execute(delete(outbox).where(mails))

    def confirmed(self, told_before: int) -> list[Follow]:
        """The follows that were told of nothing since a time (ms)."""
        table = schema.follows
        here = table.c.confirmed_at.is_not(None) & (table.c.told_at <= told_before)
        with self.engine.connect() as connection:
            rows = connection.execute(select(table).where(here).order_by(table.c.follow_id))
            return [_follow(row) for row in rows.mappings()]

    def told(
        self, connection: Connection, follow: Follow, seen: Mapping[str, str], now: int
    ) -> bool:
        """Note what somebody was told of; False if another process did so before."""
        table = schema.follows
        here = (table.c.follow_id == follow.follow_id) & (table.c.told_at == follow.told_at)
        values = {"told_at": now, "seen": json.dumps(dict(seen))}
        return bool(connection.execute(update(table).where(here).values(**values)).rowcount)

    def forget(self, now: int) -> None:
        """Remove what was never confirmed."""
        table = schema.follows
        old = table.c.confirmed_at.is_(None) & (table.c.at < now - CONFIRM_WITHIN)
        with self.engine.begin() as connection:
            connection.execute(delete(table).where(old))


def key_of(follow_id: str) -> str:
    """What the keys of the mails of a follow begin with."""
    return f"follow:{follow_id}"


def _follow(row: Any) -> Follow:
    return Follow(**{**row, "seen": json.loads(row["seen"])})
