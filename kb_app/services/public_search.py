"""Searches for customers outside a page: mails and conversations. Their searches are recorded."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote

from indexer.model import ArticleSummary
from kb_app.analytics.event_writer import BackgroundWriter
from kb_app.analytics.model import QueryEvent
from kb_app.analytics.redaction import redact
from kb_app.services.live_index import LiveIndex, Snapshot
from kb_app.services.search_adapters import PUBLIC
from kb_app.settings import Settings
from search.model import Query, Results


class PublicSearch:
    """Searches the articles that everybody may read."""

    def __init__(
        self,
        live: LiveIndex,
        events: BackgroundWriter,
        settings: Settings,
        redactions: tuple[re.Pattern[str], ...],
        clock: Callable[[], datetime],
    ) -> None:
        self.events, self.settings = events, settings
        self._live, self._redactions, self._clock = live, redactions, clock

    def search(self, text: str, language: str, hits: int) -> tuple[Snapshot, Results] | None:
        """The results with the snapshot that they are of; None before the first build."""
        snapshot, spoken = self._live.current(), language or self.settings.languages[0]
        if snapshot is None:
            return None
        query = Query(text, spoken, hits, audiences=PUBLIC, now=self._clock())
        return snapshot, snapshot.search(query)

    def may_read(self, card: ArticleSummary) -> bool:
        """Whether everybody may read an article now."""
        return card.visible(self._clock(), PUBLIC)

    def record(
        self,
        text: str,
        results: Results,
        *,
        client_id: str,
        channel: str,
        origin: str,
        language: str,
        session_id: str | None = None,
    ) -> str:
        """Record a search, redacted; returns its id."""
        query_id = str(uuid.uuid4())
        self.events.put(
            QueryEvent(
                query_id=query_id,
                at=int(self._clock().timestamp() * 1000),
                user_query=redact(text, self._redactions),
                client_id=client_id,
                session_id=session_id,
                language=language,
                channel=channel,
                origin=origin,
                verdict=results.verdict,
                probability=results.probability,
                index_version=results.index_version,
                elapsed_ms=results.elapsed_ms,
                hit_ids=tuple(hit.article_id for hit in results.hits),
                section=section_of(results),
            )
        )
        return query_id


def section_of(results: Results) -> str:
    """The section of the first hit; "" without an answer."""
    return results.hits[0].document.section if results.hits and results.verdict != "none" else ""


def article_address(
    settings: Settings, card: ArticleSummary, language: str, query_id: str = ""
) -> str:
    """The whole address of an article, for texts that leave the site."""
    address = f"{settings.address}/{settings.spoken(language)}/articles/{quote(card.slug)}"
    return f"{address}?from={query_id}" if query_id else address
