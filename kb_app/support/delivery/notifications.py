"""Queues mails to customers and escalation steps, and deliveries to ticket systems.

Nothing is sent here: deliveries are written to the outbox in the caller's transaction.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Connection

from kb_app.support.access_links import Links
from kb_app.support.case_fields import shown_fields
from kb_app.support.case_store import THREAD, TO_DESK, CaseStore
from kb_app.support.config.values import INBOX, Support
from kb_app.support.conversations.store import peer_of
from kb_app.support.delivery import mail_templates
from kb_app.support.delivery.mail_templates import Quoted, lang_of, step_text
from kb_app.support.delivery.outbox import MESSAGE, enqueue, handed_over
from kb_app.support.model import MAIL_SINK, STEP_SINK, STEPS, Case

# A header line has at most 998 letters.
LONGEST_REFERENCES = 800


class Mailer(Protocol):
    """The mail server; without one no mails are sent and customers use the status page."""

    def can_mail(self) -> bool:
        """Whether mails can be sent."""
        ...

    def new_message_id(self) -> str:
        """A new Message-ID of this site."""
        ...


@dataclass(frozen=True)
class SiteIdentity:
    """Name and addresses of the site.

    ``name`` returns the site name in a language, ``address`` is its base URL, ``help_address``
    receives mails from customers, ``language`` is that of the staff, and ``leads`` and
    ``ombudsmen`` return the mail addresses of the accounts of these roles.
    """

    name: Callable[[str], str]
    address: str
    help_address: str = ""
    language: str = "en"
    leads: Callable[[], Sequence[str]] = tuple
    ombudsmen: Callable[[], Sequence[str]] = tuple


class CaseNotifications:
    """Queues deliveries; idempotent per case and event."""

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
        """Whether the site can send mails."""
        return self._post.can_mail()

    # --- links -----------------------------------------------------------------------------------

    def status_link(self, case: Case, now: int) -> str:
        """The URL of the customer's status page of a case."""
        token = self._links.make("case", case.case_id, now)
        return f"{self.house.address}/{lang_of(case.language)}/cases/{token}"

    def desk_link(self, case: Case) -> str:
        """The URL of a case at the desk."""
        return f"{self.house.address}/desk/cases/{case.number}"

    # --- to the customer -------------------------------------------------------------------------

    def link(self, connection: Connection, case: Case, now: int) -> None:
        """Mail the link to a case to a customer who asked for it on its page."""
        self.received(connection, case, now, what=f"link:{now}")

    def received(
        self,
        connection: Connection,
        case: Case,
        now: int,
        thread: str = "",
        what: str = "received",
    ) -> None:
        """Acknowledge a message; ``thread`` is the Message-ID of the mail that it answers.

        ``what`` tells it from other mails of the case.
        """
        letter = mail_templates.received(
            self._site(case),
            case,
            self._until(case, lang_of(case.language)),
            self.status_link(case, now),
        )
        self._mail(connection, case, what, letter, now, thread, may_be_anybody=True)

    def automatic(
        self, connection: Connection, case: Case, answers: Sequence[Quoted], now: int, thread: str
    ) -> None:
        """Send the only automatic reply of a case, with articles that may answer it."""
        yes, no = self._yes_and_no(case, now)
        letter = mail_templates.automatic(
            self._site(case), case, answers, yes, no, self._until(case, lang_of(case.language))
        )
        self._mail(connection, case, "automatic", letter, now, thread, automatic="auto-replied")

    def reply(
        self, connection: Connection, case: Case, text: str, who: str, now: int, once: str
    ) -> str:
        """Send an agent's reply; returns its Message-ID, by which an answer is assigned."""
        letter = mail_templates.reply(
            self._site(case),
            case,
            mail_templates.with_copies(text, case.cc_list, case.language),
            who,
            self.status_link(case, now),
        )
        message_id = self._post.new_message_id()
        self._mail(
            connection,
            case,
            f"reply:{once or message_id}",
            letter,
            now,
            message_id=message_id,
            automatic="",
        )
        self._copies(connection, case, text, who, now, once or message_id)
        self._to_messenger(connection, case, text, f"reply:{once or message_id}", now)
        return message_id

    def _to_messenger(
        self, connection: Connection, case: Case, text: str, once: str, now: int
    ) -> None:
        """Send a message where the conversation was that became the case."""
        found = peer_of(connection, case.case_id)
        if found is not None:
            channel, peer = found
            key = f"{channel}:{hashlib.sha256(f'{case.case_id}:{once}'.encode()).hexdigest()[:32]}"
            payload = {"to": peer, "text": text}
            self._enqueue(connection, case, channel, MESSAGE, key, payload, now)

    def _copies(
        self, connection: Connection, case: Case, text: str, who: str, now: int, once: str
    ) -> None:
        """Send a reply to the further addresses, without the customer's own link."""
        if not self.can_mail:
            return
        subject, body = mail_templates.copy_of_reply(self._site(case), case, text, who)
        for address in case.cc_list:
            payload = {
                "to": address,
                "subject": subject,
                "body": body,
                "reply_to": self.house.help_address,
                "automatic": "",
                "language": lang_of(case.language),
            }
            self._enqueue(
                connection, case, MAIL_SINK, "mail", f"copy:{address}:{once}", payload, now
            )

    def as_mail(self, case: Case, text: str, who: str) -> mail_templates.Said:
        """An agent's reply as the customer will get it, without the link to the case."""
        lang = lang_of(case.language)
        link = f"{self.house.address}/{lang}/cases/…"
        return mail_templates.reply(self._site(case), case, text, who, link)

    def follow_up(self, connection: Connection, case: Case, now: int) -> None:
        """Ask whether the case was solved."""
        letter = mail_templates.follow_up(self._site(case), case, *self._yes_and_no(case, now))
        self._mail(connection, case, f"follow-up:{case.solved_at}", letter, now)
        self._to_messenger(connection, case, letter[1], f"follow-up:{case.solved_at}", now)

    # --- to ticket systems and escalation steps --------------------------------------------------

    def step(self, connection: Connection, case: Case, now: int) -> None:
        """Notify an escalation step of its new case: at its address, else its people."""
        if not self.can_mail:
            return
        subject, body = self._handed_over(connection, case)
        address = self._support().step(case.step).mail
        people = self.house.ombudsmen() if case.step == STEPS[-1] else ()
        for to in [address] if address else people or self.house.leads():
            payload = {
                "to": to,
                "subject": subject,
                "body": body,
                "reply_to": self.house.help_address,
            }
            self._enqueue(
                connection, case, STEP_SINK, "mail", f"step:{case.step}:{to}", payload, now
            )

    def announce(self, connection: Connection, case: Case, now: int) -> None:
        """Tell the address of the first step that a case came, where it has one."""
        first = self._support().ladder[0]
        if first.mail and case.desk == INBOX and not case.spam:
            self.step(connection, case, now)

    def hand_over(self, connection: Connection, case: Case, now: int, once: str = "") -> None:
        """Queue the case for its ticket system, if any; ``once`` distinguishes transfers."""
        if case.desk == INBOX or case.spam:
            return
        subject, body = self._handed_over(connection, case)
        payload = {
            "number": case.number,
            "kind": case.kind,
            "step": case.step,
            "language": case.language,
            "section": case.section,
            "name": case.name,
            "mail": case.mail,
            "subject": subject,
            "text": body,
            "message": case.message,
            "fields": dict(case.fields),
            "trail": [dict(step) for step in case.trail],
            "link": self.desk_link(case),
            "at": case.at,
            "reply_to": self.house.help_address,
        }
        self._enqueue(
            connection, case, case.desk, "create", f"create:{case.desk}:{once}", payload, now
        )

    def forward(self, connection: Connection, case: Case, text: str, once: str, now: int) -> None:
        """Queue a message for the ticket system, or the whole case if it has not been sent."""
        if case.desk == INBOX or case.spam:
            return
        if not case.external_id and not handed_over(connection, case.case_id, case.desk):
            self.hand_over(connection, case, now)
            return
        payload = {
            "number": case.number,
            "text": text,
            "subject": f"[#{case.number}] {case.title}",
            "mail": case.mail,
            "name": case.name,
            "reply_to": self.house.help_address,
            "thread": case.external_id if case.external_id.startswith("<") else "",
        }
        self._enqueue(connection, case, case.desk, "comment", f"comment:{once}", payload, now)

    # --- helpers ---------------------------------------------------------------------------------

    def _handed_over(self, connection: Connection, case: Case) -> mail_templates.Said:
        """The mail with the whole case for a ticket system or an escalation step."""
        lang = self.house.language
        files = [file.name for file in self._cases.attachments(case.case_id, within=connection)]
        messages = [
            (one.author, one.who, one.text)
            for one in self._cases.messages(case.case_id, within=connection)
        ]
        told = shown_fields(case.fields, self._support().fields, lang)
        text = "\n".join([case.message, "", *(f"{label}: {value}" for label, value in told)])
        tried = [step_text(step, lang) for step in case.trail]
        story = mail_templates.story(text.strip(), tried, files, messages, lang)
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
        """The promised reply time as text; "" if nothing is promised."""
        support = self._support()
        return (
            mail_templates.moment(case.due_at, support.calendar.zone, lang)
            if case.due_at and support.promised
            else ""
        )

    def _yes_and_no(self, case: Case, now: int) -> tuple[str, str]:
        """The links to confirm or deny that the case is solved: (yes, no)."""
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
        may_be_anybody: bool = False,
    ) -> None:
        """Queue a mail to the customer, if there is an address and a mail server."""
        if not case.mail or not self.can_mail:
            return
        subject, body = said
        # Mail programs show the mails of a case together by what they refer to.
        before = self._cases.thread(connection, case.case_id)
        thread = thread or (before[-1] if before else "")
        payload = {
            "to": case.mail,
            # An address that anybody may have typed, with any name.
            "to_name": "" if may_be_anybody else case.name,
            "subject": subject,
            "body": body,
            "in_reply_to": thread,
            "references": references([*before, thread]),
            "reply_to": self.house.help_address,
            "automatic": automatic,
            "language": lang_of(case.language),
        }
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
        """Queue a delivery and store its Message-ID, which identifies replies."""
        name = message_id or self._post.new_message_id()
        key = f"{case.number}-{hashlib.sha256(f'{case.case_id}:{what}'.encode()).hexdigest()[:24]}"
        if enqueue(
            connection, case.case_id, sink, action, key, payload | {"message_id": name}, now
        ):
            self._cases.first_time(
                connection, THREAD if sink == MAIL_SINK else TO_DESK, name, now, case.case_id
            )


def references(message_ids: Sequence[str]) -> str:
    """The last Message-IDs that fit into one header."""
    kept: list[str] = []
    for name in reversed(list(dict.fromkeys(name for name in message_ids if name))):
        if sum(map(len, kept)) + len(kept) + len(name) > LONGEST_REFERENCES:
            break
        kept.append(name)
    return " ".join(reversed(kept))
