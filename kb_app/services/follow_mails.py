"""Mails to those who follow an article or a section: to confirm it, and when something changed."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from indexer.model import ArticleSummary
from kb_app.durations import DAY, HOUR
from kb_app.localized import localized
from kb_app.services.live_index import LiveIndex, Snapshot
from kb_app.services.public_search import article_address
from kb_app.services.search_adapters import PUBLIC
from kb_app.settings import Settings
from kb_app.smtp import can_mail, new_message_id
from kb_app.support.access_links import Links
from kb_app.support.case_store import CaseStore
from kb_app.support.delivery import mail_templates
from kb_app.support.delivery.outbox import enqueue
from kb_app.support.follows import Follow, FollowStore, Kind, key_of
from kb_app.support.model import MAIL_SINK, is_mail_address

log = logging.getLogger("kb_app.services.follow_mails")
PURPOSE, STOP = "follow", "follow stop"
# A follow of an article that is gone ends after that.
GONE = 30 * DAY
# At most one mail a day of each follow, and so many questions to one address.
PAUSE = 20 * HOUR
ASKED_A_DAY = 3
MOST_NAMED = 20


class FollowMails:
    """Sends the mails of follows; what changed is read from the articles that are served."""

    def __init__(
        self,
        store: FollowStore,
        cases: CaseStore,
        live: LiveIndex,
        settings: Settings,
        links: Links,
        clock: Callable[[], datetime],
    ) -> None:
        self.store, self._cases, self._live = store, cases, live
        self._settings, self._links, self._clock = settings, links, clock

    def _now(self) -> int:
        return int(self._clock().timestamp() * 1000)

    def ask(self, mail: str, kind: Kind, object_id: str, language: str) -> bool:
        """Ask an address whether it wants to follow; False for what is no address.

        Who follows already, or was asked often today, gets no further mail: the page says the same,
        so that nobody learns who follows what.
        """
        if not is_mail_address(mail):
            return False
        now = self._now()
        source = f"follow:{hashlib.sha256(mail.casefold().encode()).hexdigest()[:24]}"
        is_often = self._cases.seen(source, now - DAY) >= ASKED_A_DAY
        with self._cases.changing() as connection:
            follow = self.store.ask(connection, mail, kind, object_id, language, now)
            if follow.confirmed_at is None and not is_often:
                self._cases.first_time(connection, source, f"{follow.follow_id}:{now}", now)
                name = self.title(follow)
                lang = mail_templates.lang_of(language)
                subject, body = mail_templates.follow_ask(
                    self._settings.name(lang), name, self._link(follow), lang
                )
                payload = {"to": follow.mail, "subject": subject, "body": body, "language": lang}
                self._enqueue(connection, follow, payload, now)
        return True

    def confirm(self, follow: Follow) -> None:
        """Begin to tell of changes."""
        snapshot = self._live.current()
        seen = _versions(follow, snapshot, self._clock()) if snapshot else {}
        self.store.confirm(follow.follow_id, seen, self._now())

    def title(self, follow: Follow) -> str:
        """What is followed, for readers; "" where it is gone."""
        snapshot = self._live.current()
        if snapshot is None:
            return ""
        if follow.kind == "article":
            card = snapshot.articles.summaries.get(follow.object_id)
            return card.title if card and card.visible(self._clock(), PUBLIC) else ""
        info = snapshot.articles.sections.get(follow.object_id)
        return localized(info.title if info else {}, follow.language) or follow.object_id

    def run(self) -> int:
        """Mail what changed; returns the number of mails queued."""
        now = self._now()
        self.store.forget(now)
        snapshot = self._live.current()
        if snapshot is None or not can_mail(self._settings):
            return 0
        return sum(
            self._try_to_tell(follow, snapshot, now) for follow in self.store.confirmed(now - PAUSE)
        )

    def _try_to_tell(self, follow: Follow, snapshot: Snapshot, now: int) -> bool:
        """Tell one; a failure is logged, so that the others are told."""
        try:
            return self._tell(follow, snapshot, now)
        except Exception as error:  # the next round tries again
            log.error("somebody who follows could not be told (%s)", type(error).__name__)
            return False

    def _tell(self, follow: Follow, snapshot: Snapshot, now: int) -> bool:
        summaries = snapshot.articles.summaries
        is_article = follow.kind == "article"
        if is_article and follow.object_id not in summaries and now - follow.told_at > GONE:
            self.store.end(follow.follow_id)
            return False
        versions = _versions(follow, snapshot, self._clock())
        changed = [name for name, version in versions.items() if follow.seen.get(name) != version]
        if not changed:
            return False
        # What is not named now is named tomorrow.
        named = {name: versions[name] for name in changed[:MOST_NAMED]}
        cards = [summaries[name] for name in named]
        lang = mail_templates.lang_of(follow.language)
        articles = [
            mail_templates.Quoted(
                card.title, article_address(self._settings, card, follow.language), card.summary
            )
            for card in cards
        ]
        stop = self.stop_link(follow)
        subject, body = mail_templates.follow_news(
            self._settings.name(lang), self.title(follow), articles, stop, lang
        )
        payload = {
            "to": follow.mail,
            "subject": subject,
            "body": body,
            "language": lang,
            "message_id": new_message_id(self._settings),
            "unsubscribe": stop,
        }
        with self._cases.changing() as connection:
            if not self.store.told(connection, follow, {**follow.seen, **named}, now):
                return False
            return self._enqueue(connection, follow, payload, now)

    def _enqueue(
        self, connection: Connection, follow: Follow, payload: Mapping[str, Any], now: int
    ) -> bool:
        """Queue a mail by itself: one that fails does not hold up the next."""
        key = f"{key_of(follow.follow_id)}:{now}"
        return enqueue(connection, str(uuid.uuid4()), MAIL_SINK, "mail", key, payload, now)

    def stop_link(self, follow: Follow) -> str:
        """The address that ends a follow; it never expires."""
        token = self._links.make(STOP, follow.follow_id, self._now())
        lang = self._settings.spoken(follow.language)
        return f"{self._settings.address}/{lang}/follow/stop/{token}"

    def _link(self, follow: Follow) -> str:
        token = self._links.make(PURPOSE, follow.follow_id, self._now())
        lang = self._settings.spoken(follow.language)
        return f"{self._settings.address}/{lang}/follow/{token}"


def _versions(follow: Follow, snapshot: Snapshot, now: datetime) -> dict[str, str]:
    """The version of each followed article: the day that its writer gave, else its text."""
    return {
        card.id: _version(card, snapshot)
        for card in snapshot.articles.visible(now, PUBLIC)
        if (follow.kind == "article" and card.id == follow.object_id)
        or (
            follow.kind == "section"
            and card.section == follow.object_id
            and card.lang == follow.language
        )
    }


def _version(card: ArticleSummary, snapshot: Snapshot) -> str:
    if card.updated:
        return card.updated.isoformat()
    full = snapshot.articles.article(card.id)
    text = f"{card.title}\0{full.html if full else ''}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
