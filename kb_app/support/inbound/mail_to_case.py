"""Converts mails to the help address into cases, or into messages of existing cases."""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from kb_app.durations import DAY
from kb_app.support.attachments import MEGABYTE, UploadRejectedError, Uploads
from kb_app.support.delivery.mail_templates import Quoted
from kb_app.support.inbound.email_parser import Incoming, read_mail
from kb_app.support.inbound.quotations import split_reply
from kb_app.support.model import LONGEST_MESSAGE, NOTE, Case, NewCase
from kb_app.support.workflow import CaseWorkflow

log = logging.getLogger("kb_app.workflow")
# Daily limits per sender: automatic replies, and cases before further ones count as spam.
REPLIES_A_DAY = 3
CASES_A_DAY = 50
# Who is shown as the author of a note with the quoted part of a mail.
QUOTED = "quoted"


@dataclass(frozen=True)
class MailAnswer:
    """The search result for a mail.

    Holds the id, language and section of the search, and the articles that answer it with a strict
    verdict.
    """

    query_id: str = ""
    client_id: str | None = None
    language: str = ""
    section: str = ""
    recorded: bool = True
    answers: tuple[Quoted, ...] = ()


class AnswerMail(Protocol):
    """Searches the index for the text of a mail and records the search."""

    def __call__(self, subject: str, text: str) -> MailAnswer:
        """The result; no answers without a strict verdict."""
        ...


