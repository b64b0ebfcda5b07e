"""Storage of cases, messages and attachments.

Callers write a case and the deliveries about it in one transaction.
"""

from __future__ import annotations

import secrets
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, delete, func, insert, select, true, update
from sqlalchemy.sql import ColumnElement

from kb_app.db import personal_data, schema
from kb_app.db.writing import insert_once, storable
from kb_app.durations import DAY
from kb_app.support.attachments import MAIL_TYPE
from kb_app.support.model import (
    AGENT,
    CLOSED,
    CUSTOMER,
    OPEN,
    SOLVED,
    WAITING,
    Attachment,
    Case,
    Message,
    NewCase,
)

# Without characters that are easily confused: 0 and O, 1 and I.
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
NUMBER_LENGTH = 8
PAGE = 50
# Sources of stored Message-IDs. THREAD: mails from and to customers. TO_DESK: mails to ticket
# systems and escalation steps; only a reply to one of these can count as a reply by staff.
THREAD, TO_DESK = "thread", "desk thread"
LONGEST_HAYSTACK = 50_000
# Finished cases that reports of harassment still show.
RECENT = 14 * DAY
# Cases that are followed from one to the next.
MOST_MERGED = 20
_CASES = uuid.UUID("a4a3c0a5-2f43-5bb0-8a2b-6f0f8a0f7f53")


@dataclass(frozen=True)
class Filter:
    """Filter of the inbox; "" means no restriction.

    ``state`` is a case state, "active" (neither solved nor closed nor snoozed), "late" (overdue),
    "snoozed", "unfinished", "recent" (unfinished, or changed in RECENT) or "all". ``owner`` "-"
    means without owner. Cases at the step ``but_step`` are left out.
    """

    state: str = "active"
    words: str = ""
    kind: str = ""
    step: str = ""
    owner: str = ""
    desk: str = ""
    tag: str = ""
    handed_by: str = ""
    abuse: bool = False
    spam: bool = False
    but_step: str = ""


@dataclass(frozen=True)
class Page:
    """One page of the inbox and the total number of matching cases."""

    cases: tuple[Case, ...]
    total: int


