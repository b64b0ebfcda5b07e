"""Notices of known problems, and the subscribers who get a mail when a problem is over."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, insert, or_, select, update
from sqlalchemy.exc import SQLAlchemyError

from kb_app.db import schema
from kb_app.db.writing import insert_once, storable
from kb_app.support.case_store import folded
from kb_app.support.delivery.outbox import enqueue
from kb_app.support.model import MAIL, MAIL_SINK

MOST_QUESTIONS = 20
# Milliseconds for which active notices are cached: every search reads them.
SEEN = 5_000


# The payload of a mail to a subscriber, by the notice, the address and the language.
MailFor = Callable[["Notice", str, str], Mapping[str, Any]]


@dataclass(frozen=True)
class NoticeUpdate:
    """What was learned of a problem at a time in ms; ``text`` is by language."""

    at: int
    text: Mapping[str, str]


@dataclass(frozen=True)
class Notice:
    """A known problem.

    ``title`` and ``text`` are by language. Empty ``languages`` or ``sections`` mean all of them.
    ``questions`` are typical queries about the problem. ``updates`` are the newest first.
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
    updates: tuple[NoticeUpdate, ...] = ()

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

    def change(self, notice: Notice) -> bool:
        """Update a notice; False where it is over, and stays so."""
        table, values = schema.notices, _row(notice)
        del values["over_at"]
        here = (table.c.notice_id == notice.notice_id) & table.c.over_at.is_(None)
        with self._engine.begin() as connection:
            changed = connection.execute(update(table).where(here).values(**values)).rowcount
        self._seen = None
        return bool(changed)

    def unsubscribe(self, notice_id: str, mail: str) -> None:
        """Remove a subscriber, with the address."""
        table = schema.subscribers
        with self._engine.begin() as connection:
            here = (table.c.notice_id == notice_id) & (table.c.mail == mail)
            connection.execute(delete(table).where(here))

    def one(self, notice_id: str) -> Notice | None:
        """The notice with this id, or None."""
        with self._engine.connect() as connection:
            here = select(schema.notices).where(schema.notices.c.notice_id == notice_id)
            found = _with_updates(connection, connection.execute(here).mappings().all())
        return found[0] if found else None

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
        query = select(table).where(is_active).order_by(table.c.starts_at.desc())
        with self._engine.connect() as connection:
            return _with_updates(connection, connection.execute(query).mappings().all())

    def all(self, limit: int = 200) -> list[Notice]:
        """The newest notices, including those that are over."""
        table = schema.notices
        query = select(table).order_by(table.c.starts_at.desc()).limit(limit)
        with self._engine.connect() as connection:
            return _with_updates(connection, connection.execute(query).mappings().all())

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

    def add_update(
        self,
        notice: Notice,
        update_id: str,
        text: Mapping[str, str],
        by: str,
        now: int,
        mail_for: MailFor | None = None,
    ) -> int:
        """Add what was learned of a problem, and mail it to the subscribers where ``mail_for``.

        The same ``update_id`` counts once. Returns the number of mails queued.
        """
        table, sent = schema.notice_updates, 0
        row = {
            "update_id": update_id,
            "notice_id": notice.notice_id,
            "at": now,
            "text": _packed(text),
            "by": by,
        }
        with self._engine.begin() as connection:
            if insert_once(connection, table, row) and mail_for is not None:
                sent = _mail_subscribers(connection, notice, update_id, mail_for, now)
        self._seen = None
        return sent

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

    def end(self, now: int, mail_for: MailFor, notice_ids: Sequence[str] = ()) -> int:
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
                sent += _mail_subscribers(connection, notice, "", mail_for, now)
                # Addresses are kept for this notice only.
                connection.execute(delete(people).where(people.c.notice_id == notice.notice_id))
        return sent


def _mail_subscribers(
    connection: Connection, notice: Notice, update_id: str, mail_for: MailFor, now: int
) -> int:
    """Queue a mail to each subscriber; ``update_id`` is "" for the end of the problem."""
    people, sent = schema.subscribers, 0
    query = select(people).where(people.c.notice_id == notice.notice_id)
    for person in connection.execute(query).mappings().all():
        named = f"{notice.notice_id}:{person['mail']}" + (f":{update_id}" if update_id else "")
        key = uuid.uuid5(uuid.NAMESPACE_URL, named)
        # A case id per mail: a failed mail must not block the others.
        sent += enqueue(
            connection,
            str(key),
            MAIL_SINK,
            "mail",
            f"{'update' if update_id else 'over'}:{key}",
            mail_for(notice, person["mail"], person["language"]),
            now,
        )
    return sent


def _with_updates(connection: Connection, rows: Sequence[Any]) -> list[Notice]:
    """The notices of these rows, with what was learned of each."""
    table = schema.notice_updates
    notices = [_notice(row) for row in rows]
    here = table.c.notice_id.in_([notice.notice_id for notice in notices])
    found: dict[str, list[NoticeUpdate]] = {}
    if notices:
        query = select(table).where(here).order_by(table.c.at.desc(), table.c.update_id)
        for row in connection.execute(query).mappings():
            update_ = NoticeUpdate(row["at"], json.loads(row["text"]))
            found.setdefault(row["notice_id"], []).append(update_)
    return [replace(one, updates=tuple(found.get(one.notice_id, ()))) for one in notices]


def _packed(texts: Mapping[str, str]) -> str:
    return json.dumps(
        {lang: storable(text.strip()) for lang, text in texts.items() if text.strip()},
        ensure_ascii=False,
    )


def _row(notice: Notice) -> dict[str, Any]:
    return {
        "notice_id": notice.notice_id,
        "title": _packed(notice.title),
        "text": _packed(notice.text),
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