class MailIntake:
    """Processes incoming mails; idempotent for the same mail."""

    def __init__(
        self,
        handoff: CaseWorkflow,
        uploads: Uploads,
        read: AnswerMail,
        own: Sequence[str],
        parse: Callable[[bytes], Incoming] = read_mail,
    ) -> None:
        """``own`` are the site's addresses; ``parse`` never raises."""
        self._handoff, self._uploads, self._read, self._parse = handoff, uploads, read, parse
        self._own = frozenset(address.casefold() for address in own if address)

    def take(self, raw: bytes, now: int) -> str:
        """Process one mail and return the outcome.

        "created": a new case. "added": a message from the customer. "answered": a reply from the
        ticket system or escalation step that has the case. "noted": an automatic mail in a case.
        "ignored": a bounce, or a mail from the site itself. "known": a repeated mail.
        """
        mail = self._parse(raw)
        once = mail.message_id or f"<{hashlib.sha256(raw).hexdigest()}@no-id>"
        cases = self._handoff.cases
        case = self._case_of(mail)
        if cases.by_form(f"mail:{once}"):
            return "known"
        if case is not None:
            return self._add(case, mail, raw, once, now)
        if mail.bounce or self._customer(mail).casefold() in self._own:
            log.info("mail ignored: %s", "bounce" if mail.bounce else "from an own address")
            return "ignored"
        return self._open(mail, raw, once, now)

    def _customer(self, mail: Incoming) -> str:
        """Where answers go: Reply-To, unless that is this site; "" if they go nowhere."""
        return mail.sender if mail.answer_to.casefold() in self._own else mail.answer_to

    def _open(self, mail: Incoming, raw: bytes, once: str, now: int) -> str:
        customer = self._customer(mail)
        cases, source = self._handoff.cases, self._source(customer or mail.written_by)
        reading = self._read(mail.subject, mail.text)
        today = cases.seen(source, now - DAY)
        may_reply = bool(customer) and not mail.quiet and today < REPLIES_A_DAY
        with cases.changing() as connection:
            cases.first_time(connection, source, once, now)
        text, more = mail.text[:LONGEST_MESSAGE], mail.text[LONGEST_MESSAGE:]
        refused = self._keep(mail, raw, f"mail:{once}", now)
        new = NewCase(
            form_id=f"mail:{once}",
            kind="question",
            message=text or mail.subject or "(empty)",
            # Without an address to answer to, the desk sees the sender as written.
            name=mail.sender_name if customer else mail.written_by[:200],
            mail=customer,
            language=reading.language,
            section=reading.section,
            subject=mail.subject,
            channel="mail",
            query_id=reading.query_id,
            client_id=reading.client_id,
            mail_message_id=once,
            recorded=reading.recorded,
            # Stored as spam, not discarded.
            spam="too many" if today >= CASES_A_DAY else "",
        )
        case = self._handoff.open(
            new, now, reading.answers if may_reply else (), quiet=not may_reply
        )
        self._note_rest(case, more, once, now)
        self._tell_refused(case, refused, once, now)
        return "created"

    def _add(self, case: Case, mail: Incoming, raw: bytes, once: str, now: int) -> str:
        if mail.bounce or mail.automatic:
            return self._note_machine(case, mail, raw, once, now)
        said, quoted = split_reply(mail.text)
        if self._is_ours(case, mail):
            who = mail.sender_name or mail.sender
            fresh = self._handoff.reply(case, who, mail.sender, said, now, once)
            self._note_quoted(case, quoted, once, now)
            return "answered" if fresh else "known"
        known = {mail.sender.casefold(), mail.answer_to.casefold()}
        refused = self._keep(mail, raw, once, now)
        if self._handoff.cases.sent_to_desk(mail.thread) and case.mail.casefold() not in known:
            # A colleague of whoever was told of the case: not the customer's words.
            who = mail.sender_name or mail.sender
            self._handoff.note(case, who, said[:LONGEST_MESSAGE], now, once, files=once)
            self._note_rest(case, said[LONGEST_MESSAGE:], once, now)
            self._tell_refused(case, refused, once, now)
            return "noted"
        other = (
            ""
            if not mail.sender or case.mail.casefold() in known
            else mail.sender_name or mail.sender
        )
        first = said[:LONGEST_MESSAGE] or mail.subject
        if not self._handoff.customer_says(case, first, now, once, once, files=once, who=other):
            return "known"
        self._note_rest(case, said[LONGEST_MESSAGE:], once, now)
        self._note_quoted(case, quoted, once, now)
        self._tell_refused(case, refused, once, now)
        return "added"

    def _note_machine(self, case: Case, mail: Incoming, raw: bytes, once: str, now: int) -> str:
        """A machine's mail is a note with all its text; its files stay with the case."""
        refused = self._keep(mail, raw, once, now)
        text = f"{mail.subject}\n{mail.text}"
        who = mail.automatic or "bounce"
        self._handoff.note(case, who, text[:LONGEST_MESSAGE], now, once, files=once)
        self._note_rest(case, text[LONGEST_MESSAGE:], once, now)
        self._tell_refused(case, refused, once, now)
        return "noted"

    def _case_of(self, mail: Incoming) -> Case | None:
        """The case by thread, else by the number in the subject if the sender is its customer."""
        cases = self._handoff.cases
        by_thread = cases.by_mail(mail.thread)
        # Our Message-IDs cannot be guessed, so the sender has received a mail of the case.
        if by_thread is not None:
            return cases.going_on(by_thread)
        by_number = cases.by_number(mail.case_number) if mail.case_number else None
        known = {mail.sender.casefold(), mail.answer_to.casefold()}
        is_theirs = by_number is not None and by_number.mail.casefold() in known - {""}
        return cases.going_on(by_number) if by_number and is_theirs else None

    def _is_ours(self, case: Case, mail: Incoming) -> bool:
        """Whether the mail is a reply by the ticket system or escalation step that has the case.

        It must answer a mail sent to them: a sender address alone can be forged.
        """
        if not self._handoff.cases.sent_to_desk(mail.thread):
            return False
        support = self._handoff.support()
        known = {
            support.step(case.step).mail,
            support.desks[case.desk].mail if case.desk in support.desks else "",
        } - {""}
        return mail.sender.casefold() in {address.casefold() for address in known}

    def _keep(self, mail: Incoming, raw: bytes, form_id: str, now: int) -> list[str]:
        """Store the mail as it came and its files; returns the names of rejected ones, and why."""
        support, refused = self._handoff.support(), []
        for left in self._handoff.cases.attachments(form_id=form_id):  # of a failed attempt
            self._uploads.forget(left)
            self._handoff.cases.forget_attachment(left.attachment_id)
        original = self._uploads.keep_mail(raw, form_id, now)
        self._handoff.cases.add_attachment(original)
        for number, (name, data) in enumerate(mail.files):
            try:
                if number >= support.most_files:
                    raise UploadRejectedError(name, "many")
                kept = self._uploads.keep(
                    io.BytesIO(data), name, form_id, support.most_megabytes * MEGABYTE, now
                )
                self._handoff.cases.add_attachment(kept)
            except UploadRejectedError as error:
                refused.append(f"{error.name} ({error.why})")
        return refused

    def _note_rest(self, case: Case, more: str, once: str, now: int) -> None:
        """Add the text beyond the length limit as notes, 1 ms apart to keep their order."""
        for place, start in enumerate(range(0, len(more), LONGEST_MESSAGE), 1):
            self._handoff.note(
                case, "", more[start : start + LONGEST_MESSAGE], now + place, f"{once}:{start}"
            )

    def _note_quoted(self, case: Case, quoted: str, once: str, now: int) -> None:
        """The mail below the reply: out of the way, but with the case."""
        if quoted:
            text = quoted[:LONGEST_MESSAGE]
            self._handoff.note(case, QUOTED, text, now + 1, f"{once}:{QUOTED}")

    def _tell_refused(self, case: Case, refused: Sequence[str], once: str, now: int) -> None:
        if refused:
            self._handoff.note(
                case, "", f"Files that were not kept: {', '.join(refused)}", now, f"{once}:{NOTE}"
            )

    @staticmethod
    def _source(address: str) -> str:
        """A key for the sender that does not contain the address."""
        return f"from:{hashlib.sha256(address.casefold().encode()).hexdigest()[:30]}"
