"""All that is kept about one person, by mail address: exported, and erased everywhere."""

from __future__ import annotations

import logging
import re
import time
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import orjson
from sqlalchemy import ColumnElement, Connection, Engine, delete, func, or_, select, update

from kb_app.analytics.event_writer import BackgroundWriter
from kb_app.analytics.text_key import text_key
from kb_app.db import personal_data, schema
from kb_app.support.attachments import Uploads
from kb_app.support.case_store import folded
from kb_app.support.model import Attachment

log = logging.getLogger("kb_app.services.personal_data")
# Attempts to empty SQLite's log of changes, which other processes may be reading.
CHECKPOINTS, CHECKPOINT_PAUSE_S = 20, 0.25
ERASED = "[erased]"
_ADDRESS = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


@dataclass(frozen=True)
class Person:
    """What belongs to one mail address. ``mentions`` are the numbers of others' cases with it."""

    mail: str
    case_ids: tuple[str, ...]
    client_ids: tuple[str, ...]
    query_ids: tuple[str, ...]
    mentions: tuple[str, ...]
    has_account: bool


class PersonalDataService:
    """Finds, exports and erases what is kept about a person or a case."""

    def __init__(self, engine: Engine, events: BackgroundWriter, uploads: Uploads) -> None:
        self._engine, self._events, self._uploads = engine, events, uploads

    def person(self, mail: str) -> Person:
        """What belongs to an address."""
        with self._engine.connect() as connection:
            return _find(connection, mail)

    def count(self, mail: str) -> Counter[str]:
        """The number of rows that belong to an address, by table."""
        self._events.flush()
        with self._engine.connect() as connection:
            return +_count(connection, _find(connection, mail))

    def export(self, mail: str, target: BinaryIO) -> Counter[str]:
        """Write a zip of all that is kept about an address; returns the rows by table."""
        self._events.flush()
        counts: Counter[str] = Counter()
        with self._engine.connect() as connection, zipfile.ZipFile(target, "w") as archive:
            person = _find(connection, mail)
            for table, where in _theirs(person):
                found = connection.execute(select(table).where(where)).mappings()
                rows = [{str(name): value for name, value in row.items()} for row in found]
                counts[str(table.name)] += len(rows)
                text = orjson.dumps(rows, option=orjson.OPT_INDENT_2)
                archive.writestr(f"{table.name}.json", text)
            for file in _attachments(connection, person.case_ids):
                pieces = self._uploads.read(file)
                if pieces is not None:
                    with archive.open(f"files/{file.attachment_id} {file.name}", "w") as member:
                        for piece in pieces:
                            member.write(piece)
                    counts["files"] += 1
            archive.writestr("mentions.json", orjson.dumps(list(person.mentions)))
        return +counts

    def erase(self, mail: str) -> Counter[str]:
        """Remove all that is kept about an address; returns what was removed, by table.

        Cases of others that mention the address stay; ``Person.mentions`` names them.
        """
        self._events.flush()
        with self._engine.begin() as connection:
            person = _find(connection, mail)
            removed = _count(connection, person)
            files = _erase_cases(connection, person.case_ids)
            for client_id in person.client_ids:
                personal_data.erase_visitor(connection, client_id)
            personal_data.erase_queries(connection, person.query_ids)
            for table in personal_data.tables_of(personal_data.SUBSCRIBER):
                connection.execute(delete(table).where(func.lower(table.c.mail) == person.mail))
            connection.execute(delete(schema.outbox).where(_sent_to(person.mail)))
            _erase_copies(connection, person.mail)
            _erase_from_audit(connection, person.mail)
        removed["files"] += len(files)
        self._overwrite()
        return +removed

    def erase_case(self, number: str) -> bool:
        """Remove one case with its messages, files and deliveries; False if there is none."""
        table = schema.cases
        with self._engine.begin() as connection:
            here = select(table.c.case_id).where(table.c.number == number)
            case_id = connection.execute(here).scalar()
            if case_id is None:
                return False
            _erase_cases(connection, [str(case_id)])
        self._overwrite()
        return True

    def _overwrite(self) -> None:
        """Take what was erased out of the database's files too, as far as the database can."""
        if self._engine.dialect.name != "sqlite":
            alone = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            with alone as connection:
                connection.exec_driver_sql("vacuum")
            return
        for _attempt in range(CHECKPOINTS):
            with self._engine.connect() as connection:
                busy = connection.exec_driver_sql("pragma wal_checkpoint(truncate)").scalar()
            if not busy:
                return
            time.sleep(CHECKPOINT_PAUSE_S)
        log.warning("the database's log of changes is in use; it is emptied at a later checkpoint")


