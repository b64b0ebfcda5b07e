"""The workflow of a case: open, reply, transfer, solve, reopen, escalate; one method each.

A change and the deliveries that it causes are written in one transaction. The event log is written
after it; ``run_due`` repeats that for new cases where it failed.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from kb_app.db import schema
from kb_app.durations import DAY, HOUR
from kb_app.support.case_store import THREAD, CaseStore
from kb_app.support.config.business_hours import due
from kb_app.support.config.values import INBOX, Support
from kb_app.support.delivery import mail_templates
from kb_app.support.delivery.mail_templates import Quoted, lang_of
from kb_app.support.delivery.notifications import CaseNotifications
from kb_app.support.delivery.outbox import drop_waiting
from kb_app.support.escalation import next_step
from kb_app.support.model import (
    AGENT,
    ANSWERED,
    CLOSED,
    CUSTOMER,
    NOTE,
    OPEN,
    SAID_NO,
    SAID_NO_BEFORE,
    SAID_YES,
    SOLVED,
    SYSTEM,
    WAITING,
    Case,
    Delivery,
    NewCase,
)

log = logging.getLogger("kb_app.workflow")
CREATED, RESOLVED, TOLD_YES, TOLD_NO = (
    "ticket_created",
    "ticket_resolved",
    "solved_yes",
    "solved_no",
)


# Who wrote the note that holds an automatic reply.
AUTOMATIC = "automatic"
# Acknowledgements to one address, which somebody else may have typed.
ACKNOWLEDGED_A_DAY = 3


class CaseTransitionError(Exception):
    """A transition that the state of the case does not allow; ``why`` is the reason."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class AnsweredMeanwhileError(Exception):
    """A reply was not sent: the case has messages that its writer had not read."""


class Log(Protocol):
    """The event log for cases; ``once`` is an idempotency key."""

    def record(
        self, name: str, case: Case, at: int, once: str, attributes: Mapping[str, Any]
    ) -> None:
        """Write and commit one event."""
        ...


