"""Cases in the database: written together with what is to be sent about them. The only writer of cases, messages and attachments."""

from __future__ import annotations

import secrets
import unicodedata
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, delete, func, insert, select, update
from sqlalchemy.sql import ColumnElement

from kb_app.db import schema
from kb_app.db.writing import insert_once, storable
from kb_app.support.model import CLOSED, OPEN, SOLVED, WAITING, Attachment, Case, Message, NewCase

# Read aloud without mistakes: no 0 and O, 1 and I.
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
NUMBER_LENGTH = 8
PAGE = 50
# Mails that are remembered by their Message-ID: those of customers and to them, and those to desks and steps, which alone can answer as such.
THREAD, TO_DESK = "thread", "desk thread"
LONGEST_HAYSTACK = 50_000
_CASES = uuid.UUID("a4a3c0a5-2f43-5bb0-8a2b-6f0f8a0f7f53")


@dataclass(frozen=True)
class Filter:
    """What the inbox is narrowed to; "" is no limit. ``state`` "active" is all that is not closed, "late" what is overdue."""

    state: str = "active"
    words: str = ""
    kind: str = ""
    step: str = ""
    owner: str = ""
    desk: str = ""
    spam: bool = False


@dataclass(frozen=True)
class Page:
    """One page of the inbox and how many cases there are in all."""

    cases: tuple[Case, ...]
    total: int


