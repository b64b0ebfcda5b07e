"""What is sent about a case: mails to the customer and to the steps of the ladder, and the case itself to another desk.

Nothing leaves from here: all of it is kept in the outbox, in the transaction that it is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection

from kb_app.support.access_links import Links
from kb_app.support.case_store import THREAD, TO_DESK, CaseStore
from kb_app.support.config.values import INBOX, Support
from kb_app.support.delivery import mail_templates
from kb_app.support.delivery.mail_templates import Quoted, lang_of
from kb_app.support.delivery.outbox import enqueue, handed_over
from kb_app.support.model import MAIL_SINK, STEP_SINK, Case


class Mailer(Protocol):
    """How mails leave; a site without a mail server sends none, and the customer reads at the status page."""

    def can_mail(self) -> bool:
        """Whether mails can be sent."""
        ...

    def new_message_id(self) -> str:
        """A Message-ID of ours."""
        ...


@dataclass(frozen=True)
class SiteIdentity:
    """What the site is called and where it stands; ``help_address`` is where customers' mails go, ``language`` what the desk reads."""

    name: Callable[[str], str]
    address: str
    help_address: str = ""
    language: str = "en"
    leads: Callable[[], Sequence[str]] = tuple


class CaseNotifications:
    """Keeps what is to be sent; each step of a case is sent once, however often it is asked for."""

    def __init__(
        self,
        cases: CaseStore,
        support: Callable[[], Support],
        links: Links,
        post: Mailer,
        house: SiteIdentity,
    ) -> None:
        self._cases, self._support, self._links, self._post, self.house = (
            cases,
            support,
            links,
            post,
            house,
        )

    @property
    def can_mail(self) -> bool:
        """Whether mails leave at all."""
        return self._post.can_mail()

    # --- links -----------------------------------------------------------------------------------------------------------

    def status_link(self, case: Case, now: int) -> str:
        """The customer's own page of a case."""
        return f"{self.house.address}/{lang_of(case.language)}/cases/{self._links.make('case', case.case_id, now)}"

    def desk_link(self, case: Case) -> str:
        """The case at our own desk."""
        return f"{self.house.address}/desk/cases/{case.number}"

    # --- to the customer -------------------------------------------------------------------------------------------------

    def received(self, connection: Connection, case: Case, now: int, thread: str = "") -> None:
        """That a message has come; ``thread`` is the Message-ID of the mail it came by."""
        said = mail_templates.received(
            self._site(case),
            case,
            self._until(case, lang_of(case.language)),
            self.status_link(case, now),
        )
        self._mail(connection, case, "received", said, now, thread)

    def automatic(
        self, connection: Connection, case: Case, answers: Sequence[Quoted], now: int, thread: str
    ) -> None:
        """The one automatic reply, with what our articles say."""
        yes, no = self._yes_and_no(case, now)
        said = mail_templates.automatic(
            self._site(case), case, answers, yes, no, self._until(case, lang_of(case.language))
        )
        self._mail(connection, case, "automatic", said, now, thread, automatic="auto-replied")

    def reply(
        self, connection: Connection, case: Case, text: str, who: str, now: int, once: str
    ) -> str:
        """What an agent answers; returns the Message-ID, by which the customer's answer is known."""
        said = mail_templates.reply(self._site(case), case, text, who, self.status_link(case, now))
        name = self._post.new_message_id()
        self._mail(
            connection, case, f"reply:{once or name}", said, now, message_id=name, automatic=""
        )
        return name

    def follow_up(self, connection: Connection, case: Case, now: int) -> None:
        """Whether it was solved."""
        said = mail_templates.follow_up(self._site(case), case, *self._yes_and_no(case, now))
        self._mail(connection, case, f"follow-up:{case.solved_at}", said, now)

    # --- to desks and steps ----------------------------------------------------------------------------------------------

    def step(self, connection: Connection, case: Case, now: int) -> None:
        """Mail a step of the ladder that a case is theirs now: to its own address, else to those who lead."""
        if not self.can_mail:
            return
        subject, body = self._handed_over(connection, case)
        address = self._support().step(case.step).mail
        for to in [address] if address else self.house.leads():
            payload = {
                "to": to,
                "subject": subject,
                "body": body,
                "reply_to": self.house.help_address,
            }
            self._enqueue(
                connection, case, STEP_SINK, "mail", f"step:{case.step}:{to}", payload, now
            )

    def hand_over(self, connection: Connection, case: Case, now: int, once: str = "") -> None:
        """Keep the case for the desk that it belongs to, where that is not ours; ``once`` tells one transfer from another."""
        if case.desk == INBOX or case.spam:
            return
        subject, body = self._handed_over(connection, case)
        payload = {
            "number": case.number, "kind": case.kind, "step": case.step, "language": case.language, "section": case.section, "name": case.name,
            "mail": case.mail, "subject": subject, "text": body, "message": case.message, "trail": [dict(step) for step in case.trail],
            "link": self.desk_link(case), "at": case.at, "reply_to": self.house.help_address,
        }  # fmt: skip
        self._enqueue(
            connection, case, case.desk, "create", f"create:{case.desk}:{once}", payload, now
        )

    def forward(self, connection: Connection, case: Case, text: str, once: str, now: int) -> None:
        """Keep what was added for the desk that has the case; one that has not been given it yet gets the whole of it."""
        if case.desk == INBOX or case.spam:
            return
        if not case.external_id and not handed_over(connection, case.case_id, case.desk):
            self.hand_over(connection, case, now)
            return
        payload = {
            "number": case.number, "text": text, "subject": f"[#{case.number}] {case.title}", "mail": case.mail, "name": case.name,
            "reply_to": self.house.help_address, "thread": case.external_id if case.external_id.startswith("<") else "",
        }  # fmt: skip
        self._enqueue(connection, case, case.desk, "comment", f"comment:{once}", payload, now)

    # --- parts -----------------------------------------------------------------------------------------------------------

    def _handed_over(self, connection: Connection, case: Case) -> mail_templates.Said:
        """The case as another desk, or the next step, reads it: all that was said and tried."""
        lang = self.house.language
        files = [file.name for file in self._cases.attachments(case.case_id, within=connection)]
        said = [
            (one.author, one.who, one.text)
            for one in self._cases.messages(case.case_id, within=connection)
        ]
        story = mail_templates.story(
            case.message, [str(step.get("text", "")) for step in case.trail], files, said, lang
        )
        until = (
            mail_templates.moment(case.due_at, self._support().calendar.zone, lang)
            if case.due_at
            else ""
        )
        facts = (case.number, case.title, case.kind, case.step, case.name or case.mail, until)
        return mail_templates.handed_over(
            self.house.name(lang), facts, story, self.desk_link(case), lang
        )

    def _site(self, case: Case) -> str:
        return self.house.name(lang_of(case.language))

    def _until(self, case: Case, lang: str) -> str:
        """Until when an answer is promised; "" where nothing is."""
        support = self._support()
        return (
            mail_templates.moment(case.due_at, support.calendar.zone, lang)
            if case.due_at and support.promised
            else ""
        )

    def _yes_and_no(self, case: Case, now: int) -> tuple[str, str]:
        """The links by which a customer says whether it is solved."""
        link = f"{self.status_link(case, now)}/solved?answer="
        return f"{link}yes", f"{link}no"

    def _mail(
        self,
        connection: Connection,
        case: Case,
        what: str,
        said: mail_templates.Said,
        now: int,
        thread: str = "",
        message_id: str = "",
        automatic: str = "auto-generated",
    ) -> None:
        """Keep a mail to the customer, where there is an address and a server."""
        if not case.mail or not self.can_mail:
            return
        subject, body = said
        payload = {
            "to": case.mail, "to_name": case.name, "subject": subject, "body": body, "in_reply_to": thread, "references": thread,
            "reply_to": self.house.help_address, "automatic": automatic,
        }  # fmt: skip
        self._enqueue(connection, case, MAIL_SINK, "mail", what, payload, now, message_id)

    def _enqueue(
        self,
        connection: Connection,
        case: Case,
        sink: str,
        action: str,
        what: str,
        payload: dict[str, Any],
        now: int,
        message_id: str = "",
    ) -> None:
        """Keep one delivery, and remember the name of its mail: whoever answers it is known by that."""
        name = message_id or self._post.new_message_id()
        key = f"{case.number}-{hashlib.sha256(f'{case.case_id}:{what}'.encode()).hexdigest()[:24]}"
        if enqueue(
            connection, case.case_id, sink, action, key, payload | {"message_id": name}, now
        ):
            self._cases.first_time(
                connection, THREAD if sink == MAIL_SINK else TO_DESK, name, now, case.case_id
            )