class CaseStore:
    """Reads and writes cases; thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """A write transaction, committed at the end and rolled back on an error."""
        with self.engine.begin() as connection:
            yield connection

    # --- writing ---------------------------------------------------------------------------------

    def add(
        self, connection: Connection, new: NewCase, at: int, **values: Any
    ) -> tuple[Case, bool]:
        """Insert a case; returns (case, whether it is new). A known form id returns its case."""
        table = schema.cases
        case_id = str(uuid.uuid5(_CASES, new.form_id))
        row = {
            "case_id": case_id,
            "number": new_number(),
            "form_id": str(uuid.uuid5(_CASES, f"form:{new.form_id}")),
            "at": at,
            "kind": new.kind,
            "message": storable(new.message.strip()),
            "name": storable(new.name.strip()),
            "mail": storable(new.mail.strip())[:200],
            "language": new.language,
            "section": new.section[:100],
            "subject": storable(new.subject)[:300],
            "channel": new.channel,
            "query_id": new.query_id,
            "client_id": new.client_id,
            "trail": orjson.dumps(list(new.trail)).decode(),
            "fields": orjson.dumps(
                {name: storable(value) for name, value in new.fields.items()}
            ).decode(),
            "recorded": new.recorded,
            "spam": new.spam,
            "changed_at": at,
            "turn_at": at,
        } | values
        named = (str(row[name]) for name in ("number", "name", "mail", "subject", "message"))
        row["haystack"] = folded(" ".join([*named, *new.fields.values()]))
        fresh = insert_once(connection, table, row)
        while (stored := self._one(connection, table.c.case_id == case_id)) is None:
            # The number belongs to another case: draw a new one.
            fresh = insert_once(connection, table, row | {"number": new_number()})
        return stored, fresh

    def add_message(
        self,
        connection: Connection,
        case: Case,
        at: int,
        author: str,
        who: str,
        text: str,
        mail_message_id: str = "",
        once: str = "",
    ) -> bool:
        """Add a message; returns False if it exists already (same ``once``)."""
        table = schema.case_messages
        name = str(uuid.uuid5(_CASES, f"message:{once}")) if once else str(uuid.uuid4())
        row = {
            "message_id": name,
            "case_id": case.case_id,
            "at": at,
            "author": author,
            "who": who[:200],
            "text": storable(text),
        }
        if not insert_once(connection, table, row | {"mail_message_id": mail_message_id[:250]}):
            return False
        current = schema.cases.c.haystack
        haystack = func.substr(current + " " + folded(text), 1, LONGEST_HAYSTACK)
        connection.execute(
            update(schema.cases)
            .where(schema.cases.c.case_id == case.case_id)
            .values(haystack=haystack, changed_at=at)
        )
        return True

    def change(self, connection: Connection, case_id: str, at: int, **values: Any) -> None:
        """Update columns of a case."""
        connection.execute(
            update(schema.cases)
            .where(schema.cases.c.case_id == case_id)
            .values(**{"changed_at": at, **values})
        )

    def change_if(
        self,
        connection: Connection,
        case_id: str,
        at: int,
        condition: ColumnElement[bool],
        **values: Any,
    ) -> bool:
        """Update columns if a condition still holds; returns whether it did.

        The condition guards against a concurrent change.
        """
        table = schema.cases
        return bool(
            connection.execute(
                update(table)
                .where(table.c.case_id == case_id, condition)
                .values(**{"changed_at": at, **values})
            ).rowcount
        )

    # --- reading ---------------------------------------------------------------------------------

    def case(self, case_id: str, within: Connection | None = None) -> Case | None:
        """The case with this id, or None."""
        with self._reading(within) as connection:
            return self._one(connection, schema.cases.c.case_id == case_id)

    def going_on(self, case: Case) -> Case:
        """The case itself, or the one that goes on in its place."""
        for _ in range(MOST_MERGED):
            found = self.case(case.merged_into) if case.merged_into else None
            if found is None:
                break
            case = found
        return case

    def is_merged(self, connection: Connection, case_id: str) -> bool:
        """Whether a case goes on in another one by now."""
        here = schema.cases.c.case_id == case_id
        query = select(schema.cases.c.merged_into).where(here)
        return bool(connection.execute(query).scalar())

    def by_number(self, number: str) -> Case | None:
        """The case with this number, ignoring case and surrounding spaces."""
        with self.engine.connect() as connection:
            return self._one(connection, schema.cases.c.number == number.strip().upper())

    def by_form(self, form_id: str) -> Case | None:
        """The case that a form created."""
        return self.case(str(uuid.uuid5(_CASES, form_id)))

    def by_external(self, desk: str, external_id: str) -> Case | None:
        """The case with this id in a ticket system."""
        with self.engine.connect() as connection:
            return self._one(
                connection,
                (schema.cases.c.desk == desk) & (schema.cases.c.external_id == external_id),
            )

    def by_mail(self, message_ids: Sequence[str]) -> Case | None:
        """The case of the last Message-ID that belongs to one, among mails received and sent."""
        said, received = schema.case_messages, schema.received
        with self.engine.connect() as connection:
            of_messages = select(said.c.mail_message_id, said.c.case_id).where(
                said.c.mail_message_id.in_(message_ids)
            )
            of_threads = select(received.c.event_id, received.c.case_id).where(
                received.c.source.in_([THREAD, TO_DESK]), received.c.event_id.in_(message_ids)
            )
            case_ids = {
                str(message_id): str(owner_id)
                for query in (of_messages, of_threads)
                for message_id, owner_id in connection.execute(query)
            }
            case_id = next(
                (case_ids[one] for one in reversed(message_ids) if one in case_ids), None
            )
            return self._one(connection, schema.cases.c.case_id == case_id) if case_id else None

    def sent_to_desk(self, message_ids: Sequence[str]) -> bool:
        """Whether one of these mails was sent to a ticket system or an escalation step."""
        table = schema.received
        with self.engine.connect() as connection:
            return (
                connection.execute(
                    select(table.c.event_id).where(
                        table.c.source == TO_DESK, table.c.event_id.in_(message_ids)
                    )
                ).first()
                is not None
            )

    def has(self, source: str, event_id: str) -> bool:
        """Whether ``first_time`` has stored this event."""
        table = schema.received
        with self.engine.connect() as connection:
            return (
                connection.execute(
                    select(table.c.at).where(
                        table.c.source == source, table.c.event_id == event_id[:200]
                    )
                ).first()
                is not None
            )

    def messages(
        self, case_id: str, notes: bool = False, within: Connection | None = None
    ) -> list[Message]:
        """Messages after the first one, oldest first; staff notes only if ``notes`` is set.

        ``within`` is the transaction to read in, if any.
        """
        table = schema.case_messages
        condition = table.c.case_id == case_id
        if not notes:
            condition &= table.c.author != "note"
        with self._reading(within) as connection:
            return [
                Message(**row)
                for row in connection.execute(
                    select(table).where(condition).order_by(table.c.at, table.c.message_id)
                ).mappings()
            ]

    def said(self, case_id: str, within: Connection | None = None) -> int:
        """How many messages customer and staff have exchanged after the first one."""
        table = schema.case_messages
        exchanged = table.c.author.in_([CUSTOMER, AGENT])
        with self._reading(within) as connection:
            query = select(func.count()).where(table.c.case_id == case_id, exchanged)
            return int(connection.execute(query).scalar_one())

    def inbox(self, wanted: Filter, now: int, page: int = 1) -> Page:
        """One page of cases: open cases first, then by due time, then by last change, newest first.

        With state "solved", "closed" or "all" the order is by last change only.
        """
        table, conditions = schema.cases, _conditions(wanted, now)
        order = [
            (table.c.state != OPEN),
            func.coalesce(table.c.due_at, 2**62),
            table.c.changed_at.desc(),
            table.c.case_id,
        ]
        if wanted.state in (SOLVED, CLOSED, "all"):
            order = [table.c.changed_at.desc(), table.c.case_id]
        shown = [
            column for column in table.c if column.name not in ("haystack", "trail", "form_id")
        ]
        with self.engine.connect() as connection:
            total = connection.execute(
                select(func.count()).select_from(table).where(*conditions)
            ).scalar_one()
            rows = connection.execute(
                select(*shown)
                .where(*conditions)
                .order_by(*order)
                .limit(PAGE)
                .offset((page - 1) * PAGE)
            ).mappings()
            return Page(tuple(to_case(row) for row in rows), int(total))

    def due(self, condition: ColumnElement[bool], limit: int = 500) -> list[Case]:
        """Cases that match a condition, oldest first, at most ``limit``."""
        with self.engine.connect() as connection:
            return [
                to_case(row)
                for row in connection.execute(
                    select(schema.cases).where(condition).order_by(schema.cases.c.at).limit(limit)
                ).mappings()
            ]

    def of_customer(self, case: Case, most: int = 20) -> list[Case]:
        """The other cases from the same mail address, newest first."""
        if not case.mail:
            return []
        table = schema.cases
        same = func.lower(table.c.mail) == case.mail.lower()
        with self.engine.connect() as connection:
            query = (
                select(table)
                .where(same, table.c.case_id != case.case_id, table.c.spam == "")
                .order_by(table.c.at.desc())
                .limit(most)
            )
            return [to_case(row) for row in connection.execute(query).mappings()]

    def thread(self, connection: Connection, case_id: str) -> list[str]:
        """The Message-IDs of the mails from and to the customer, oldest first."""
        table = schema.received
        query = (
            select(table.c.event_id)
            .where(table.c.source == THREAD, table.c.case_id == case_id)
            .order_by(table.c.at, table.c.event_id)
        )
        return [str(name) for (name,) in connection.execute(query)]

    def waiting(self, now: int, others: Sequence[str] = (), but_step: str = "") -> tuple[int, int]:
        """(cases that wait for the team, the time of the newest case or word of a customer).

        Without the cases of the ``others``, by mail address, and those at the step ``but_step``.
        """
        table, said = schema.cases, schema.case_messages
        open_here = (table.c.state == OPEN) & (table.c.spam == "") & table.c.owner.not_in(others)
        open_here &= table.c.step != but_step
        open_here &= func.coalesce(table.c.snoozed_until, 0) <= now
        words = select(func.max(said.c.at)).where(
            said.c.author == CUSTOMER,
            said.c.case_id.in_(select(table.c.case_id).where(open_here)),
        )
        with self.engine.connect() as connection:
            query = select(func.count(), func.max(table.c.turn_at)).where(open_here)
            count, newest = connection.execute(query).one()
            last = connection.execute(words).scalar()
        return int(count), max(int(newest or 0), int(last or 0))

    def tags(self, but_step: str = "", most: int = 200) -> list[str]:
        """The tags of cases that are not closed, sorted; without those at a step."""
        table = schema.cases
        with self.engine.connect() as connection:
            here = (table.c.state != CLOSED) & (table.c.step != but_step)
            query = select(table.c.tags).where(here, table.c.tags != "")
            rows = connection.execute(query.limit(5_000)).scalars()
            return sorted({tag for tags in rows for tag in tags.split()})[:most]

    def owners(self, but_step: str = "") -> list[str]:
        """Owners of cases that are not closed, sorted; without those at a step."""
        table = schema.cases
        with self.engine.connect() as connection:
            return sorted(
                str(name)
                for (name,) in connection.execute(
                    select(table.c.owner)
                    .where(table.c.state != CLOSED, table.c.owner != "")
                    .where(table.c.step != but_step)
                    .distinct()
                )
            )

    # --- attachments -----------------------------------------------------------------------------

    def add_attachment(self, given: Attachment) -> None:
        """Insert the row of a stored file."""
        with self.engine.begin() as connection:
            connection.execute(
                insert(schema.attachments).values(
                    **vars(given) | {"form_id": _files_of(given.form_id)}
                )
            )

    def attach(self, connection: Connection, form_id: str, case_id: str) -> int:
        """Assign the files of a form to a case; returns the number of files."""
        table = schema.attachments
        return int(
            connection.execute(
                update(table)
                .where(table.c.form_id == _files_of(form_id), table.c.case_id == "")
                .values(case_id=case_id)
            ).rowcount
        )

    def attachments(
        self,
        case_id: str = "",
        form_id: str = "",
        within: Connection | None = None,
        *,
        mails: bool = False,
    ) -> list[Attachment]:
        """The files of a case, or those uploaded with a form that is not submitted yet.

        ``mails`` adds the mails of a case as they came, which are for the desk alone. ``within`` is
        the transaction to read in, if any.
        """
        table = schema.attachments
        condition = (
            (table.c.case_id == case_id) & (true() if mails else table.c.type != MAIL_TYPE)
            if case_id
            else (table.c.form_id == _files_of(form_id)) & (table.c.case_id == "")
        )
        with self._reading(within) as connection:
            return [
                Attachment(**row)
                for row in connection.execute(
                    select(table).where(condition).order_by(table.c.at, table.c.name)
                ).mappings()
            ]

    def abandoned_attachments(self, before: int) -> list[Attachment]:
        """Files uploaded before a time with forms that were never submitted."""
        table = schema.attachments
        with self.engine.connect() as connection:
            return [
                Attachment(**row)
                for row in connection.execute(
                    select(table).where(table.c.case_id == "", table.c.at < before)
                ).mappings()
            ]

    def forget_attachment(self, attachment_id: str) -> None:
        """Delete the row of a file."""
        with self.engine.begin() as connection:
            connection.execute(
                delete(schema.attachments).where(
                    schema.attachments.c.attachment_id == attachment_id
                )
            )

    # --- received events -------------------------------------------------------------------------

    def first_time(
        self, connection: Connection, source: str, event_id: str, at: int, case_id: str = ""
    ) -> bool:
        """Store an event; returns False if it is stored already."""
        return insert_once(
            connection,
            schema.received,
            {"source": source[:40], "event_id": event_id[:200], "at": at, "case_id": case_id},
        )

    def seen(self, source: str, since: int) -> int:
        """The number of events from a source since a time."""
        table = schema.received
        with self.engine.connect() as connection:
            return int(
                connection.execute(
                    select(func.count())
                    .select_from(table)
                    .where(table.c.source == source, table.c.at >= since)
                ).scalar_one()
            )

    # --- deletion --------------------------------------------------------------------------------

    def forget_client(self, client_id: str) -> None:
        """Remove a visitor's id, query id and trail from their cases, and finished deliveries."""
        table, outbox = schema.cases, schema.outbox
        with self.engine.begin() as connection:
            theirs = select(table.c.case_id).where(table.c.client_id == client_id)
            connection.execute(
                delete(outbox).where(
                    outbox.c.case_id.in_(theirs), outbox.c.state.in_(["done", "dropped"])
                )
            )
            connection.execute(
                update(table)
                .where(table.c.client_id == client_id)
                .values(client_id=None, query_id="", trail="[]")
            )

    def purge(self, before: int) -> list[Attachment]:
        """Delete cases last changed before a time, with messages and deliveries.

        Only cases that need no action are deleted. Returns their attachments; the caller deletes
        the files.
        """
        table = schema.cases
        with self.engine.begin() as connection:
            # Spam and praise need no reply; WAITING means that the customer never wrote back.
            finished = (
                table.c.state.in_([WAITING, SOLVED, CLOSED])
                | (table.c.spam != "")
                | (table.c.kind == "praise")
            ) & (table.c.abuse_by == "")
            old = [
                name
                for (name,) in connection.execute(
                    select(table.c.case_id).where(table.c.changed_at < before, finished)
                )
            ]
            files: list[Attachment] = []
            for start in range(0, len(old), 500):
                part = old[start : start + 500]
                files += [
                    Attachment(**row)
                    for row in connection.execute(
                        select(schema.attachments).where(schema.attachments.c.case_id.in_(part))
                    ).mappings()
                ]
            personal_data.erase_cases(connection, old)
            connection.execute(delete(schema.received).where(schema.received.c.at < before))
        return files

    @contextmanager
    def _reading(self, within: Connection | None) -> Iterator[Connection]:
        """``within`` if given: a second connection would wait for that transaction to end."""
        if within is not None:
            yield within
            return
        with self.engine.connect() as connection:
            yield connection

    @staticmethod
    def _one(connection: Connection, condition: ColumnElement[bool]) -> Case | None:
        row = connection.execute(select(schema.cases).where(condition)).mappings().first()
        return to_case(row) if row else None


