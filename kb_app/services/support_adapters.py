"""Adapters that implement the support package's ports with the log, mail, index and sinks."""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from indexer.isolation import IsolationError, isolated_process
from kb_app.analytics.event_store import EventStore
from kb_app.analytics.model import ActionEvent
from kb_app.analytics.redaction import redact_all
from kb_app.services.public_search import PublicSearch, article_address, section_of
from kb_app.settings import Settings
from kb_app.smtp import can_mail, new_message_id
from kb_app.support.case_store import CaseStore
from kb_app.support.config.values import Messenger, Support, TicketSystem
from kb_app.support.delivery.email import MailSink, TicketMailSink
from kb_app.support.delivery.freshdesk import FreshdeskSink
from kb_app.support.delivery.line import LineSink
from kb_app.support.delivery.mail_templates import Quoted
from kb_app.support.delivery.outbox import PermanentDeliveryError, Sink
from kb_app.support.delivery.webhook import WebhookSink
from kb_app.support.delivery.whatsapp import WhatsAppSink
from kb_app.support.delivery.zendesk import ZendeskSink
from kb_app.support.inbound.email_parser import Incoming, read_mail, unreadable_mail
from kb_app.support.inbound.mail_to_case import MailAnswer
from kb_app.support.model import MAIL_SINK, STEP_SINK, Case
from kb_app.support.workflow import CREATED, RESOLVED

log = logging.getLogger("kb_app.services.support")
QUOTED = 3
# Time to parse one mail; a usual one takes a few ms.
MAIL_S = 20.0


class CaseLog:
    """Writes case events to the event log, redacted; implements the workflow's Log port."""

    def __init__(self, store: EventStore, redactions: tuple[re.Pattern[str], ...]) -> None:
        self._store, self._redactions = store, redactions

    def record(
        self, name: str, case: Case, at: int, once: str, attributes: Mapping[str, Any]
    ) -> None:
        """Store one event."""
        event_id = (
            f"t:{case.case_id}"
            if name == CREATED
            else str(uuid.uuid5(uuid.NAMESPACE_OID, f"{name}:{once}"))
        )
        self._store.append(
            [],
            [
                ActionEvent(
                    event_id=event_id,
                    action_name=name,
                    at=at,
                    query_id=case.query_id or None,
                    client_id=case.client_id,
                    # An answer about a case must not count as a vote on an article.
                    object_id=case.number if name in (CREATED, RESOLVED) else "",
                    channel=case.channel,
                    language=case.language,
                    attributes=redact_all(attributes, self._redactions),
                )
            ],
        )


class SiteMailer:
    """Mail capabilities of the settings' SMTP server; implements the Post port."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def can_mail(self) -> bool:
        """Whether an SMTP server and a sender are set."""
        return can_mail(self._settings)

    def new_message_id(self) -> str:
        """A new Message-ID in the sender's domain."""
        return new_message_id(self._settings)


def parse_mail(raw: bytes) -> Incoming:
    """Parse a mail in a child process; one that stops it twice becomes a case of its bytes."""
    for _attempt in range(2):
        try:
            return isolated_process().run(MAIL_S, read_mail, raw)
        except IsolationError as error:
            log.warning("reading a mail %s", error)
    return unreadable_mail(raw)


class MailReader:
    """Searches the index for the question of a mail; implements the Read port."""

    def __init__(self, search: PublicSearch) -> None:
        self._search = search

    def __call__(self, subject: str, text: str) -> MailAnswer:
        """The articles that answer with the verdict "strict"; the search is recorded as a query."""
        settings, query = self._search.settings, question_of(subject, text)
        recorded = settings.analytics == "on"
        found = self._search.search(query, "", QUOTED) if query else None
        if found is None:
            return MailAnswer(language=settings.languages[0], recorded=recorded)
        snapshot, results = found
        lang = results.lang or settings.languages[0]
        if results.problem:
            return MailAnswer(language=lang, recorded=recorded)
        client_id, query_id = uuid.uuid4().hex, ""
        if recorded:
            query_id = self._search.record(
                query, results, client_id=client_id, channel="mail", origin="mail", language=lang
            )
        answers = tuple(
            Quoted(
                (card := snapshot.articles.summaries[answer.article_id]).title,
                article_address(settings, card, lang, query_id),
                answer.text,
            )
            for answer in (results.answer, results.other_answer)
            if answer
        )
        return MailAnswer(
            query_id,
            client_id if recorded else None,
            lang,
            section_of(results),
            recorded,
            answers,
        )


def question_of(subject: str, text: str, longest: int = 200) -> str:
    """The query of a mail: its subject without Re:, with its first lines if that is vague."""
    plain = re.sub(r"(?i)^\s*((re|fwd?|aw|返信|転送)\s*[:：]\s*)+", "", subject).strip()
    lines = [
        line.strip() for line in text.splitlines() if line.strip() and not line.startswith(">")
    ]
    vague = len(plain) < 8 or re.fullmatch(
        r"(?i)(question|help|hello|hi|お問い合わせ|問い合わせ|質問|ご質問)[!!。\s]*", plain
    )
    return " ".join([plain, *lines])[:longest].strip() if vague else plain[:longest]


class SinkRegistry:
    """Resolves the sink names of the outbox."""

    def __init__(
        self,
        settings: Settings,
        support: Callable[[], Support],
        cases: CaseStore,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings, self._support, self._cases = settings, support, cases
        self._clock = clock

    def sink_of(self, name: str) -> Sink | None:
        """The sink; None for a ticket system that is not in support.yml."""
        if name in (MAIL_SINK, STEP_SINK):
            return MailSink(self._settings)
        messenger = self._support().messengers.get(name)
        if messenger is not None:
            return self._messenger(messenger)
        desk = self._support().desks.get(name)
        return self._ticket_system(desk) if desk is not None else None

    def _ticket_system(self, desk: TicketSystem) -> Sink:
        name = desk.name
        secret = self._settings.desk_secret(name)
        if desk.type == "smtp":
            return TicketMailSink(self._settings, desk.mail)
        if desk.type == "webhook":
            return WebhookSink(desk.url, secret)
        if desk.type == "zendesk":
            return ZendeskSink(desk.url, desk.user, secret, self._external)
        return FreshdeskSink(desk.url, secret, self._external)

    def _messenger(self, messenger: Messenger) -> Sink:
        token = self._settings.desk_secret(f"{messenger.name}-token")
        if messenger.type == "line":
            return LineSink(token, messenger.api, lambda: self._clock().timestamp())
        return WhatsAppSink(token, messenger.phone_number_id, messenger.api)

    def _external(self, case_id: str) -> str:
        case = self._cases.case(case_id)
        if case is None or not case.external_id:
            raise PermanentDeliveryError("The ticket system's id of this case is not known.")
        return case.external_id
