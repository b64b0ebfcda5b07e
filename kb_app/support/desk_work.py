"""What agents do with a case beside answering: tags, snoozing, copies, merging, reports of abuse.

Also who is writing a reply now, so that two do not answer at once.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, select, update

from kb_app.db import schema
from kb_app.db.writing import storable, upsert
from kb_app.durations import DAY, MINUTE
from kb_app.support.case_store import CaseStore
from kb_app.support.config.values import INBOX
from kb_app.support.model import (
    ANSWERED,
    CLOSED,
    CUSTOMER,
    MAIL,
    NOTE,
    OPEN,
    SOLVED,
    STEPS,
    Case,
)
from kb_app.support.workflow import CaseTransitionError

MOST_TAGS, LONGEST_TAG, MOST_COPIES = 20, 40, 5
LONGEST_SNOOZE = 90 * DAY
# Somebody who has not typed for so long has gone.
WRITING = MINUTE


class DeskWork:
    """All of it; thread-safe."""

    def __init__(self, cases: CaseStore, own: Sequence[str] = ()) -> None:
        """``own`` are the addresses of the site itself, which get no copies."""
        self._cases = cases
        self._own = {one.lower() for one in own if one}

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
        refused = {case.mail.lower(), *self._own}
        copies = [*{one.lower(): one for one in given if one.lower() not in refused}.values()]
        if len(copies) > MOST_COPIES:
            raise CaseTransitionError("many addresses")
        with self._cases.changing() as connection:
            self._cases.change(connection, case.case_id, now, cc=",".join(copies))
        return copies

    def merge(self, case: Case, into: Case, who: str, now: int) -> None:
        """Go on with a case in another one of the same customer; nothing that was said is lost.

        Messages, files and mail threads move; the merged case is closed and leads to the other,
        which takes over what was asked, the earlier promise, the higher step and the owner. Raises
        CaseTransitionError for cases of different customers or steps of trust, and for one that was
        merged meanwhile.
        """
        _check_merge(case, into)
        with self._cases.changing() as connection:
            is_whole = schema.cases.c.merged_into == ""
            # Two agents at once: the second finds one of the cases merged already.
            for one, values in ((into, _joined(case, into)), (case, _left(case, into, now))):
                if not self._cases.change_if(connection, one.case_id, now, is_whole, **values):
                    raise CaseTransitionError("not these two")
            first = f"{case.subject}\n\n{case.message}".strip()
            once = f"merged:{case.case_id}"
            self._cases.add_message(
                connection, into, case.at, CUSTOMER, case.name, first, once=once
            )
            for table in (schema.case_messages, schema.attachments, schema.received):
                here = table.c.case_id == case.case_id
                connection.execute(update(table).where(here).values(case_id=into.case_id))
            before = schema.cases.c.merged_into == case.case_id
            connection.execute(update(schema.cases).where(before).values(merged_into=into.case_id))
            note = f"{case.number} → {into.number}"
            self._cases.add_message(connection, into, now, NOTE, who, note)
            self._cases.add_message(connection, case, now, NOTE, who, note)

    def report_abuse(self, case: Case, mail: str, who: str, text: str, now: int) -> None:
        """Report that somebody is harassed in a case: it is kept as evidence, and leads are told.

        With an empty ``mail`` the report is taken back.
        """
        with self._cases.changing() as connection:
            self._cases.change(connection, case.case_id, now, abuse_by=mail[:200])
            self._cases.add_message(connection, case, now, NOTE, who, text)

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


def _check_merge(case: Case, into: Case) -> None:
    """Raise CaseTransitionError for two cases that are not to be one."""
    last = {STEPS[-1]} & {case.step, into.step}
    if case.case_id == into.case_id or case.merged_into or into.merged_into:
        raise CaseTransitionError("not these two")
    if case.spam or into.spam or (last and case.step != into.step):
        raise CaseTransitionError("not these two")
    if not case.mail or case.mail.lower() != into.mail.lower():
        raise CaseTransitionError("two customers")
    if case.desk != INBOX:
        raise CaseTransitionError("at a ticket system")


def _left(case: Case, into: Case, now: int) -> dict[str, Any]:
    """What a merged case becomes."""
    return {
        "state": CLOSED,
        "merged_into": into.case_id,
        "solved_at": case.solved_at or now,
        "due_at": None,
        "turn_at": None,
        "snoozed_until": None,
        "abuse_by": "",
        "handed_by": "",
    }


def _joined(case: Case, into: Case) -> dict[str, Any]:
    """What the case that goes on takes over."""
    unfinished = case.state not in (SOLVED, CLOSED)
    dues = [one for one in (case.due_at, into.due_at) if one]
    tags = tags_of(f"{into.tags} {case.tags}")
    copies = dict.fromkeys([*into.cc_list, *case.cc_list])
    values: dict[str, Any] = {
        "tags": f" {' '.join(tags)} " if tags else "",
        "cc": ",".join([*copies][:MOST_COPIES]),
        "owner": into.owner or case.owner,
        "abuse_by": into.abuse_by or case.abuse_by,
        "handed_by": into.handed_by or case.handed_by,
        "said": into.said or case.said,
        "step": max(case.step, into.step, key=_place_of),
    }
    if unfinished:
        values["snoozed_until"] = None
    if unfinished and case.state in (OPEN, ANSWERED):
        turns = [one for one in (case.turn_at or case.at, into.turn_at) if one]
        values |= {"state": OPEN, "due_at": min(dues, default=None), "turn_at": min(turns)}
        values |= {"solved_at": None, "asked_at": None}
    return values


def _place_of(step: str) -> int:
    return STEPS.index(step) if step in STEPS else 0


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