def _conditions(criteria: Filter, now: int) -> list[ColumnElement[bool]]:
    table = schema.cases
    conditions: list[ColumnElement[bool]] = [
        table.c.spam != "" if criteria.spam else table.c.spam == "",
        *_of_state(criteria.state, now),
    ]
    for name in ("kind", "step", "desk"):
        if getattr(criteria, name):
            conditions.append(table.c[name] == getattr(criteria, name))
    if criteria.but_step:
        conditions.append(table.c.step != criteria.but_step)
    if criteria.handed_by:
        conditions.append(table.c.handed_by == criteria.handed_by)
    if criteria.abuse:
        conditions.append(table.c.abuse_by != "")
    if criteria.tag:
        conditions.append(table.c.tags.contains(f" {criteria.tag} ", autoescape=True))
    if criteria.owner:
        conditions.append(table.c.owner == ("" if criteria.owner == "-" else criteria.owner))
    conditions += [
        table.c.haystack.contains(word, autoescape=True)
        for word in folded(criteria.words).split()[:8]
    ]
    return conditions


def _of_state(state: str, now: int) -> list[ColumnElement[bool]]:
    table = schema.cases.c
    is_awake = func.coalesce(table.snoozed_until, 0) <= now
    unfinished = table.state.not_in([SOLVED, CLOSED])
    special: dict[str, list[ColumnElement[bool]]] = {
        "active": [unfinished, is_awake],
        OPEN: [table.state == OPEN, is_awake],
        "snoozed": [unfinished, table.snoozed_until > now],
        "unfinished": [unfinished],
        "recent": [unfinished | (table.changed_at >= now - RECENT)],
        "late": [table.state == OPEN, table.due_at < now],
        "all": [],
        "": [],
    }
    return special.get(state, [table.state == state])


def new_number() -> str:
    """A random case number: short enough for the phone, and not guessable."""
    return "".join(secrets.choice(LETTERS) for _ in range(NUMBER_LENGTH))


def to_case(row: Any) -> Case:
    """Convert a database row to a Case."""
    values = {name: value for name, value in row.items() if name not in ("form_id", "haystack")}
    values["trail"] = tuple(orjson.loads(values.get("trail") or "[]"))
    values["fields"] = orjson.loads(values.get("fields") or "{}")
    return Case(**values)


def _files_of(form_id: str) -> str:
    """The key for the files of a form: hashed, because form ids of mails are long."""
    return str(uuid.uuid5(_CASES, f"files:{form_id}"))


def folded(text: str) -> str:
    """Text normalised for the inbox search: NFKC and case folding."""
    return unicodedata.normalize("NFKC", storable(text)).casefold()