class CaseWorkflow:
    """All transitions of cases; thread-safe."""

    def __init__(
        self, cases: CaseStore, support: Callable[[], Support], log: Log, sending: CaseNotifications
    ) -> None:
        self.cases, self.support, self._log, self.sending = cases, support, log, sending

    # --- customer --------------------------------------------------------------------------------

    def open(
        self, new: NewCase, now: int, answers: Sequence[Quoted] = (), quiet: bool = False
    ) -> Case:
        """Create a case, route it and acknowledge it; the same form id sent twice creates one case.

        With ``answers`` the customer gets these articles by mail, and the case reaches an agent
        only if they do not help or the customer does not react in time. ``quiet`` sends nothing to
        the customer: the mail was automatic, or the daily limit of replies is reached.
        """
        support = self.support()
        until = (
            None
            if new.kind == "praise" or new.spam
            else self._due(support, new.kind, support.ladder[0].name, now)
        )
        desk = INBOX if new.spam else support.desk_for(new.kind, new.language, new.section)
        auto_answered = bool(answers) and bool(new.mail) and self.sending.can_mail
        receiver = _receiver(new.mail)
        quiet = quiet or self.cases.seen(receiver, now - DAY) >= ACKNOWLEDGED_A_DAY
        with self.cases.changing() as connection:
            case, fresh = self.cases.add(
                connection,
                new,
                now,
                due_at=until,
                promised_at=until if support.promised else None,
                desk=desk,
                state=ANSWERED if auto_answered else OPEN,
            )
            if not fresh:
                return case
            self.cases.attach(connection, new.form_id, case.case_id)
            if new.mail_message_id:
                self.cases.first_time(connection, THREAD, new.mail_message_id, now, case.case_id)
            if auto_answered:
                self.sending.automatic(connection, case, answers, now, new.mail_message_id)
                sent = "\n\n".join(f"{one.title}\n{one.quote}\n{one.url}" for one in answers)
                self.cases.add_message(connection, case, now, NOTE, AUTOMATIC, sent)
            elif not new.spam:
                if not quiet:
                    self.sending.received(connection, case, now, new.mail_message_id)
                    self.cases.first_time(connection, receiver, case.case_id, now, case.case_id)
                self.sending.hand_over(connection, case, now)
                self.sending.announce(connection, case, now)
        if not auto_answered:
            self._count(case, now)
        return case

    def customer_says(
        self,
        case: Case,
        text: str,
        now: int,
        once: str = "",
        mail_message_id: str = "",
        files: str = "",
        who: str = "",
    ) -> bool:
        """Add a message from the customer and open the case again; a closed case keeps its owner.

        ``files`` is the id of the form that the files were uploaded with. ``who`` is the author if
        that is not the customer. Returns False if the message exists already (``once``).
        """
        case = self.cases.going_on(case)
        with self.cases.changing() as connection:
            fresh = self.cases.add_message(
                connection, case, now, CUSTOMER, who or case.name, text, mail_message_id, once
            )
            if not fresh:
                return False
            if files:
                self.cases.attach(connection, files, case.case_id)
            if mail_message_id:
                self.cases.first_time(connection, THREAD, mail_message_id, now, case.case_id)
            self._our_turn(connection, case, now)
            self.sending.forward(connection, case, text, once or str(now), now)
            if case.state == ANSWERED:
                self.sending.announce(connection, case, now)
        self._count(case, now)
        return True

    def mail_link(self, case: Case, mail: str, now: int) -> bool:
        """Mail the customer the link to their case; ``mail`` is used where the case has no address.

        Returns False if the address got too many acknowledgements today.
        """
        if case.spam:
            # The page says the same as to everybody, and nobody is mailed.
            return True
        receiver = _receiver(case.mail or mail)
        if self.cases.seen(receiver, now - DAY) >= ACKNOWLEDGED_A_DAY:
            return False
        with self.cases.changing() as connection:
            if not case.mail:
                without = schema.cases.c.mail == ""
                self.cases.change_if(connection, case.case_id, now, without, mail=mail)
                case = self.cases.case(case.case_id, within=connection) or case
            self.sending.link(connection, case, now)
            self.cases.first_time(connection, receiver, f"{case.case_id}:{now}", now, case.case_id)
        return True

    def answer(
        self,
        case: Case,
        solved: bool,
        now: int,
        satisfaction: int | None = None,
        effort: int | None = None,
        text: str = "",
    ) -> None:
        """Record whether the customer considers the case solved.

        Yes closes the case, no opens it again for the same owner; ``text`` says what is not solved.
        A no to automatic articles, or while the case is open anyway, does not open an escalation
        step. ``satisfaction`` and ``effort`` are survey ratings. Raises CaseTransitionError for
        spam.
        """
        if case.spam:
            raise CaseTransitionError("spam")
        by_article = case.state == ANSWERED
        # A no to automatic articles is not a verdict on the agents: none has replied yet.
        said = SAID_YES if solved else case.said if by_article or case.state == OPEN else SAID_NO
        values: dict[str, Any] = {"said": said}
        values |= {"satisfaction": satisfaction} if satisfaction else {}
        values |= {"effort": effort} if effort else {}
        with self.cases.changing() as connection:
            if solved:
                self.cases.change(
                    connection,
                    case.case_id,
                    now,
                    state=CLOSED,
                    solved_at=case.solved_at or now,
                    **values,
                )
            else:
                self._not_solved(connection, case, text, now)
                self.cases.change(connection, case.case_id, now, **values)
                if by_article:
                    self.sending.announce(connection, case, now)
        if by_article and not solved:
            self._count(case, now)
        if case.said != said or by_article:
            self._tell(
                TOLD_YES if solved else TOLD_NO,
                case,
                now,
                f"{case.case_id}:{solved}:{now // DAY}",
                {"case": case.number},
            )

    def _not_solved(self, connection: Connection, case: Case, text: str, now: int) -> None:
        """Open the case again and forward the reason to its ticket system; idempotent."""
        self._our_turn(connection, case, now)
        once = f"{case.case_id}:not solved:{case.changed_at}"
        if not self.cases.add_message(connection, case, now, SYSTEM, "", "not solved", once=once):
            return
        if text:
            self.cases.add_message(
                connection, case, now + 1, CUSTOMER, case.name, text, once=f"{once}:why"
            )
        self.sending.forward(
            connection, case, text or mail_templates.NOT_SOLVED[lang_of(case.language)], once, now
        )

    def escalate(self, case: Case, now: int) -> Case:
        """Move the case to the next escalation step; number and conversation are kept.

        Raises CaseTransitionError if that step is not open.
        """
        target = (
            None
            if case.spam
            else next_step(case, now, [step.name for step in self.support().ladder])
        )
        if target is None or not target.open:
            raise CaseTransitionError("last step" if target is None else target.why)
        support = self.support()
        until = self._due(support, case.kind, target.step, now)
        said = SAID_NO_BEFORE if case.said == SAID_NO else case.said
        with self.cases.changing() as connection:
            self.cases.change(
                connection,
                case.case_id,
                now,
                step=target.step,
                state=OPEN,
                turn_at=now,
                due_at=until,
                said=said,
                solved_at=None,
                asked_at=None,
                snoozed_until=None,
            )
            self.cases.add_message(connection, case, now, SYSTEM, "", f"step {target.step}")
            moved = replace(case, step=target.step, due_at=until)
            self.sending.step(connection, moved, now)
            self.sending.forward(
                connection,
                moved,
                mail_templates.taken_to(target.step, self.sending.house.language),
                f"step:{target.step}",
                now,
            )
        self._count(case, now)
        return moved

    # --- staff -----------------------------------------------------------------------------------

    def reply(
        self,
        case: Case,
        who: str,
        owner: str,
        text: str,
        now: int,
        once: str = "",
        article_id: str = "",
        read: int | None = None,
        files: str = "",
    ) -> bool:
        """Reply to the customer; the first agent to reply becomes the owner.

        ``who`` is the signature that the customer reads, "" for the team as a whole. ``read`` is
        how many messages of customer and staff the writer had before them, None for all. ``files``
        is the form id of files for the customer, who gets them on the page of the case. Returns
        False if the reply exists already (``once``); raises AnsweredMeanwhileError, and sends
        nothing, if there are more.
        """
        with self.cases.changing() as connection:
            if not self.cases.add_message(connection, case, now, AGENT, who, text, once=once):
                return False
            # Adding holds the case: of two replies at once the second sees the first here.
            if self.cases.is_merged(connection, case.case_id):
                raise AnsweredMeanwhileError
            if read is not None and self.cases.said(case.case_id, connection) > read + 1:
                raise AnsweredMeanwhileError
            self.cases.change(
                connection,
                case.case_id,
                now,
                state=WAITING,
                due_at=None,
                turn_at=None,
                solved_at=None,
                asked_at=None,
                owner=case.owner or owner,
                first_reply_at=case.first_reply_at or now,
                solved_by=article_id or case.solved_by,
                snoozed_until=None,
            )
            given = self.cases.attachments(form_id=files, within=connection) if files else []
            if given:
                self.cases.attach(connection, files, case.case_id)
                names = [file.name for file in given]
                text = mail_templates.with_files(text, names, lang_of(case.language))
            self.sending.reply(connection, case, text, who, now, once)
        self._count(case, now)
        return True

    def note(
        self, case: Case, who: str, text: str, now: int, once: str = "", files: str = ""
    ) -> None:
        """Add a note that only staff can see; ``files`` is the form id of its files."""
        with self.cases.changing() as connection:
            self.cases.add_message(connection, case, now, NOTE, who, text, once=once)
            if files:
                self.cases.attach(connection, files, case.case_id)

    def take(self, case: Case, owner: str, now: int) -> None:
        """Set the owner of the case."""
        with self.cases.changing() as connection:
            self.cases.change(connection, case.case_id, now, owner=owner)

    def transfer(self, case: Case, desk: str, who: str, now: int, mail: str = "") -> None:
        """Hand the case to a ticket system or back to the inbox; the owner stays the same.

        Whoever hands it over (``mail``) is reminded of it until it is solved. Raises
        CaseTransitionError for a ticket system that is not in the support file.
        """
        if desk != INBOX and desk not in self.support().desks:
            raise CaseTransitionError("no such desk")
        if desk == case.desk:
            return
        with self.cases.changing() as connection:
            drop_waiting(connection, case.case_id, case.desk)
            moved = replace(case, desk=desk, external_id="")
            handed = {"handed_by": mail} if mail else {}
            self.cases.change(connection, case.case_id, now, desk=desk, external_id="", **handed)
            self.cases.add_message(connection, case, now, NOTE, who, f"{case.desk} → {desk}")
            self.sending.hand_over(connection, moved, now, once=str(now))

    def solve(self, case: Case, who: str, now: int, article_id: str = "") -> None:
        """Mark the case as solved, optionally by an article; idempotent.

        The customer gets a follow-up mail later.
        """
        with self.cases.changing() as connection:
            open_still = schema.cases.c.state.not_in([SOLVED, CLOSED])
            fresh = self.cases.change_if(
                connection,
                case.case_id,
                now,
                open_still,
                state=SOLVED,
                solved_at=now,
                asked_at=None,
                solved_by=article_id or case.solved_by,
                due_at=None,
                turn_at=None,
            )
            if not fresh:
                return
            # 1 ms later, so that it sorts after a reply sent with it.
            self.cases.add_message(connection, case, now + 1, SYSTEM, who, "solved")
        self._count(case, now)
        self._tell(
            RESOLVED,
            case,
            now,
            f"{case.case_id}:resolved:{now}",
            {"case": case.number} | ({"article": article_id} if article_id else {}),
        )

    def not_spam(self, case: Case, now: int) -> None:
        """Release a case from spam and treat it as just received; raises CaseTransitionError."""
        if not case.spam:
            raise CaseTransitionError("not spam")
        with self.cases.changing() as connection:
            until = self._due(self.support(), case.kind, case.step, now)
            desk = self.support().desk_for(case.kind, case.language, case.section)
            promised = until if self.support().promised else None
            self.cases.change(
                connection,
                case.case_id,
                now,
                spam="",
                due_at=until,
                promised_at=promised,
                turn_at=now,
                desk=desk,
            )
            cleared = replace(case, spam="", desk=desk, due_at=until)
            self.sending.received(connection, cleared, now)
            self.sending.hand_over(connection, cleared, now)
            self.sending.announce(connection, cleared, now)
        self._count(replace(case, spam=""), now)

    def apply_remote_state(
        self, event_ids: Sequence[tuple[str, str]], case: Case, solved: bool, now: int
    ) -> bool:
        """Apply a state reported by a ticket system; returns False for a repeated event.

        ``event_ids`` are (source, id) pairs; an event is repeated if one of them is known.
        """
        source, event_id = event_ids[0]
        with self.cases.changing() as connection:
            first = [
                self.cases.first_time(connection, each, name, now, case.case_id)
                for each, name in event_ids
            ]
            if not all(first):
                return False
            if solved and case.state not in (SOLVED, CLOSED):
                values = {
                    "state": SOLVED,
                    "solved_at": now,
                    "due_at": None,
                    "turn_at": None,
                    "first_reply_at": case.first_reply_at or now,
                }
                self.cases.change(connection, case.case_id, now, **values)
                self.cases.add_message(connection, case, now, SYSTEM, source, "solved")
            elif not solved and case.state in (SOLVED, CLOSED) and not case.merged_into:
                self._our_turn(connection, case, now)
        if solved and case.state not in (SOLVED, CLOSED):
            self._tell(
                RESOLVED,
                case,
                now,
                f"{case.case_id}:resolved:{event_id}",
                {"case": case.number},
            )
        return True

    def set_external_id(self, delivery: Delivery, name: str) -> None:
        """Store the id that a ticket system gave to a case that it took over."""
        if delivery.action == "create" and name:
            with self.cases.changing() as connection:
                here = (schema.cases.c.case_id == delivery.case_id) & (
                    schema.cases.c.desk == delivery.sink
                )
                connection.execute(schema.cases.update().where(here).values(external_id=name[:100]))

    # --- scheduled work --------------------------------------------------------------------------

    def run_due(self, now: int) -> None:
        """Do everything that is due at ``now``.

        That is: send follow-ups, close solved cases without objection, hand over cases that were
        answered automatically without a reaction, and log events that failed before.
        """
        table, support = schema.cases.c, self.support()
        for case in self.cases.due(
            (table.state == SOLVED)
            & table.asked_at.is_(None)
            & (table.solved_at <= now - support.follow_up_hours * HOUR)
        ):
            self._follow_up(case, now)
        for case in self.cases.due(
            (table.state == SOLVED) & (table.asked_at <= now - support.close_days * DAY)
        ):
            with self.cases.changing() as connection:
                self.cases.change_if(
                    connection,
                    case.case_id,
                    now,
                    (table.state == SOLVED) & (table.asked_at == case.asked_at),
                    state=CLOSED,
                )
        for case in self.cases.due(table.state == ANSWERED):
            if now - case.at >= ((case.due_at or case.at + DAY) - case.at) / 2:
                self._release(case, now)
        reached = (table.state.not_in([ANSWERED, CLOSED])) | table.first_reply_at.is_not(None)
        for case in self.cases.due(table.counted_at.is_(None) & (table.spam == "") & reached):
            self._count(case, now)

    def _follow_up(self, case: Case, now: int) -> None:
        with self.cases.changing() as connection:
            waiting = (schema.cases.c.state == SOLVED) & schema.cases.c.asked_at.is_(None)
            if not self.cases.change_if(connection, case.case_id, now, waiting, asked_at=now):
                return
            self.sending.follow_up(connection, case, now)

    def _release(self, case: Case, now: int) -> None:
        """Hand an automatically answered case to the agents: the customer did not react."""
        with self.cases.changing() as connection:
            if not self.cases.change_if(
                connection,
                case.case_id,
                now,
                schema.cases.c.state == ANSWERED,
                state=OPEN,
                turn_at=case.at,
            ):
                return
            self.sending.hand_over(connection, case, now)
            self.sending.announce(connection, case, now)
        self._count(case, now)

    # --- helpers ---------------------------------------------------------------------------------

    def due_for(self, kind: str, now: int) -> int | None:
        """The promised reply time for a message sent now; None if nothing is promised."""
        support = self.support()
        return (
            self._due(support, kind, support.ladder[0].name, now)
            if support.promised and kind != "praise"
            else None
        )

    @staticmethod
    def _due(support: Support, kind: str, step: str, now: int) -> int:
        received = datetime.fromtimestamp(now / 1000, UTC)
        return int(
            due(
                support.form, support.calendar, support.promise_of(kind, step), received
            ).timestamp()
            * 1000
        )

    def _our_turn(self, connection: Connection, case: Case, now: int) -> None:
        until = (
            case.due_at
            if case.state in (OPEN, ANSWERED) and case.due_at
            else self._due(self.support(), case.kind, case.step, now)
        )
        # A new message withdraws a yes; a no stays until the next verdict.
        said = "" if case.said == SAID_YES else case.said
        since = case.turn_at if case.ours and case.turn_at else now
        self.cases.change(
            connection,
            case.case_id,
            now,
            state=OPEN,
            turn_at=since,
            due_at=until,
            solved_at=None,
            asked_at=None,
            said=said,
            snoozed_until=None,
        )

    def _count(self, case: Case, now: int) -> None:
        """Log once that the case reached an agent."""
        if case.counted_at is not None or case.spam:
            return
        if self._tell(
            CREATED, case, case.at, "", {"text": case.message[:2_000], "kind": case.kind}
        ):
            with self.cases.changing() as connection:
                connection.execute(
                    schema.cases.update()
                    .where(schema.cases.c.case_id == case.case_id)
                    .values(counted_at=now)
                )

    def _tell(
        self, name: str, case: Case, at: int, once: str, attributes: Mapping[str, Any]
    ) -> bool:
        """Write to the event log; returns whether it succeeded. The case is stored either way."""
        try:
            if case.recorded and not case.spam:
                self._log.record(name, case, at, once, attributes)
        except SQLAlchemyError as error:
            log.warning("cannot write a case to the event log (%s)", type(error).__name__)
            return False
        return True


def _receiver(mail: str) -> str:
    """A key for the receiver of acknowledgements that does not hold the address."""
    return f"to:{hashlib.sha256(mail.casefold().encode()).hexdigest()[:30]}"