def _find(connection: Connection, given: str) -> Person:
    """What belongs to an address. Raises ValueError for what is no address."""
    mail, cases = given.strip().casefold(), schema.cases
    if not _ADDRESS.fullmatch(given.strip()):
        raise ValueError(f"{given!r} is no mail address. Write it as name@example.com.")
    columns = (cases.c.case_id, cases.c.client_id, cases.c.query_id, cases.c.mail)
    # Databases fold letters beyond ASCII in different ways: what begins alike is compared here.
    alike = func.lower(func.substr(cases.c.mail, 1, 1)) == mail[0]
    other = cases.c.mail >= "\x80"
    theirs = [
        row
        for row in connection.execute(select(*columns).where(or_(alike, other)))
        if row.mail.strip().casefold() == mail
    ]
    case_ids = tuple(str(row.case_id) for row in theirs)
    copied = func.lower(cases.c.cc).contains(mail, autoescape=True)
    mentions = select(cases.c.number).where(
        or_(cases.c.haystack.contains(folded(mail), autoescape=True), copied),
        cases.c.case_id.not_in(case_ids),
    )
    account = select(schema.users.c.user_id).where(schema.users.c.mail == mail)
    return Person(
        mail,
        case_ids,
        tuple(sorted({str(row.client_id) for row in theirs if row.client_id})),
        tuple(sorted({str(row.query_id) for row in theirs if row.query_id})),
        tuple(sorted(str(number) for (number,) in connection.execute(mentions))) if mail else (),
        connection.execute(account).first() is not None,
    )


def _theirs(person: Person) -> list[tuple[Any, ColumnElement[bool]]]:
    """Each table with personal text, and the condition for the rows of a person."""
    queries, actions = schema.queries, schema.actions
    by_case: dict[Any, ColumnElement[bool]] = {
        table: table.c.case_id.in_(person.case_ids)
        for table in personal_data.tables_of(personal_data.CASE)
    }
    by_case[schema.outbox] = or_(by_case[schema.outbox], _sent_to(person.mail))
    searches, done = (
        or_(table.c.client_id.in_(person.client_ids), table.c.query_id.in_(person.query_ids))
        for table in (queries, actions)
    )
    return [
        *by_case.items(),
        (queries, searches),
        (actions, done),
        (schema.episodes, schema.episodes.c.client_id.in_(person.client_ids)),
        *(
            (table, func.lower(table.c.mail) == person.mail)
            for table in personal_data.tables_of(personal_data.SUBSCRIBER)
        ),
    ]


def _sent_to(mail: str) -> ColumnElement[bool]:
    """Mails to an address that belong to no case of its own: to subscribers, and copies."""
    outbox, text = schema.outbox, orjson.dumps(mail).decode()
    payload = func.lower(outbox.c.payload)
    named = payload.contains(text, autoescape=True)
    copied = payload.contains(f'"to":{text}', autoescape=True)
    return ((outbox.c.case_id == "") & named) | copied


def _count(connection: Connection, person: Person) -> Counter[str]:
    counts: Counter[str] = Counter()
    for table, where in _theirs(person):
        query = select(func.count()).select_from(table).where(where)
        counts[str(table.name)] = int(connection.execute(query).scalar_one())
    return counts


def _attachments(connection: Connection, case_ids: Sequence[str]) -> list[Attachment]:
    table = schema.attachments
    rows = connection.execute(select(table).where(table.c.case_id.in_(case_ids))).mappings()
    return [Attachment(**row) for row in rows]


def _erase_cases(connection: Connection, case_ids: Sequence[str]) -> list[Attachment]:
    """Remove cases, and their texts from the event log; returns the files to delete."""
    files, actions = _attachments(connection, case_ids), schema.actions
    here = actions.c.event_id.in_([f"t:{case_id}" for case_id in case_ids])
    given = [
        orjson.loads(row) for (row,) in connection.execute(select(actions.c.attributes).where(here))
    ]
    # The contact still counts; what it was about is gone.
    connection.execute(update(actions).where(here).values(attributes="{}"))
    texts = [str(attributes["text"]) for attributes in given if attributes.get("text")]
    personal_data.erase_questions(connection, [text_key(text) for text in texts])
    personal_data.erase_cases(connection, case_ids)
    return files


def _erase_copies(connection: Connection, mail: str) -> None:
    """Take the address out of the copies of others' cases."""
    table = schema.cases
    here = func.lower(table.c.cc).contains(mail, autoescape=True)
    for case_id, cc in connection.execute(select(table.c.case_id, table.c.cc).where(here)).all():
        kept = ",".join(one for one in cc.split(",") if one.casefold() != mail)
        connection.execute(update(table).where(table.c.case_id == case_id).values(cc=kept))


def _erase_from_audit(connection: Connection, mail: str) -> None:
    """Take the address out of the audit log; its entries stay, and other addresses in them."""
    table = schema.audit
    whole = re.compile(rf"(?<![\w.+%-]){re.escape(mail)}(?![\w-]|\.\w)", re.IGNORECASE)
    for column in (table.c.who, table.c.to_what):
        named = func.lower(column).contains(mail, autoescape=True)
        for audit_id, text in connection.execute(
            select(table.c.audit_id, column).where(named)
        ).all():
            cleaned = whole.sub(ERASED, text)
            if cleaned != text:
                here = table.c.audit_id == audit_id
                connection.execute(update(table).where(here).values({column.name: cleaned}))
