"""Notices of known problems, and the subscribers who get a mail when a problem is over."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, delete, func, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from kb_app.db import schema
from kb_app.db.writing import insert_once, storable
from kb_app.support.case_store import folded
from kb_app.support.delivery.outbox import enqueue
from kb_app.support.model import MAIL, MAIL_SINK

MOST_QUESTIONS = 20
# Milliseconds for which active notices are cached: every search reads them.
SEEN = 5_000


@dataclass(frozen=True)
class Notice:
    """A known problem.

    ``title`` and ``text`` are by language. Empty ``languages`` or ``sections`` mean all of them.
    ``questions`` are typical queries about the problem.
    """

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
        """Whether the notice is active at ``now``."""
        return (
            self.over_at is None
            and self.starts_at <= now
            and (self.ends_at is None or now < self.ends_at)
        )

    def for_reader(self, lang: str, section: str = "") -> bool:
        """Whether the notice applies to a language and, if one is given, to a section."""
        return (not self.languages or lang in self.languages) and (
            not self.sections or not section or section in self.sections
        )


def names_it(notice: Notice, query: str) -> bool:
    """Whether a query matches one of the notice's questions or titles.

    They match if they are equal or one contains the other, ignoring case, width and whitespace.
    Texts shorter than 3 characters never match.
    """
    text = "".join(folded(query).split())
    if len(text) < 3:
        return False
    known = [
        "".join(folded(question).split())
        for question in (*notice.questions, *notice.title.values())
    ]
    return any(text == one or (len(one) >= 3 and (one in text or text in one)) for one in known)


class NoticeStore:
    """Reads and writes notices and their subscribers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._seen: tuple[int, list[Notice]] | None = None
        self._reading = threading.Lock()

    def add(self, notice: Notice) -> None:
        """Insert a notice."""
        with self._engine.begin() as connection:
            connection.execute(insert(schema.notices).values(**_row(notice)))
        self._seen = None

    def change(self, notice: Notice) -> None:
        """Update a notice."""
        with self._engine.begin() as connection:
            connection.execute(
                update(schema.notices)
                .where(schema.notices.c.notice_id == notice.notice_id)
                .values(**_row(notice))
            )
        self._seen = None

    def one(self, notice_id: str) -> Notice | None:
        """The notice with this id, or None."""
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
        """Active notices, newest first; changes by other processes appear within SEEN ms.

        One request reads them; the others, and all while the database is down, get those read last.
        """
        seen = self._seen
        if seen is None:
            notices = self._active(now)
            self._seen = (now, notices)
        elif 0 <= now - seen[0] < SEEN or not self._reading.acquire(blocking=False):
            notices = seen[1]
        else:
            try:
                notices = self._active(now)
            except SQLAlchemyError:
                notices = seen[1]
            finally:
                self._reading.release()
            self._seen = (now, notices)
        return [notice for notice in notices if notice.active(now)]

    def _active(self, now: int) -> list[Notice]:
        table = schema.notices
        is_active = (
            (table.c.starts_at <= now)
            & table.c.over_at.is_(None)
            & or_(table.c.ends_at.is_(None), table.c.ends_at > now)
        )
        with self._engine.connect() as connection:
            return [
                _notice(row)
                for row in connection.execute(
                    select(table).where(is_active).order_by(table.c.starts_at.desc())
                ).mappings()
            ]

    def all(self, limit: int = 200) -> list[Notice]:
        """The newest notices, including those that are over."""
        table = schema.notices
        with self._engine.connect() as connection:
            return [
                _notice(row)
                for row in connection.execute(
                    select(table).order_by(table.c.starts_at.desc()).limit(limit)
                ).mappings()
            ]

    def subscribe(self, notice_id: str, mail: str, language: str, at: int) -> bool:
        """Add a subscriber, once per address; returns False for an invalid address."""
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
        """The number of subscribers."""
        table = schema.subscribers
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(table).where(table.c.notice_id == notice_id)
            return int(connection.execute(query).scalar_one())

    def withdraw(self, notice_id: str, now: int) -> None:
        """End a notice that was a mistake: its subscribers are removed and get no mail."""
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
        """End the given notices and those past their end time; returns the number of mails queued.

        ``mail_for(notice, address, language)`` returns the mail to a subscriber as the payload of
        a delivery.
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
                    # A case id per mail: a failed mail must not block the others.
                    sent += enqueue(
                        connection,
                        str(key),
                        MAIL_SINK,
                        "mail",
                        f"over:{key}",
                        mail_for(notice, person["mail"], person["language"]),
                        now,
                    )
                # Addresses are kept for this notice only.
                connection.execute(delete(people).where(people.c.notice_id == notice.notice_id))
        return sent


def _row(notice: Notice) -> dict[str, Any]:
    def packed(texts: Mapping[str, str]) -> str:
        return json.dumps(
            {lang: storable(text.strip()) for lang, text in texts.items() if text.strip()},
            ensure_ascii=False,
        )

    return {
        "notice_id": notice.notice_id,
        "title": packed(notice.title),
        "text": packed(notice.text),
        "languages": ",".join(notice.languages),
        "sections": ",".join(notice.sections),
        "questions": storable("\n".join(notice.questions[:MOST_QUESTIONS])),
        "starts_at": notice.starts_at,
        "ends_at": notice.ends_at,
        "over_at": notice.over_at,
        "by": notice.by,
    }


def _notice(row: Any) -> Notice:
    values = dict(row) | {"title": json.loads(row["title"]), "text": json.loads(row["text"])}
    for name, mark in (("languages", ","), ("sections", ","), ("questions", "\n")):
        values[name] = tuple(part for part in row[name].split(mark) if part)
    return Notice(**values)
