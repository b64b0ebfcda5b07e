"""Runs the support package: due tasks, incoming and outgoing mail, ticket system states."""

from __future__ import annotations

import imaplib
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parseaddr
from typing import Any

from sqlalchemy import delete, insert, select

from kb_app import metrics
from kb_app.analytics.event_store import EventStore
from kb_app.analytics.event_writer import BackgroundWriter
from kb_app.db import schema
from kb_app.db.schema import cases
from kb_app.durations import DAY, HOUR, MINUTE
from kb_app.localized import localized
from kb_app.services.chat_answers import ChatAnswers
from kb_app.services.live_index import LiveIndex
from kb_app.services.public_search import PublicSearch
from kb_app.services.support_adapters import (
    CaseLog,
    MailReader,
    SinkRegistry,
    SiteMailer,
    parse_mail,
)
from kb_app.services.weekly_digest import LEADS, OMBUDSMEN
from kb_app.settings import Settings
from kb_app.smtp import new_message_id
from kb_app.support.access_links import Links
from kb_app.support.attachments import Uploads
from kb_app.support.case_store import CaseStore
from kb_app.support.config.values import Support
from kb_app.support.conversations.chats import KEPT, Chats
from kb_app.support.conversations.store import ConversationStore
from kb_app.support.delivery import mail_templates
from kb_app.support.delivery.freshdesk import FreshdeskSink
from kb_app.support.delivery.notifications import CaseNotifications, SiteIdentity
from kb_app.support.delivery.outbox import (
    Outbox,
    PermanentDeliveryError,
    Round,
    TransientDeliveryError,
)
from kb_app.support.delivery.zendesk import ZendeskSink
from kb_app.support.desk_work import DeskWork
from kb_app.support.inbound.imap import Mailbox, MailboxError
from kb_app.support.inbound.mail_to_case import MailIntake
from kb_app.support.model import CLOSED, SOLVED, Case
from kb_app.support.notices import Notice, NoticeStore
from kb_app.support.workflow import CaseWorkflow

log = logging.getLogger("kb_app.services.support")
NOTICE_STOP = "notice stop"
POLLED, MOST_AWAY = 200, 20_000
FETCH_EVERY, POLL_EVERY, FORGET_EVERY = MINUTE, 10 * MINUTE, HOUR
# Sent deliveries are removed after this time, since they contain personal messages.
SENT_KEPT = 30 * DAY


def _safely(part: Callable[[], object]) -> None:
    """Run one part of a round; log its failure, so that the other parts still run."""
    try:
        part()
    except Exception as error:  # the next round retries
        log.error("a task of the support round failed (%s)", type(error).__name__)