class CaseStore:
    """Reads and writes cases; threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """One transaction: what is written in it is there whole or not at all."""
        with self.engine.begin() as connection:
            yield connection

    # --- new cases -----------------------------------------------------------------------------------------------------

    def add(
        self, connection: Connection, new: NewCase, at: int, **values: Any
    ) -> tuple[Case, bool]:
        """(the case, whether it is new): the same form sent again gives back the case it made."""
        table = schema.cases
        case_id = str(uuid.uuid5(_CASES, new.form_id))
        row = {
            "case_id": case_id, "number": new_number(), "form_id": str(uuid.uuid5(_CASES, f"form:{new.form_id}")),
            "at": at, "kind": new.kind, "message": storable(new.message.strip()), "name": storable(new.name.strip()),
            "mail": storable(new.mail.strip())[:200], "language": new.language, "section": new.section[:100], "subject": storable(new.subject)[:300],
            "channel": new.channel, "query_id": new.query_id, "client_id": new.client_id, "trail": orjson.dumps(list(new.trail)).decode(),
            "recorded": new.recorded, "spam": new.spam, "changed_at": at, "turn_at": at,
        } | values  # fmt: skip
        row["haystack"] = folded(
            " ".join(str(row[name]) for name in ("number", "name", "mail", "subject", "message"))
        )
        fresh = insert_once(connection, table, row)
        while (found := self._one(connection, table.c.case_id == case_id)) is None:
            # The number is another case's: as likely as being struck by lightning, twice.
            fresh = insert_once(connection, table, row | {"number": new_number()})
        return found, fresh

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
        """Add what was said; False where the same (``once``) is there already."""
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
        hay = schema.cases.c.haystack
        grown = func.substr(hay + " " + folded(text), 1, LONGEST_HAYSTACK)
        connection.execute(
            update(schema.cases)
            .where(schema.cases.c.case_id == case.case_id)
            .values(haystack=grown, changed_at=at)
        )
        return True

    def change(self, connection: Connection, case_id: str, at: int, **values: Any) -> None:
        """Set columns of a case."""
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
        """The same where a condition still holds: somebody may have said something meanwhile. Whether it did."""
        table = schema.cases
        return bool(
            connection.execute(
                update(table)
                .where(table.c.case_id == case_id, condition)
                .values(**{"changed_at": at, **values})
            ).rowcount
        )

    # --- reading -------------------------------------------------------------------------------------------------------

    def case(self, case_id: str) -> Case | None:
        """One case."""
        with self.engine.connect() as connection:
            return self._one(connection, schema.cases.c.case_id == case_id)

    def by_number(self, number: str) -> Case | None:
        """The case of a number, however it was typed."""
        with self.engine.connect() as connection:
            return self._one(connection, schema.cases.c.number == number.strip().upper())

    def by_form(self, form_id: str) -> Case | None:
        """The case that a form made."""
        return self.case(str(uuid.uuid5(_CASES, form_id)))

    def by_external(self, desk: str, external_id: str) -> Case | None:
        """The case that another desk knows by its own number."""
        with self.engine.connect() as connection:
            return self._one(
                connection,
                (schema.cases.c.desk == desk) & (schema.cases.c.external_id == external_id),
            )

    def by_mail(self, message_ids: Sequence[str]) -> Case | None:
        """The case that one of these Message-IDs belongs to, the last named first: of mails that came, and of those we sent."""
        said, received = schema.case_messages, schema.received
        with self.engine.connect() as connection:
            of_messages = select(said.c.mail_message_id, said.c.case_id).where(
                said.c.mail_message_id.in_(message_ids)
            )
            of_threads = select(received.c.event_id, received.c.case_id).where(
                received.c.source.in_([THREAD, TO_DESK]), received.c.event_id.in_(message_ids)
            )
            found = {
                str(name): str(case_id)
                for query in (of_messages, of_threads)
                for name, case_id in connection.execute(query)
            }
            name = next((found[one] for one in reversed(message_ids) if one in found), None)
            return self._one(connection, schema.cases.c.case_id == name) if name else None

    def sent_to_desk(self, message_ids: Sequence[str]) -> bool:
        """Whether one of these mails was ours to a desk or a step: only they can answer it."""
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
        """Whether something was remembered."""
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
        """What was said after the first message, oldest first; notes of the desk only where asked for. ``within`` a transaction, or by itself."""
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

    def inbox(self, wanted: Filter, now: int, page: int = 1) -> Page:
        """Cases of one page: what is overdue first, then those whose turn it is longest, then by the newest change."""
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
        """Cases that a condition holds for, oldest first."""
        with self.engine.connect() as connection:
            return [
                to_case(row)
                for row in connection.execute(
                    select(schema.cases).where(condition).order_by(schema.cases.c.at).limit(limit)
                ).mappings()
            ]

    def owners(self) -> list[str]:
        """Who owns cases that are not closed."""
        table = schema.cases
        with self.engine.connect() as connection:
            return sorted(
                str(name)
                for (name,) in connection.execute(
                    select(table.c.owner)
                    .where(table.c.state != CLOSED, table.c.owner != "")
                    .distinct()
                )
            )

    # --- files -----------------------------------------------------------------------------------------------------------

    def add_attachment(self, given: Attachment) -> None:
        """Remember a file that was stored."""
        with self.engine.begin() as connection:
            connection.execute(
                insert(schema.attachments).values(
                    **vars(given) | {"form_id": _files_of(given.form_id)}
                )
            )

    def attach(self, connection: Connection, form_id: str, case_id: str) -> int:
        """Give the files of a form to its case; returns how many."""
        table = schema.attachments
        return int(
            connection.execute(
                update(table)
                .where(table.c.form_id == _files_of(form_id), table.c.case_id == "")
                .values(case_id=case_id)
            ).rowcount
        )

    def attachments(
        self, case_id: str = "", form_id: str = "", within: Connection | None = None
    ) -> list[Attachment]:
        """The files of a case, or those that a form has brought so far. ``within`` a transaction, or by itself."""
        table = schema.attachments
        condition = (
            table.c.case_id == case_id
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
        """Files of forms that were never sent."""
        table = schema.attachments
        with self.engine.connect() as connection:
            return [
                Attachment(**row)
                for row in connection.execute(
                    select(table).where(table.c.case_id == "", table.c.at < before)
                ).mappings()
            ]

    def forget_attachment(self, attachment_id: str) -> None:
        """Remove a file's line."""
        with self.engine.begin() as connection:
            connection.execute(
                delete(schema.attachments).where(
                    schema.attachments.c.attachment_id == attachment_id
                )
            )

    # --- what came from elsewhere ------------------------------------------------------------------------------------------

    def first_time(
        self, connection: Connection, source: str, event_id: str, at: int, case_id: str = ""
    ) -> bool:
        """Whether this came for the first time; remembered from now on."""
        return insert_once(
            connection,
            schema.received,
            {"source": source[:40], "event_id": event_id[:200], "at": at, "case_id": case_id},
        )

    def seen(self, source: str, since: int) -> int:
        """How often something came from a source since then."""
        table = schema.received
        with self.engine.connect() as connection:
            return int(
                connection.execute(
                    select(func.count())
                    .select_from(table)
                    .where(table.c.source == source, table.c.at >= since)
                ).scalar_one()
            )

    # --- forgetting ----------------------------------------------------------------------------------------------------------

    def forget_client(self, client_id: str) -> None:
        """Take a visitor's id, searches and trail off their cases, and remove what was sent about them."""
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
        """Remove cases that were closed or last touched before a moment, with all that was said; returns their files."""
        table = schema.cases
        with self.engine.begin() as connection:
            # Spam and praise wait for nobody; an answer that nobody came back to for so long is the end of it.
            over = (
                table.c.state.in_([WAITING, SOLVED, CLOSED])
                | (table.c.spam != "")
                | (table.c.kind == "praise")
            )
            old = [
                name
                for (name,) in connection.execute(
                    select(table.c.case_id).where(table.c.changed_at < before, over)
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
                for other in (schema.case_messages, schema.attachments, schema.outbox, table):
                    connection.execute(delete(other).where(other.c.case_id.in_(part)))
            connection.execute(delete(schema.received).where(schema.received.c.at < before))
        return files

    @contextmanager
    def _reading(self, within: Connection | None) -> Iterator[Connection]:
        """A transaction that reads what it has written itself; a second connection would wait for the first one's end."""
        if within is not None:
            yield within
            return
        with self.engine.connect() as connection:
            yield connection

    @staticmethod
    def _one(connection: Connection, condition: ColumnElement[bool]) -> Case | None:
        row = connection.execute(select(schema.cases).where(condition)).mappings().first()
        return to_case(row) if row else None


def _conditions(wanted: Filter, now: int) -> list[ColumnElement[bool]]:
    table = schema.cases
    found: list[ColumnElement[bool]] = [table.c.spam != "" if wanted.spam else table.c.spam == ""]
    if wanted.state == "active":
        found.append(table.c.state.not_in([SOLVED, CLOSED]))
    elif wanted.state == "late":
        found += [table.c.state == OPEN, table.c.due_at < now]
    elif wanted.state and wanted.state != "all":
        found.append(table.c.state == wanted.state)
    for name in ("kind", "step", "desk"):
        if getattr(wanted, name):
            found.append(table.c[name] == getattr(wanted, name))
    if wanted.owner:
        found.append(table.c.owner == ("" if wanted.owner == "-" else wanted.owner))
    found += [
        table.c.haystack.contains(word, autoescape=True)
        for word in folded(wanted.words).split()[:8]
    ]
    return found


def new_number() -> str:
    """A case's number: short enough to say on the phone, too many to guess."""
    return "".join(secrets.choice(LETTERS) for _ in range(NUMBER_LENGTH))


def to_case(row: Any) -> Case:
    """The case of a row."""
    values = {name: value for name, value in row.items() if name not in ("form_id", "haystack")}
    values["trail"] = tuple(orjson.loads(values.get("trail") or "[]"))
    return Case(**values)


def _files_of(form_id: str) -> str:
    """What the files of a form are kept under: forms of mails have long names."""
    return str(uuid.uuid5(_CASES, f"files:{form_id}"))


def folded(text: str) -> str:
    """Text as the inbox's search compares it: full and half width, capitals and small letters alike."""
    return unicodedata.normalize("NFKC", storable(text)).casefold()
