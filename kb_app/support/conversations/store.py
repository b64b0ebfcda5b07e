"""Keeps conversations in the database, until a case that came of them is removed."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, replace
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, delete, select, update

from kb_app.db import schema
from kb_app.db.writing import storable
from kb_app.support.conversations.model import Conversation, Option, Turn

_COLUMNS = ("conversation_id", "channel", "peer", "case_id", "client_id", "at", "changed_at")


class ConversationStore:
    """Reads and writes conversations; thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    def get(self, conversation_id: str, within: Connection | None = None) -> Conversation | None:
        """The conversation with this id, or None; ``within`` is a transaction that goes on."""
        here = schema.conversations.c.conversation_id == conversation_id
        return self._first(here, within)

    def latest(self, channel: str, peer: str) -> Conversation | None:
        """The newest conversation with somebody on a channel, or None."""
        table = schema.conversations
        return self._first((table.c.channel == channel) & (table.c.peer == peer))

    def add(self, conversation: Conversation) -> None:
        """Store a new conversation."""
        with self.engine.begin() as connection:
            connection.execute(schema.conversations.insert().values(**_row(conversation)))

    def save(self, conversation: Conversation, before: int) -> bool:
        """Store a changed conversation; False if it was changed since ``before`` (ms)."""
        table = schema.conversations
        here = (table.c.conversation_id == conversation.conversation_id) & (
            table.c.changed_at == before
        )
        if conversation.changed_at <= before:
            conversation = replace(conversation, changed_at=before + 1)
        with self.engine.begin() as connection:
            changed = connection.execute(update(table).where(here).values(**_row(conversation)))
            return bool(changed.rowcount)

    def forget(self, before: int) -> int:
        """Remove conversations without a case that ended before a time (ms), with their mails."""
        table, outbox = schema.conversations, schema.outbox
        old = (table.c.case_id == "") & (table.c.changed_at < before)
        with self.engine.begin() as connection:
            ids = select(table.c.conversation_id).where(old)
            connection.execute(delete(outbox).where(outbox.c.case_id.in_(ids)))
            return int(connection.execute(delete(table).where(old)).rowcount)

    def _first(self, condition: Any, within: Connection | None = None) -> Conversation | None:
        table = schema.conversations
        query = select(table).where(condition).order_by(table.c.at.desc()).limit(1)
        with nullcontext(within) if within is not None else self.engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return _conversation(row) if row else None


def peer_of(connection: Connection, case_id: str) -> tuple[str, str] | None:
    """The channel and the person on it whose conversation became a case; None for another case."""
    table = schema.conversations
    row = connection.execute(
        select(table.c.channel, table.c.peer).where(table.c.case_id == case_id, table.c.peer != "")
    ).first()
    return (str(row[0]), str(row[1])) if row else None


def _row(conversation: Conversation) -> dict[str, Any]:
    values = asdict(conversation)
    row = {name: values.pop(name) for name in _COLUMNS}
    return row | {"state": storable(orjson.dumps(values).decode())}


def _conversation(row: Any) -> Conversation:
    state = orjson.loads(row["state"])
    state["options"] = tuple(Option(**one) for one in state["options"])
    state["turns"] = tuple(Turn(**one) for one in state["turns"])
    return Conversation(**{name: row[name] for name in _COLUMNS}, **state)
