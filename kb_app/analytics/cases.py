"""Messages to people, kept until there is a desk: a case each, with a number to name it by."""

from __future__ import annotations

import re
import secrets
import uuid
from dataclasses import dataclass

from sqlalchemy import select

from kb_app.analytics.privacy import storable
from kb_app.analytics.store import EventStore, insert_new
from kb_app.db import schema

KINDS = ("question", "problem", "complaint", "praise")
LONGEST_MESSAGE = 5_000
_MAIL = re.compile(r"^[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+$")
_UUID = re.compile(r"^[0-9a-f-]{36}$")
# Read aloud without mistakes: no 0 and O, 1 and I.
_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"


@dataclass(frozen=True)
class NewCase:
    """What the form gave. ``form_id`` makes sending it twice the same as once."""

    form_id: str
    kind: str
    message: str
    name: str = ""
    mail: str = ""
    language: str = ""
    query_id: str = ""
    client_id: str | None = None

    def problems(self) -> dict[str, str]:
        """Field -> what is wrong with it: "empty", "long", "mail" or "kind"."""
        found: dict[str, str] = {}
        if not self.message.strip():
            found["message"] = "empty"
        elif len(self.message) > LONGEST_MESSAGE:
            found["message"] = "long"
        if self.mail.strip() and not _MAIL.match(self.mail.strip()):
            found["mail"] = "mail"
        if len(self.name) > 200 or re.search(r"[\r\n]", self.name):
            found["name"] = "long"
        if self.kind not in KINDS:
            found["kind"] = "kind"
        return found


@dataclass(frozen=True)
class Case:
    """A stored case."""

    case_id: str
    number: str


def create_case(store: EventStore, given: NewCase, at: int) -> Case:
    """Store a case, or give back the one that the same form made."""
    table = schema.cases
    form_id = given.form_id if _UUID.match(given.form_id) else str(uuid.uuid4())
    row = {
        "case_id": str(uuid.uuid5(uuid.NAMESPACE_URL, f"case:{form_id}")),
        "number": "".join(secrets.choice(_LETTERS) for _ in range(8)),
        "form_id": form_id,
        "at": at,
        "kind": given.kind,
        "message": storable(given.message.strip()),
        "name": storable(given.name.strip()),
        "mail": storable(given.mail.strip())[:200],
        "language": given.language,
        "query_id": given.query_id,
        "client_id": given.client_id,
        "state": "open",
    }
    with store.engine.begin() as connection:
        insert_new(connection, table, [row])
        stored = connection.execute(select(table.c.case_id, table.c.number).where(table.c.form_id == form_id)).one()
    return Case(*stored)