@dataclass
class SupportService:
    """Cases, the outbox, incoming mail, and notices of known problems."""

    settings: Settings
    workflow: CaseWorkflow
    links: Links
    outbox: Outbox
    uploads: Uploads
    notices: NoticeStore
    mail_intake: MailIntake
    sinks: SinkRegistry
    chats: Chats
    clock: Callable[[], datetime]
    done_at: dict[str, int] = field(default_factory=dict)
    mailbox: Mailbox = field(init=False)
    polled: int = 0

    def __post_init__(self) -> None:
        """One mailbox for the life of the process: it remembers what it has fetched."""
        self.mailbox = Mailbox(self.settings.imap_url)

    @property
    def cases(self) -> CaseStore:
        """The case store."""
        return self.workflow.cases

    @property
    def work(self) -> DeskWork:
        """What agents do with a case beside answering."""
        settings = self.settings
        sender = parseaddr(settings.mail_from)[1]
        return DeskWork(self.cases, [settings.contact_mail, sender])

    @property
    def can_mail(self) -> bool:
        """Whether mail can be sent: an SMTP server and a sender are set."""
        return self.workflow.sending.can_mail

    @property
    def config(self) -> Support:
        """The current values of support.yml."""
        return self.workflow.support()

    def run_now(self) -> None:
        """Run what is due now."""
        self.run(int(self.clock().timestamp() * 1000))

    def run(self, now: int) -> Round:
        """Run what is due: mail in, follow-ups, notices, ticket systems, the outbox, removal.

        ``now`` is in ms. It may be called often: other systems are polled at their own intervals.
        """
        if self.settings.imap_url and self._turn("mailbox", now, FETCH_EVERY):
            _safely(lambda: self._fetch(now))
        _safely(lambda: self.workflow.run_due(now))
        _safely(lambda: self.end_notices(now))
        if self._turn("poll", now, POLL_EVERY):
            _safely(lambda: self.poll(now))
        if self._turn("forget", now, FORGET_EVERY):
            _safely(lambda: self._forget(now))
        return self.outbox.run(now)

    def _turn(self, name: str, now: int, every: int) -> bool:
        """Whether ``every`` ms have passed since the last run in this process."""
        if now - self.done_at.get(name, -every) < every:
            return False
        self.done_at[name] = now
        return True

    def _fetch(self, now: int) -> None:
        start = self._mailbox_start()
        try:
            fetched, began = self.mailbox.fetch(lambda raw: self.mail_intake.take(raw, now), start)
            metrics.mails_fetched.inc(fetched)
            if began != start:
                self._keep_mailbox_start(began)
        except MailboxError as error:
            log.warning("%s", error)
        except (OSError, imaplib.IMAP4.error) as error:
            log.warning(
                "the mailbox could not be read (%s): check KB_IMAP_URL", type(error).__name__
            )

    def _mailbox_start(self) -> str:
        """Where in the mailbox the site began; mails that were read before are no cases."""
        table = schema.job_state
        with self.cases.engine.connect() as connection:
            row = connection.execute(select(table.c.value).where(table.c.name == "mailbox")).first()
        return str(row[0]) if row else ""

    def _keep_mailbox_start(self, start: str) -> None:
        table = schema.job_state
        with self.cases.engine.begin() as connection:
            connection.execute(delete(table).where(table.c.name == "mailbox"))
            connection.execute(insert(table).values(name="mailbox", value=start))

    def poll(self, now: int) -> int:
        """Poll ticket systems without webhooks for solved cases; returns the number solved."""
        polled = [
            name
            for name, desk in self.config.desks.items()
            if desk.poll and desk.type in ("zendesk", "freshdesk")
        ]
        away = (
            cases.c.desk.in_(polled)
            & (cases.c.external_id != "")
            & cases.c.state.not_in([SOLVED, CLOSED])
        )
        pending, solved, down = self.cases.due(away, MOST_AWAY), 0, set()
        # With many cases, each round polls the next part of them.
        start = self.polled % max(1, len(pending))
        self.polled = start + POLLED
        for case in [*pending[start:], *pending[:start]][:POLLED]:
            sink = self.sinks.sink_of(case.desk)
            if case.desk in down or not isinstance(sink, ZendeskSink | FreshdeskSink):
                continue
            try:
                solved += self._heard(case, sink.solved(case.external_id), now)
            except TransientDeliveryError:
                down.add(case.desk)
            except (PermanentDeliveryError, KeyError, TypeError, AttributeError) as error:
                log.warning(
                    "the state of a case could not be read from the ticket system %s (%s): "
                    "check its entry in support.yml and its secret in KB_DESK_SECRETS",
                    case.desk,
                    type(error).__name__,
                )
        return solved

    def _heard(self, case: Case, solved: bool, now: int) -> bool:
        """Apply a polled state; returns whether the case was solved by it.

        After a case was reopened, "solved" counts again only once the ticket was seen open.
        """
        turn, before = f"{case.case_id}:{case.turn_at}", f"{case.case_id}:before"
        with self.cases.changing() as connection:
            if not solved:
                self.cases.first_time(connection, f"open:{case.desk}", turn, now, case.case_id)
                return False
        if self.cases.has(f"solved:{case.desk}", before) and not self.cases.has(
            f"open:{case.desk}", turn
        ):
            return False
        with self.cases.changing() as connection:
            self.cases.first_time(connection, f"solved:{case.desk}", before, now, case.case_id)
        return self.workflow.apply_remote_state(
            [(f"poll:{case.desk}", f"{turn}:{case.changed_at}")], case, True, now
        )

    def end_notices(self, now: int, notice_ids: Sequence[str] = ()) -> int:
        """End expired notices and the given ones; returns the number of subscribers to mail."""
        return self.notices.end(now, self._over, notice_ids)

    def add_notice_update(
        self, notice: Notice, update_id: str, text: Mapping[str, str], by: str, tell: bool
    ) -> int:
        """Add what was learned of a known problem; returns the number of subscribers to mail."""
        now = int(self.clock().timestamp() * 1000)

        def mail_of(told: Notice, address: str, language: str) -> Mapping[str, Any]:
            lang = mail_templates.lang_of(language)
            stop = self._notice_stop(told, address, lang)
            name, title = self.settings.name(lang), localized(told.title, lang)
            subject, body = mail_templates.notice_update(
                name, title, localized(text, lang), stop, lang
            )
            mail = self._notice_mail(address, subject, body, lang)
            return {**mail, "unsubscribe": stop}

        wanted = mail_of if tell and self.can_mail else None
        return self.notices.add_update(notice, update_id, text, by, now, wanted)

    def _over(self, notice: Notice, mail: str, language: str) -> Mapping[str, Any]:
        lang = mail_templates.lang_of(language)
        subject, body = mail_templates.notice_over(
            self.settings.name(lang),
            localized(notice.title, lang),
            f"{self.settings.address}/{lang}/contact",
            lang,
        )
        return self._notice_mail(mail, subject, body, lang)

    def _notice_stop(self, notice: Notice, mail: str, lang: str) -> str:
        """The address that ends the mails about a known problem; it never expires."""
        now = int(self.clock().timestamp() * 1000)
        token = self.links.make(NOTICE_STOP, f"{notice.notice_id} {mail}", now)
        return f"{self.settings.address}/{lang}/notices/stop/{token}"

    def _notice_mail(self, mail: str, subject: str, body: str, lang: str) -> Mapping[str, Any]:
        return {
            "to": mail,
            "subject": subject,
            "body": body,
            "language": lang,
            "message_id": new_message_id(self.settings),
        }

    def _forget(self, now: int) -> None:
        for file in self.cases.abandoned_attachments(now - DAY):
            self.uploads.forget(file)
            self.cases.forget_attachment(file.attachment_id)
        self.uploads.forget_unknown(now - HOUR)
        self.outbox.forget(now - SENT_KEPT)
        self.chats.store.forget(now - KEPT)
        for file in self.cases.purge(now - self.settings.case_days * DAY):
            self.uploads.forget(file)


