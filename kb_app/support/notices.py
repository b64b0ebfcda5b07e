"""Notices of known problems: shown while they last, where they belong; whoever asked is told when they are over."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, delete, func, insert, or_, select, update

from kb_app.db import schema
from kb_app.db.writing import insert_once, storable
from kb_app.support.case_store import folded
from kb_app.support.delivery.outbox import enqueue
from kb_app.support.model import MAIL, MAIL_SINK

MOST_QUESTIONS = 20
# Milliseconds for which the active notices are remembered: every search asks for them.
SEEN = 5_000


@dataclass(frozen=True)
class Notice:
    """A known problem. ``title`` and ``text`` are by language; no languages and no sections mean all; ``questions`` are what people ask of it."""

    notice_id: str
    title: Mapping[str, str]
    text: Mapping[str, str]
    starts_at: int
    ends_at: int | None = None
    languages: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    over_at: int | None = None
    by: str = ""

    def active(self, now: int) -> bool:
        """Whether it holds at a moment."""
        return (
            self.over_at is None
            and self.starts_at <= now
            and (self.ends_at is None or now < self.ends_at)
        )

    def for_reader(self, lang: str, section: str = "") -> bool:
        """Whether it is for readers of a language, in a section where one is known."""
        return (not self.languages or lang in self.languages) and (
            not self.sections or not section or section in self.sections
        )


def names_it(notice: Notice, query: str) -> bool:
    """Whether a query and one of the notice's questions are the same words, or one is within the other (three letters at least). Pure."""
    asked = "".join(folded(query).split())
    if len(asked) < 3:
        return False
    known = [
        "".join(folded(question).split())
        for question in (*notice.questions, *notice.title.values())
    ]
    return any(asked == one or (len(one) >= 3 and (one in asked or asked in one)) for one in known)


class NoticeStore:
    """Reads and writes notices and those who want to hear of their end."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: tuple[int, list[Notice]] | None = None

    def add(self, notice: Notice) -> None:
        """Store a new one."""
        with self._engine.begin() as connection:
            connection.execute(insert(schema.notices).values(**_row(notice)))
        self._seen = None

    def change(self, notice: Notice) -> None:
        """Store one anew."""
        with self._engine.begin() as connection:
            connection.execute(
                update(schema.notices)
                .where(schema.notices.c.notice_id == notice.notice_id)
                .values(**_row(notice))
            )
        self._seen = None

    def one(self, notice_id: str) -> Notice | None:
        """One notice."""
        with self._engine.connect() as connection:
            row = (
                connection.execute(
                    select(schema.notices).where(schema.notices.c.notice_id == notice_id)
                )
                .mappings()
                .first()
            )
        return _notice(row) if row else None

    def active(self, now: int) -> list[Notice]:
        """Those that hold now, newest first; what another process started is seen within SEEN."""
        if self._seen is not None and 0 <= now - self._seen[0] < SEEN:
            return [notice for notice in self._seen[1] if notice.active(now)]
        found = self._active(now)
        self._seen = (now, found)
        return found

    def _active(self, now: int) -> list[Notice]:
        table = schema.notices
        holds = (
            (table.c.starts_at <= now)
            & table.c.over_at.is_(None)
            & or_(table.c.ends_at.is_(None), table.c.ends_at > now)
        )
        with self._engine.connect() as connection:
            return [
                _notice(row)
                for row in connection.execute(
                    select(table).where(holds).order_by(table.c.starts_at.desc())
                ).mappings()
            ]

    def all(self, limit: int = 200) -> list[Notice]:
        """The newest, those that are over among them."""
        table = schema.notices
        with self._engine.connect() as connection:
            return [
                _notice(row)
                for row in connection.execute(
                    select(table).order_by(table.c.starts_at.desc()).limit(limit)
                ).mappings()
            ]

    def subscribe(self, notice_id: str, mail: str, language: str, at: int) -> bool:
        """Remember who wants to hear; False for what is no address. Asked twice they hear once."""
        if not MAIL.match(mail) or len(mail) > 200:
            return False
        with self._engine.begin() as connection:
            insert_once(
                connection,
                schema.subscribers,
                {"notice_id": notice_id, "mail": mail.lower(), "language": language, "at": at},
            )
        return True

    def waiting(self, notice_id: str) -> int:
        """How many want to hear."""
        table = schema.subscribers
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(table).where(table.c.notice_id == notice_id)
            return int(connection.execute(query).scalar_one())

    def withdraw(self, notice_id: str, now: int) -> None:
        """Show one no more, and tell nobody: it was a mistake."""
        with self._engine.begin() as connection:
            connection.execute(
                update(schema.notices)
                .where(schema.notices.c.notice_id == notice_id)
                .values(over_at=now)
            )
            connection.execute(
                delete(schema.subscribers).where(schema.subscribers.c.notice_id == notice_id)
            )
        self._seen = None

    def end(self, now: int, mail_for: Any, notice_ids: Sequence[str] = ()) -> int:
        """End the given ones and those whose time is up; keep a mail for everybody who wanted to hear. Returns how many mails.

        ``mail_for(notice, address, language)`` is the mail to send, as a delivery's payload.
        """
        table, people = schema.notices, schema.subscribers
        sent, self._seen = 0, None
        with self._engine.begin() as connection:
            ended = or_(
                table.c.notice_id.in_(notice_ids), table.c.ends_at <= now
            ) & table.c.over_at.is_(None)
            for row in connection.execute(select(table).where(ended)).mappings().all():
                notice = _notice(row)
                connection.execute(
                    update(table).where(table.c.notice_id == notice.notice_id).values(over_at=now)
                )
                for person in (
                    connection.execute(select(people).where(people.c.notice_id == notice.notice_id))
                    .mappings()
                    .all()
                ):
                    key = uuid.uuid5(uuid.NAMESPACE_URL, f"{notice.notice_id}:{person['mail']}")
                    # Each mail stands for itself: one that fails holds up no other.
                    sent += enqueue(
                        connection,
                        str(key),
                        MAIL_SINK,
                        "mail",
                        f"over:{key}",
                        mail_for(notice, person["mail"], person["language"]),
                        now,
                    )
                # They wanted to hear of this and of nothing else.
                connection.execute(delete(people).where(people.c.notice_id == notice.notice_id))
        return sent


def _row(notice: Notice) -> dict[str, Any]:
    def packed(texts: Mapping[str, str]) -> str:
        return json.dumps(
            {lang: storable(text.strip()) for lang, text in texts.items() if text.strip()},
            ensure_ascii=False,
        )

    return {
        "notice_id": notice.notice_id, "title": packed(notice.title), "text": packed(notice.text), "languages": ",".join(notice.languages),
        "sections": ",".join(notice.sections), "questions": storable("\n".join(notice.questions[:MOST_QUESTIONS])), "starts_at": notice.starts_at,
        "ends_at": notice.ends_at, "over_at": notice.over_at, "by": notice.by,
    }  # fmt: skip


def _notice(row: Any) -> Notice:
    values = dict(row) | {"title": json.loads(row["title"]), "text": json.loads(row["text"])}
    for name, mark in (("languages", ","), ("sections", ","), ("questions", "\n")):
        values[name] = tuple(part for part in row[name].split(mark) if part)
    return Notice(**values)
