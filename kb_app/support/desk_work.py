"""What agents do with a case beside answering: tags, snoozing, copies, merging, reports of abuse.

Also who is writing a reply now, so that two do not answer at once.
"""

from __future__ import annotations

import unicodedata

from sqlalchemy import delete, select, update

from kb_app.db import schema
from kb_app.db.writing import storable, upsert
from kb_app.durations import DAY, MINUTE
from kb_app.support.case_store import CaseStore
from kb_app.support.model import (
    CLOSED,
    CUSTOMER,
    MAIL,
    NOTE,
    OPEN,
    SOLVED,
    Case,
)
from kb_app.support.workflow import CaseTransitionError

MOST_TAGS, LONGEST_TAG, MOST_COPIES = 20, 40, 5
LONGEST_SNOOZE = 90 * DAY
# Somebody who has not typed for so long has gone.
WRITING = MINUTE


class DeskWork:
    """All of it; thread-safe."""

    def __init__(self, cases: CaseStore) -> None:
        self._cases = cases

    def tag(self, case: Case, words: str, now: int) -> list[str]:
        """Give a case these tags in the place of those that it has; returns them."""
        tags = tags_of(words)
        with self._cases.changing() as connection:
            kept = f" {' '.join(tags)} " if tags else ""
            self._cases.change(connection, case.case_id, case.changed_at or now, tags=kept)
        return tags

    def snooze(self, case: Case, until: int, now: int) -> None:
        """Leave a case out of the active ones until a time; the promised time goes on.

        ``now`` or an earlier time ends it. Raises CaseTransitionError for more than 90 days.
        """
        if until > now + LONGEST_SNOOZE:
            raise CaseTransitionError("long")
        with self._cases.changing() as connection:
            later = until if until > now else None
            self._cases.change(connection, case.case_id, now, snoozed_until=later)

    def copy_to(self, case: Case, addresses: str, now: int) -> list[str]:
        """Send the replies of a case to further addresses too; returns them.

        Raises CaseTransitionError for what is no address.
        """
        given = addresses.replace(";", " ").replace(",", " ").split()
        wrong = next((one for one in given if not MAIL.match(one) or len(one) > 200), "")
        if wrong:
            raise CaseTransitionError(f"no address: {wrong[:60]}")
        copies = [one for one in dict.fromkeys(given) if one.lower() != case.mail.lower()]
        if len(copies) > MOST_COPIES:
            raise CaseTransitionError("many addresses")
        with self._cases.changing() as connection:
            self._cases.change(connection, case.case_id, now, cc=",".join(copies))
        return copies

    def merge(self, case: Case, into: Case, who: str, now: int) -> None:
        """Go on with a case in another one of the same customer; nothing that was said is lost.

        Messages, files and mail threads move; the merged case is closed and leads to the other.
        Raises CaseTransitionError for cases of different customers, and for one already merged.
        """
        if case.case_id == into.case_id or case.merged_into or into.merged_into or case.spam:
            raise CaseTransitionError("not these two")
        if not case.mail or case.mail.lower() != into.mail.lower():
            raise CaseTransitionError("two customers")
        with self._cases.changing() as connection:
            first = f"{case.subject}\n\n{case.message}".strip()
            once = f"merged:{case.case_id}"
            fresh = self._cases.add_message(
                connection, into, case.at, CUSTOMER, case.name, first, once=once
            )
            if not fresh:
                return
            for table in (schema.case_messages, schema.attachments, schema.received):
                here = table.c.case_id == case.case_id
                connection.execute(update(table).where(here).values(case_id=into.case_id))
            note = f"{case.number} → {into.number}"
            self._cases.add_message(connection, into, now, NOTE, who, note)
            self._cases.add_message(connection, case, now, NOTE, who, note)
            self._cases.change(
                connection,
                case.case_id,
                now,
                state=CLOSED,
                merged_into=into.case_id,
                solved_at=case.solved_at or now,
                due_at=None,
                turn_at=None,
            )
            waits = case.state not in (SOLVED, CLOSED) and case.ours
            dues = [one for one in (case.due_at, into.due_at) if one]
            opened = {"state": OPEN, "due_at": min(dues, default=None), "turn_at": case.turn_at}
            tags = tags_of(f"{into.tags} {case.tags}")
            self._cases.change(
                connection,
                into.case_id,
                now,
                tags=f" {' '.join(tags)} " if tags else "",
                abuse_by=into.abuse_by or case.abuse_by,
                **(opened if waits else {}),
            )

    def report_abuse(self, case: Case, mail: str, who: str, text: str, now: int) -> None:
        """Report that somebody is harassed in a case: it is kept as evidence, and leads are told.

        With an empty ``mail`` the report is taken back.
        """
        with self._cases.changing() as connection:
            self._cases.change(connection, case.case_id, now, abuse_by=mail[:200])
            self._cases.add_message(connection, case, now, NOTE, who, text)

    def abuse(self) -> list[Case]:
        """The cases with a report, oldest first."""
        table = schema.cases.c
        return self._cases.due((table.abuse_by != "") & table.state.not_in([CLOSED]))

    def note_writing(self, case: Case, mail: str, now: int) -> None:
        """Remember that somebody is writing a reply."""
        table = schema.case_writers
        with self._cases.changing() as connection:
            row = {"case_id": case.case_id, "mail": mail[:200], "at": now}
            upsert(connection, table, row)
            connection.execute(delete(table).where(table.c.at < now - 10 * WRITING))

    def writers(self, case: Case, now: int, but: str = "") -> list[str]:
        """The mail addresses of those who are writing a reply now, but one."""
        table = schema.case_writers
        here = (table.c.case_id == case.case_id) & (table.c.at >= now - WRITING)
        with self._cases.engine.connect() as connection:
            found = connection.execute(select(table.c.mail).where(here, table.c.mail != but))
            return sorted(str(mail) for (mail,) in found)


def tags_of(words: str) -> list[str]:
    """The tags in a text: words of letters and digits, each once."""
    text = unicodedata.normalize("NFKC", storable(words)).casefold()
    for mark in ",、;；#":
        text = text.replace(mark, " ")
    clean = (
        "".join(char for char in word if char.isalnum() or char in "-_ー・")[:LONGEST_TAG]
        for word in text.split()
    )
    return list(dict.fromkeys(word for word in clean if word))[:MOST_TAGS]