def make_support(
    settings: Settings,
    store: EventStore,
    live: LiveIndex,
    events: BackgroundWriter,
    clock: Callable[[], datetime],
    redactions: tuple[re.Pattern[str], ...],
    support: Callable[[], Support],
    people: Callable[[Sequence[str]], Sequence[str]],
    secret_key: str,
) -> SupportService:
    """Build the support service and its parts."""
    cases = CaseStore(store.engine)
    site = SiteIdentity(
        settings.name,
        settings.address,
        settings.contact_mail,
        settings.languages[0],
        lambda: people(LEADS),
        lambda: people(OMBUDSMEN),
    )
    links = Links(secret_key, settings.link_days)
    workflow = CaseWorkflow(
        cases,
        support,
        CaseLog(store, redactions),
        CaseNotifications(cases, support, links, SiteMailer(settings), site),
    )
    uploads, sinks = Uploads(store.engine), SinkRegistry(settings, support, cases, clock)
    search = PublicSearch(live, events, settings, redactions, clock)
    reader = MailReader(search)
    own = [settings.contact_mail, settings.mail_from]
    mail_intake = MailIntake(workflow, uploads, reader, own, parse_mail)
    conversations = ConversationStore(store.engine)
    chats = Chats(conversations, workflow, ChatAnswers(search), settings.languages[0])
    outbox = Outbox(store.engine, sinks.sink_of, workflow.set_external_id)
    return SupportService(
        settings,
        workflow,
        links,
        outbox,
        uploads,
        NoticeStore(store.engine),
        mail_intake,
        sinks,
        chats,
        clock,
    )
