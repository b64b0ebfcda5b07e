"""What can happen to a case, each step one method: opened, answered, handed over, solved, taken up again, taken to the next step.

What is stored and what is to be sent about it are written in one transaction; the log is told after it, and told again by ``run_due``
where that failed.
"""

from __future__ import annotations

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


class CaseTransitionError(Exception):
    """A step that the case's state does not allow; ``why`` names the rule."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Log(Protocol):
    """Where the events of a case go; the same ``once`` counts once."""

    def record(
        self, name: str, case: Case, at: int, once: str, attributes: Mapping[str, Any]
    ) -> None:
        """Commit one event."""
        ...


class CaseWorkflow:
    """The cases and everything that happens to them; threads may share it."""

    def __init__(
        self, cases: CaseStore, support: Callable[[], Support], log: Log, sending: CaseNotifications
    ) -> None:
        self.cases, self.support, self._log, self.sending = cases, support, log, sending

    # --- the customer ----------------------------------------------------------------------------------------------------

    def open(
        self, new: NewCase, now: int, answers: Sequence[Quoted] = (), quiet: bool = False
    ) -> Case:
        """Keep a new case, send it where it belongs, and tell the customer; the same form sent twice is one case.

        With ``answers`` the customer is sent them, and the case waits a while for whether they help before a person must read it.
        ``quiet`` sends nothing to the customer: a machine wrote, or somebody who was written to often enough today.
        """
        support = self.support()
        until = (
            None
            if new.kind == "praise" or new.spam
            else self._due(support, new.kind, support.ladder[0].name, now)
        )
        desk = INBOX if new.spam else support.desk_for(new.kind, new.language, new.section)
        held = bool(answers) and bool(new.mail) and self.sending.can_mail
        with self.cases.changing() as connection:
            case, fresh = self.cases.add(
                connection,
                new,
                now,
                due_at=until,
                promised_at=until if support.promised else None,
                desk=desk,
                state=ANSWERED if held else OPEN,
            )
            if not fresh:
                return case
            self.cases.attach(connection, new.form_id, case.case_id)
            if new.mail_message_id:
                self.cases.first_time(connection, THREAD, new.mail_message_id, now, case.case_id)
            if held:
                self.sending.automatic(connection, case, answers, now, new.mail_message_id)
            elif not new.spam:
                if not quiet:
                    self.sending.received(connection, case, now, new.mail_message_id)
                self.sending.hand_over(connection, case, now)
        if not held:
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
        """Add what the customer says; it is our turn again. A closed case is taken up again by the same owner. False where it was there.

        ``files`` is the form that brought files, ``who`` who writes where it is not the customer themselves.
        """
        with self.cases.changing() as connection:
            fresh = self.cases.add_message(
                connection, case, now, CUSTOMER, who or case.name, text, mail_message_id, once
            )
            if not fresh:
                return False
            if files:
                self.cases.attach(connection, files, case.case_id)
            self._our_turn(connection, case, now)
            self.sending.forward(connection, case, text, once or str(now), now)
        self._count(case, now)
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
        """The customer says whether it is solved, and what is not: a yes ends it, a no gives it back to the same owner.

        Nothing is asked of spam; a no while it is our turn anyway opens no step of the ladder. Raises Refusal for spam.
        """
        if case.spam:
            raise CaseTransitionError("spam")
        by_article = case.state == ANSWERED
        # That an article did not help says nothing of the desk: nobody there has answered yet.
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
        """It is our turn again, and whoever has the case hears why; sent twice it is said once."""
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
        """The customer takes it to the next step, with its number and all that was said. Raises Refusal where that is not open yet."""
        rung = (
            None
            if case.spam
            else next_step(case, now, [step.name for step in self.support().ladder])
        )
        if rung is None or not rung.open:
            raise CaseTransitionError("last step" if rung is None else rung.why)
        support = self.support()
        until = self._due(support, case.kind, rung.step, now)
        said = SAID_NO_BEFORE if case.said == SAID_NO else case.said
        with self.cases.changing() as connection:
            self.cases.change(
                connection,
                case.case_id,
                now,
                step=rung.step,
                state=OPEN,
                turn_at=now,
                due_at=until,
                said=said,
                solved_at=None,
                asked_at=None,
            )
            self.cases.add_message(connection, case, now, SYSTEM, "", f"step {rung.step}")
            moved = replace(case, step=rung.step, due_at=until)
            self.sending.step(connection, moved, now)
            self.sending.forward(
                connection,
                moved,
                mail_templates.taken_to(rung.step, self.sending.house.language),
                f"step:{rung.step}",
                now,
            )
        self._count(case, now)
        return moved

    # --- the desk ----------------------------------------------------------------------------------------------------------

    def reply(
        self,
        case: Case,
        who: str,
        owner: str,
        text: str,
        now: int,
        once: str = "",
        article_id: str = "",
    ) -> bool:
        """Answer the customer; the first to answer becomes the owner. False where the same was sent already.

        ``who`` is what the customer reads below the answer, "" for the desk as a whole.
        """
        with self.cases.changing() as connection:
            if not self.cases.add_message(connection, case, now, AGENT, who, text, once=once):
                return False
            self.cases.change(
                connection, case.case_id, now, state=WAITING, due_at=None, turn_at=None, solved_at=None, asked_at=None, owner=case.owner or owner,
                first_reply_at=case.first_reply_at or now, solved_by=article_id or case.solved_by,
            )  # fmt: skip
            self.sending.reply(connection, case, text, who, now, once)
        self._count(case, now)
        return True

    def note(self, case: Case, who: str, text: str, now: int, once: str = "") -> None:
        """A note that only the desk sees."""
        with self.cases.changing() as connection:
            self.cases.add_message(connection, case, now, NOTE, who, text, once=once)

    def take(self, case: Case, owner: str, now: int) -> None:
        """Somebody takes the case, or gives it to somebody."""
        with self.cases.changing() as connection:
            self.cases.change(connection, case.case_id, now, owner=owner)

    def transfer(self, case: Case, desk: str, who: str, now: int) -> None:
        """Hand the case to another desk; its owner stays. Raises Refusal for a desk that is not in the support file."""
        if desk != INBOX and desk not in self.support().desks:
            raise CaseTransitionError("no such desk")
        if desk == case.desk:
            return
        with self.cases.changing() as connection:
            drop_waiting(connection, case.case_id, case.desk)
            moved = replace(case, desk=desk, external_id="")
            self.cases.change(connection, case.case_id, now, desk=desk, external_id="")
            self.cases.add_message(connection, case, now, NOTE, who, f"{case.desk} → {desk}")
            self.sending.hand_over(connection, moved, now, once=str(now))

    def solve(self, case: Case, who: str, now: int, article_id: str = "") -> None:
        """Say that it is solved, and by which article; the customer is asked a while later whether that is so. Said twice it is said once."""
        with self.cases.changing() as connection:
            open_still = schema.cases.c.state.not_in([SOLVED, CLOSED])
            fresh = self.cases.change_if(
                connection, case.case_id, now, open_still, state=SOLVED, solved_at=now, asked_at=None, solved_by=article_id or case.solved_by,
                due_at=None, turn_at=None,
            )  # fmt: skip
            if not fresh:
                return
            # After the reply that may go with it.
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
        """Take a case out of the spam: it goes its way as if it had just come."""
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
        self._count(replace(case, spam=""), now)

    def apply_remote_state(
        self, source: str, event_id: str, case: Case, solved: bool, now: int
    ) -> bool:
        """Another desk says that a case is solved, or open again. False where the same message came before."""
        with self.cases.changing() as connection:
            if event_id and not self.cases.first_time(
                connection, source, event_id, now, case.case_id
            ):
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
            elif not solved and case.state in (SOLVED, CLOSED):
                self._our_turn(connection, case, now)
        if solved and case.state not in (SOLVED, CLOSED):
            self._tell(
                RESOLVED,
                case,
                now,
                f"{case.case_id}:resolved:{event_id or now}",
                {"case": case.number},
            )
        return True

    def set_external_id(self, delivery: Delivery, name: str) -> None:
        """Another desk has taken a case and calls it so."""
        if delivery.action == "create" and name:
            with self.cases.changing() as connection:
                here = (schema.cases.c.case_id == delivery.case_id) & (
                    schema.cases.c.desk == delivery.sink
                )
                connection.execute(schema.cases.update().where(here).values(external_id=name[:100]))

    # --- what time brings ----------------------------------------------------------------------------------------------------

    def run_due(self, now: int) -> None:
        """Everything that falls due: follow-ups, cases that no answer helped, events that the log missed, cases nobody objected to."""
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
        """No word came about what our articles say: a person reads it."""
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
        self._count(case, now)

    # --- parts -----------------------------------------------------------------------------------------------------------------

    def due_for(self, kind: str, now: int) -> int | None:
        """Until when somebody who writes now is answered; None where nothing is promised."""
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
        # Whoever comes back after a yes takes it back; a no stays said until there is another word.
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
        )

    def _count(self, case: Case, now: int) -> None:
        """Tell the log, once, that this reached an agent."""
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
        """Whether the log knows now; the case itself is safe either way."""
        try:
            if case.recorded and not case.spam:
                self._log.record(name, case, at, once, attributes)
        except SQLAlchemyError as error:
            log.warning("the log could not be told of a case (%s)", type(error).__name__)
            return False
        return True
